"""Google Cloud Storage: `gs://bucket/name`, by google-cloud-storage, to read and to write.

Credentials are the application default ones; `STORAGE_EMULATOR_HOST` names another server.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from stellwerk.stores.base import Access, Changed, Interrupted, Object, StoreError
from stellwerk.stores.checksums import crc32c_of

VARIABLES = ("GOOGLE_CLOUD_PROJECT", "STORAGE_EMULATOR_HOST")
"""Environment variables that it is asked with, besides those of proxies: what a container needs of this machine."""
FILES = {"GOOGLE_APPLICATION_CREDENTIALS": "~/.config/gcloud/application_default_credentials.json"}
"""Variables that name a file, and where that is where they are not set."""
PIECE = 8 << 20
"""Bytes of one request that reads."""
CHUNK = 32 << 20
"""Bytes of one request of an upload; larger files are continued where they stopped."""
OPTIONS = {"timeout": (5, 60), "retry": None}
"""Seconds to connect and to wait for bytes. What fails is tried again by who asks, so that it goes on where it stopped."""
CONTINUED = 10.0
"""Seconds that one request of an upload is tried again, so that the parts before it need not be sent again."""
READING = {
    "bucket": "Check its name",
    "right": "no right to read it",
    "role": "Storage Object Viewer",
    "login": "set GOOGLE_APPLICATION_CREDENTIALS, or say `credentials: anonymous` for a public bucket",
}
PUSHING = {
    "bucket": "Create it, or choose another push.to",
    "right": "no right to it",
    "role": "Storage Object Admin",
    "login": "or set GOOGLE_APPLICATION_CREDENTIALS",
}


def store(scheme: str, host: str, access: Access) -> Bucket:  # noqa: ARG001 - there is one scheme
    """Returns the bucket."""
    with warnings.catch_warnings():  # of the libraries, about their own future
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")
        import_module("google.cloud.storage")
    return Bucket(host, access)


class Bucket:
    """A bucket of GCS. The client is made at the first request, so that a wrong key file is told as any other error."""

    def __init__(self, name: str, access: Access) -> None:
        self.name, self.anonymous = name, access.anonymous
        self._words = PUSHING if access.pushing else READING
        self.origin = f"gs://{name}"

    @cached_property
    def _bucket(self) -> Any:
        from google.cloud import storage  # noqa: PLC0415

        client = storage.Client.create_anonymous_client() if self.anonymous else storage.Client(project=None)
        return client.bucket(self.name)

    def find(self, key: str) -> Object | None:
        """Asks for the object's metadata."""
        if not key:
            return None
        with self._told():
            blob = self._bucket.get_blob(key, **OPTIONS)
            return None if blob is None else self._object(blob)

    def below(self, prefix: str) -> Iterator[Object]:
        """Lists by pages of a thousand."""
        with self._told():
            for blob in self._bucket.client.list_blobs(self.name, prefix=prefix or None, **OPTIONS):
                yield self._object(blob)

    def _object(self, blob: Any) -> Object:
        name = blob.name.rsplit("/", 1)[-1]
        if blob.content_encoding == "gzip" and not name.lower().endswith(".gz"):
            name += ".gz"  # stored packed under the name of the unpacked file: the stored bytes are what is read
        return Object(
            uri=f"{self.origin}/{blob.name}",
            key=blob.name,
            name=name,
            size=blob.size,
            version=str(blob.generation),
            store=self,
            crc32c=blob.crc32c,
            stored=tuple(
                (name, str(value))
                for name, value in (("generation", blob.generation), ("crc32c", blob.crc32c), ("md5", blob.md5_hash))
                if value
            ),
            written=blob.updated,
        )

    def whole(self, item: Object) -> Object:
        """Returns it: a list of objects says all."""
        return item

    def stream(self, item: Object, start: int, end: int | None) -> Iterator[bytes]:
        """Reads by requests of 8 MiB, each under the condition that the generation is the same."""
        end = item.size if end is None else min(end, item.size or 0)
        blob = self._bucket.blob(item.key)
        for at in range(start, end or 0, PIECE):
            with self._told(reading=True):
                piece: bytes = blob.download_as_bytes(
                    start=at,
                    end=min(at + PIECE, end or 0) - 1,
                    raw_download=True,
                    if_generation_match=int(item.version or 0),
                    checksum=None,
                    **OPTIONS,
                )
            yield piece

    def create(self, key: str, content: bytes) -> bool:
        """Writes under the condition that the object's generation is 0: that there is none."""
        from google.api_core.exceptions import PreconditionFailed  # noqa: PLC0415

        with self._told():
            try:
                self._bucket.blob(key).upload_from_string(content, if_generation_match=0, checksum="crc32c", **OPTIONS)
            except PreconditionFailed:
                return False
        return True

    def upload(self, key: str, file: Path) -> None:
        """Uploads, a large file in parts, with a checksum."""
        from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415

        options = {**OPTIONS, "retry": DEFAULT_RETRY.with_timeout(CONTINUED)}
        with self._told():
            self._bucket.blob(key, chunk_size=CHUNK).upload_from_filename(str(file), checksum="crc32c", **options)

    def holds(self, key: str, file: Path) -> bool | None:
        """Compares size and CRC32C, which the store has of nearly every object."""
        item = self.find(key)
        if item is None or item.size != file.stat().st_size:
            return False
        return None if item.crc32c is None else item.crc32c == crc32c_of(file)

    def copy(self, source: str, key: str) -> None:
        """Copies inside the store, a large object in several requests."""
        with self._told():
            blob, token = self._bucket.blob(key), None
            while True:
                token, _, _ = blob.rewrite(self._bucket.blob(source), token=token, **OPTIONS)
                if token is None:
                    return

    def remove(self, key: str) -> None:
        """Removes an object."""
        from google.api_core.exceptions import NotFound  # noqa: PLC0415

        with self._told(), contextlib.suppress(NotFound):
            self._bucket.blob(key).delete(**OPTIONS)

    @contextlib.contextmanager
    def _told(self, reading: bool = False) -> Iterator[None]:
        """Says in a sentence what GCS or its client refused."""
        from google.api_core import exceptions as api  # noqa: PLC0415
        from google.auth import exceptions as auth  # noqa: PLC0415
        from google.resumable_media.common import DataCorruption, InvalidResponse  # noqa: PLC0415
        from requests.exceptions import RequestException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - of a raw download, which the client passes on as it is

        try:
            yield
        except auth.TransportError as error:
            raise Interrupted(
                f"no credentials: their server cannot be reached ({_said(error)}). Check the network"
            ) from error
        except auth.GoogleAuthError as error:
            raise StoreError(
                f"no credentials ({_said(error)}). Run `gcloud auth application-default login`, {self._words['login']}"
            ) from error
        except (api.PreconditionFailed, api.NotFound) as error:
            if reading:
                raise Changed from error
            raise StoreError(f"there is no such bucket. {self._words['bucket']}") from error
        except (api.Unauthorized, api.Forbidden) as error:
            who, advice = (
                f"these credentials have {self._words['right']}",
                f"Give them the role {self._words['role']} there",
            )
            if self.anonymous:
                who, advice = "it is not public", "Remove `credentials: anonymous`"
            raise StoreError(f"{who} ({_said(error)}). {advice}") from error
        except (api.RetryError, api.ServerError, api.TooManyRequests) as error:
            raise Interrupted(f"GCS is not available ({_said(error)}). Try again later") from error
        except (RequestException, HTTPError, DataCorruption, InvalidResponse, OSError) as error:
            raise Interrupted(
                f"cannot be reached ({_said(error)}). Check the network and STORAGE_EMULATOR_HOST"
            ) from error
        except (api.GoogleAPICallError, ValueError) as error:
            raise StoreError(f"GCS says: {_said(error)}") from error


def _said(error: BaseException) -> str:
    lines = str(error.__cause__ or error).splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
