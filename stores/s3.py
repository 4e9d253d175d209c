"""Amazon S3, and what speaks its API (MinIO, Ceph, SeaweedFS): `s3://bucket/name` and `minio://bucket/name`, by boto3, to read and to write.

Credentials, region and endpoint come from boto3's own chain: environment (`AWS_ENDPOINT_URL`, ...), profile, role.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from stellwerk.stores.base import Access, Changed, Interrupted, Object, StoreError
from stellwerk.stores.checksums import etag_of

PACKAGE, EXTRA = "boto3", "s3"
"""What has to be installed, and the extra of Stellwerk that it comes with."""
VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
)
"""Environment variables that it is asked with, besides those of proxies: what a container needs of this machine."""
FILES = {
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
    "AWS_CONFIG_FILE": "~/.aws/config",
    "AWS_CA_BUNDLE": None,
}
"""Variables that name a file, and where that is where they are not set."""
PIECE = 1 << 20
PART_ATTEMPTS = 3
"""How often a part of a large file is sent, so that the others need not be sent again."""
REASONS = {
    "InvalidAccessKeyId": "the access key is not known there. Set AWS_ACCESS_KEY_ID, or choose another AWS_PROFILE",
    "SignatureDoesNotMatch": "the secret key is wrong. Set AWS_SECRET_ACCESS_KEY, or choose another AWS_PROFILE",
    "ExpiredToken": "the credentials have expired. Log in again",
    "PermanentRedirect": "the bucket is in another region. Set AWS_REGION",
}
READING = {
    "NoSuchBucket": "there is no such bucket. Check its name",
    "AllAccessDisabled": "all access to it is disabled. Ask its owner",
    "InvalidBucketName": "that is no name of a bucket. Change it",
    "AccessDenied": "these credentials have no right to read it, or it is not there. Give them s3:GetObject and s3:ListBucket",
    "login": ", or AWS_PROFILE, or say `credentials: anonymous` for a public bucket",
    "network": "`endpoint` or AWS_ENDPOINT_URL",
}
PUSHING = {
    "NoSuchBucket": "there is no such bucket. Create it, or choose another push.to",
    "AllAccessDisabled": "all access to it is disabled. Choose another push.to",
    "InvalidBucketName": "that is no name of a bucket. Change push.to",
    "AccessDenied": "these credentials have no right to it. Give them the rights to list, read, write and delete there",
    "login": ", or AWS_PROFILE",
    "network": "AWS_ENDPOINT_URL",
}
MISSING = ("NoSuchKey", "NotFound", "404")
UNEXPLAINED = ("400", "403")
TAKEN, IN_CONFLICT = ("PreconditionFailed", "412"), ("ConditionalRequestConflict", "409")
CHANGED = (*TAKEN, *MISSING)
REFUSED = ("AccessDenied", "403", "Forbidden")
PASSING = (
    "SlowDown",
    "ServiceUnavailable",
    "InternalError",
    "RequestTimeout",
    "Throttling",
    "500",
    "502",
    "503",
    "504",
)


def store(scheme: str, host: str, access: Access) -> Bucket:
    """Returns the bucket. Raises StoreError where boto3 is not installed, or a MinIO bucket has no server."""
    endpoint = access.endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if scheme == "minio" and not endpoint:
        raise StoreError("names no server. Give the source an `endpoint`, or set AWS_ENDPOINT_URL")
    try:
        import boto3  # noqa: PLC0415, F401 - only who reads S3 has it
    except ImportError as error:
        raise StoreError("boto3 is not installed. Install stellwerk[s3]") from error
    return Bucket(scheme, host, endpoint, access)


class Bucket:
    """A bucket of S3. The client is made at the first request, so that a wrong profile is told as any other error."""

    def __init__(self, scheme: str, name: str, endpoint: str | None, access: Access) -> None:
        self.name, self.endpoint, self.anonymous = name, endpoint, access.anonymous
        self._words = REASONS | (PUSHING if access.pushing else READING)
        self.uri = f"{scheme}://{name}"
        self.origin = f"{endpoint or 's3:'}//{name}"

    @cached_property
    def _client(self) -> Any:
        return self._made(attempts=1)  # what fails is tried again by who asks

    @cached_property
    def _transfers(self) -> Any:
        return self._made(PART_ATTEMPTS)

    def _made(self, attempts: int) -> Any:
        import boto3  # noqa: PLC0415
        from botocore import UNSIGNED  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        settings = Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": attempts},
            s3={"addressing_style": "path"} if self.endpoint else {},
            **({"signature_version": UNSIGNED} if self.anonymous else {}),
        )
        return boto3.session.Session().client("s3", endpoint_url=self.endpoint, config=settings)

    def find(self, key: str) -> Object | None:
        """Asks for the object's metadata."""
        if not key:
            return None
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            with self._told(passing=(*MISSING, *UNEXPLAINED)):
                head = self._client.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error.response["Error"].get("Code") in UNEXPLAINED:
                self._explain(key, error)
            return None
        return self._object(key, head["ContentLength"], head["ETag"])

    def _explain(self, key: str, refused: Any) -> None:
        """Raises the reason of a refusal: an answer to HEAD has no body that could say it, one to GET has."""
        with self._told():
            self._client.get_object(Bucket=self.name, Key=key)["Body"].close()
        raise self._refusal("403", refused)

    def below(self, prefix: str) -> Iterator[Object]:
        """Lists by pages of a thousand."""
        with self._told():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                for one in page.get("Contents", ()):
                    yield self._object(one["Key"], one["Size"], one["ETag"], one["LastModified"])

    def _object(self, key: str, size: int, etag: str, written: datetime | None = None) -> Object:
        stored = () if etag.startswith("W/") else (("etag", etag.strip('"')),)
        name = key.rsplit("/", 1)[-1]
        return Object(f"{self.uri}/{key}", key, name, size, etag, self, stored=stored, written=written)

    def whole(self, item: Object) -> Object:
        """Asks for the version, which is known where the bucket has versions."""
        with self._told(passing=CHANGED, changed=True):
            head = self._client.head_object(Bucket=self.name, Key=item.key)
        found = self._object(item.key, head["ContentLength"], head["ETag"])
        version = head.get("VersionId", "null")
        return found if version == "null" else replace(found, stored=(*found.stored, ("version_id", version)))

    def stream(self, item: Object, start: int, end: int | None) -> Iterator[bytes]:
        """Reads under the condition that the ETag is the same; the client compares what checksums S3 gives."""
        last = "" if end is None else str(end - 1)
        with self._told(passing=CHANGED, changed=True):
            body = self._client.get_object(
                Bucket=self.name,
                Key=item.key,
                IfMatch=item.version,
                **({"Range": f"bytes={start}-{last}"} if start or last else {}),
            )["Body"]
            with contextlib.closing(body):
                yield from body.iter_chunks(PIECE)

    def create(self, key: str, content: bytes) -> bool:
        """Writes with `If-None-Match: *`."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            with self._told(passing=(*TAKEN, *IN_CONFLICT)):
                self._client.put_object(Bucket=self.name, Key=key, Body=content, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] in TAKEN:
                return False
            raise Interrupted(f"another program keeps writing {key}. Push again") from error
        return True

    def upload(self, key: str, file: Path) -> None:
        """Uploads, a large file in parts, with checksums."""
        with self._told():
            self._transfers.upload_file(str(file), self.name, key)

    def holds(self, key: str, file: Path) -> bool | None:
        """Compares size and ETag, where that is made of MD5 alone."""
        with self._told():
            head = self._client.head_object(Bucket=self.name, Key=key)
        if head["ContentLength"] != file.stat().st_size:
            return False
        by_md5 = head.get("ServerSideEncryption", "AES256") == "AES256"
        return True if by_md5 and head["ETag"].strip('"') == etag_of(file) else None

    def copy(self, source: str, key: str) -> None:
        """Copies inside S3, a large object in parts."""
        with self._told():
            self._transfers.copy({"Bucket": self.name, "Key": source}, self.name, key)

    def remove(self, key: str) -> None:
        """Removes an object: not every server knows the request for many."""
        with self._told():
            self._client.delete_object(Bucket=self.name, Key=key)

    @contextlib.contextmanager
    def _told(self, passing: tuple[str, ...] = (), changed: bool = False) -> Iterator[None]:
        """Says in a sentence what S3 or its client refused; a code in `passing` is raised as it is, or as Changed."""
        from boto3.exceptions import Boto3Error  # noqa: PLC0415
        from botocore import exceptions as botocore  # noqa: PLC0415

        try:
            yield
        except (botocore.NoCredentialsError, botocore.PartialCredentialsError, botocore.ProfileNotFound) as error:
            raise StoreError(
                f"no credentials ({_said(error)}). Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY{self._words['login']}"
            ) from error
        except botocore.NoRegionError as error:
            raise StoreError("the region is not known. Set AWS_REGION") from error
        except (botocore.HTTPClientError, botocore.ConnectionError, botocore.IncompleteReadError, OSError) as error:
            advice = f"Check the network and {self._words['network']}"
            raise Interrupted(f"cannot be reached ({_said(error)}). {advice}") from error
        except botocore.FlexibleChecksumError as error:
            raise Interrupted("its bytes do not have the checksum that S3 gives. Check the network") from error
        except botocore.ClientError as error:
            code = error.response["Error"].get("Code", "")
            if code in passing and not changed:
                raise
            raise (Changed() if code in passing else self._refusal(code, error)) from error
        except Boto3Error as error:  # what the managed transfers make of a refusal
            code = getattr(error.__context__, "response", {}).get("Error", {}).get("Code", "")
            raise (self._refusal(code, error.__context__) if code else StoreError(_said(error))) from error
        except (botocore.BotoCoreError, ValueError) as error:
            raise StoreError(_said(error)) from error

    def _refusal(self, code: str, error: Any) -> StoreError:
        said = (error.response["Error"].get("Message") or str(error)).rstrip(".")
        if code in PASSING:
            return Interrupted(f"S3 is not available ({code}: {said}). Try again later")
        if code in REFUSED and self.anonymous:
            return StoreError("it is not public. Remove `credentials: anonymous`")
        code = "AccessDenied" if code in REFUSED else code
        return StoreError(self._words.get(code, f"S3 says {code}: {said}"))


def _said(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
