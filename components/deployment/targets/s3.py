"""Amazon S3, and what speaks its API (MinIO, Ceph, SeaweedFS): `s3://bucket/prefix`, by boto3.

Credentials, region and endpoint come from boto3's own chain: environment (`AWS_ENDPOINT_URL`, ...), profile, role.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import file_digest
from stellwerk.components.deployment.targets.objects import ObjectTarget, StoreError, place_of
from stellwerk.errors import StepFailed

ATTEMPTS = 3
PIECE = 1 << 20
PART = 8 << 20
"""Bytes of a part of a large file, and from how many on a file is one: boto3's own."""
TAKEN, IN_CONFLICT = ("PreconditionFailed", "412"), ("ConditionalRequestConflict", "409")
REASONS = {
    "NoSuchBucket": "there is no such bucket. Create it, or choose another push.to",
    "AccessDenied": "these credentials have no right to it. Give them the rights to list, read, write and delete there",
    "AllAccessDisabled": "all access to it is disabled. Choose another push.to",
    "InvalidAccessKeyId": "the access key is not known there. Set AWS_ACCESS_KEY_ID, or choose another AWS_PROFILE",
    "SignatureDoesNotMatch": "the secret key is wrong. Set AWS_SECRET_ACCESS_KEY, or choose another AWS_PROFILE",
    "ExpiredToken": "the credentials have expired. Log in again",
    "PermanentRedirect": "the bucket is in another region. Set AWS_REGION",
    "InvalidBucketName": "that is no name of a bucket. Change push.to",
}


def target(to: str, directory: Path, name: str) -> ObjectTarget:  # noqa: ARG001 - a URI starts nowhere
    """Returns the versions of `name` in the bucket."""
    try:
        import boto3  # noqa: PLC0415 - only who pushes to S3 has it
    except ImportError as error:
        raise StepFailed(f"push.to: {to}: boto3 is not installed. Install stellwerk[s3]") from error
    bucket, prefix = place_of(to)
    with _told():
        client = boto3.session.Session().client("s3", config=_settings())
    return ObjectTarget(f"{to.rstrip('/')}/{name}", f"{prefix}/{name}/".lstrip("/"), S3Bucket(client, bucket))


def _settings() -> Any:
    from botocore.config import Config  # noqa: PLC0415

    elsewhere = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        s3={"addressing_style": "path"} if elsewhere else {},
    )


class S3Bucket:
    """A bucket of S3."""

    def __init__(self, client: Any, name: str) -> None:
        self.client, self.name = client, name

    def changed(self, prefix: str) -> dict[str, datetime]:
        """Lists by pages of a thousand."""
        with _told():
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            return {one["Key"]: one["LastModified"] for page in pages for one in page.get("Contents", ())}

    def read(self, name: str) -> bytes:
        """Reads the whole object."""
        with _told():
            content: bytes = self.client.get_object(Bucket=self.name, Key=name)["Body"].read()
            return content

    def create(self, name: str, content: bytes) -> bool:
        """Writes with `If-None-Match: *`."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        for attempt in range(1, ATTEMPTS + 1):
            try:
                with _told(passing=(*TAKEN, *IN_CONFLICT)):
                    self.client.put_object(Bucket=self.name, Key=name, Body=content, IfNoneMatch="*")
                    return True
            except ClientError as error:
                if error.response["Error"]["Code"] in TAKEN:
                    return False
                if attempt == ATTEMPTS:
                    raise StoreError(f"another program keeps writing {name}. Push again") from error
        return False

    def upload(self, name: str, file: Path) -> None:
        """Uploads, a large file in parts, with checksums."""
        with _told():
            self.client.upload_file(str(file), self.name, name)

    def digest(self, name: str) -> str:
        """Reads it in pieces."""
        digest = hashlib.sha256()
        with _told(), contextlib.closing(self.client.get_object(Bucket=self.name, Key=name)["Body"]) as body:
            for piece in body.iter_chunks(PIECE):
                digest.update(piece)
        return digest.hexdigest()

    def holds(self, name: str, file: Path) -> bool:
        """Compares size and ETag where that is made of MD5 alone, and reads the object where it is not."""
        with _told():
            head = self.client.head_object(Bucket=self.name, Key=name)
        if head["ContentLength"] != file.stat().st_size:
            return False
        if head.get("ServerSideEncryption", "AES256") == "AES256" and head["ETag"].strip('"') == _etag(file):
            return True
        return self.digest(name) == file_digest(file)

    def copy(self, source: str, name: str) -> None:
        """Copies inside S3, a large object in parts."""
        with _told():
            self.client.copy({"Bucket": self.name, "Key": source}, self.name, name)

    def download(self, name: str, file: Path) -> None:
        """Downloads, a large object in parts."""
        with _told():
            self.client.download_file(self.name, name, str(file))

    def remove(self, names: list[str]) -> None:
        """Removes one after the other: not every server knows the bulk request."""
        with _told():
            for name in names:
                self.client.delete_object(Bucket=self.name, Key=name)


def _etag(file: Path) -> str:
    """Returns the ETag of an object that was written in one request, or in the parts that boto3 makes of a large file."""
    parts = []
    with file.open("rb") as stream:
        while piece := stream.read(PART):
            parts.append(hashlib.md5(piece, usedforsecurity=False).digest())
    if file.stat().st_size < PART:
        return b"".join(parts).hex() or hashlib.md5(b"", usedforsecurity=False).hexdigest()
    return f"{hashlib.md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"


@contextlib.contextmanager
def _told(passing: tuple[str, ...] = ()) -> Iterator[None]:
    """Says in a sentence what S3 or its client refused; a refusal with a code in `passing` is left as it is."""
    from boto3.exceptions import Boto3Error  # noqa: PLC0415
    from botocore import exceptions as botocore  # noqa: PLC0415

    try:
        yield
    except (botocore.NoCredentialsError, botocore.PartialCredentialsError, botocore.ProfileNotFound) as error:
        raise StoreError(
            f"no credentials ({str(error).rstrip('.')}). Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        ) from error
    except botocore.NoRegionError as error:
        raise StoreError("the region is not known. Set AWS_REGION") from error
    except (botocore.HTTPClientError, botocore.ConnectionError) as error:
        raise StoreError(
            f"cannot be reached ({str(error).rstrip('.')}). Check the network and AWS_ENDPOINT_URL"
        ) from error
    except botocore.ClientError as error:
        code = error.response["Error"].get("Code", "")
        if code in passing:
            raise
        said = error.response["Error"].get("Message") or str(error)
        raise StoreError(REASONS.get(code, f"S3 says {code}: {said.rstrip('.')}")) from error
    except Boto3Error as error:  # what the managed transfers make of a refusal
        code = getattr(error.__context__, "response", {}).get("Error", {}).get("Code", "")
        raise StoreError(REASONS.get(code, str(error).rstrip("."))) from error
    except (botocore.BotoCoreError, ValueError) as error:
        raise StoreError(str(error).rstrip(".")) from error
