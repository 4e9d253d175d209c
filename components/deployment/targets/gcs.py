"""Google Cloud Storage: `gs://bucket/prefix`, by google-cloud-storage.

Credentials are the application default ones; `STORAGE_EMULATOR_HOST` names another server.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import file_digest
from stellwerk.components.deployment.targets.objects import ObjectTarget, StoreError, place_of

PATIENCE = 30.0
"""Seconds that a request is tried again after a failure that may pass."""
CHUNK = 32 << 20
"""Bytes of one request of an upload; larger files are continued where they stopped."""


def target(to: str, directory: Path, name: str) -> ObjectTarget:  # noqa: ARG001 - a URI starts nowhere
    """Returns the versions of `name` in the bucket."""
    bucket, prefix = place_of(to)
    return ObjectTarget(f"{to.rstrip('/')}/{name}", f"{prefix}/{name}/".lstrip("/"), GcsBucket(bucket))


class GcsBucket:
    """A bucket of GCS. The client is made at the first request, so that a wrong key file is told as any other error."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._bucket: Any = None

    @property
    def _options(self) -> dict[str, Any]:
        from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415

        return {"timeout": (5, 60), "retry": DEFAULT_RETRY.with_timeout(PATIENCE)}

    def _blob(self, name: str) -> Any:
        if self._bucket is None:
            from google.cloud import storage  # noqa: PLC0415

            self._bucket = storage.Client(project=None).bucket(self.name)
        return self._bucket.blob(name, chunk_size=CHUNK)

    def changed(self, prefix: str) -> dict[str, datetime]:
        """Lists by pages of a thousand."""
        with _told():
            listed = self._blob(prefix).client.list_blobs(self.name, prefix=prefix, **self._options)
            return {blob.name: blob.updated for blob in listed}

    def read(self, name: str) -> bytes:
        """Reads the whole object."""
        with _told():
            content: bytes = self._blob(name).download_as_bytes(**self._options)
            return content

    def create(self, name: str, content: bytes) -> bool:
        """Writes under the condition that the object's generation is 0: that there is none."""
        from google.api_core.exceptions import PreconditionFailed  # noqa: PLC0415

        try:
            with _told(passing=PreconditionFailed):
                self._blob(name).upload_from_string(content, if_generation_match=0, checksum="crc32c", **self._options)
        except PreconditionFailed:
            return False
        return True

    def upload(self, name: str, file: Path) -> None:
        """Uploads, a large file in parts, with a checksum."""
        with _told():
            self._blob(name).upload_from_filename(str(file), checksum="crc32c", **self._options)

    def digest(self, name: str) -> str:
        """Reads it in parts; of an empty object none can be asked for."""
        blob, digest = self._blob(name), hashlib.sha256()
        with _told():
            blob.reload(**self._options)
        with _told(), blob.open("rb", chunk_size=CHUNK, **self._options) as file:
            while blob.size and (piece := file.read(CHUNK)):
                digest.update(piece)
        return digest.hexdigest()

    def holds(self, name: str, file: Path) -> bool:
        """Compares size and CRC32C, which the store has of every object."""
        blob = self._blob(name)
        with _told():
            blob.reload(**self._options)
        if blob.size != file.stat().st_size:
            return False
        crc32c: str | None = blob.crc32c
        return self.digest(name) == file_digest(file) if crc32c is None else crc32c == _crc32c(file)

    def copy(self, source: str, name: str) -> None:
        """Copies inside the store, a large object in several requests."""
        with _told():
            blob, token = self._blob(name), None
            while True:
                token, _, _ = blob.rewrite(self._blob(source), token=token, **self._options)
                if token is None:
                    return

    def download(self, name: str, file: Path) -> None:
        """Downloads and compares the checksum."""
        with _told():
            self._blob(name).download_to_filename(str(file), checksum="crc32c", **self._options)

    def remove(self, names: list[str]) -> None:
        """Removes one after the other."""
        from google.api_core.exceptions import NotFound  # noqa: PLC0415

        with _told():
            for name in names:
                with contextlib.suppress(NotFound):
                    self._blob(name).delete(**self._options)


def _crc32c(file: Path) -> str:
    import google_crc32c  # noqa: PLC0415 - comes with google-cloud-storage

    checksum: Any = google_crc32c.Checksum()  # type: ignore[no-untyped-call, unused-ignore]
    with file.open("rb") as stream:
        while piece := stream.read(CHUNK):
            checksum.update(piece)
    return base64.b64encode(checksum.digest()).decode()


@contextlib.contextmanager
def _told(passing: type[Exception] | tuple[()] = ()) -> Iterator[None]:
    """Says in a sentence what GCS or its client refused; an error of the class `passing` is left as it is."""
    from google.api_core import exceptions as api  # noqa: PLC0415
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
    from requests.exceptions import RequestException  # noqa: PLC0415

    try:
        yield
    except passing:
        raise
    except GoogleAuthError as error:
        first = str(error).splitlines()[0].rstrip(".")
        raise StoreError(
            f"no credentials ({first}). Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS"
        ) from error
    except api.NotFound as error:
        raise StoreError("there is no such bucket. Create it, or choose another push.to") from error
    except (api.Unauthorized, api.Forbidden) as error:
        raise StoreError(
            f"these credentials have no right to it ({_said(error)}). Give them the role Storage Object Admin there"
        ) from error
    except (api.RetryError, api.ServerError, RequestException, OSError) as error:
        raise StoreError(f"cannot be reached ({_said(error)}). Check the network and STORAGE_EMULATOR_HOST") from error
    except (api.GoogleAPICallError, ValueError) as error:
        raise StoreError(f"GCS says: {_said(error)}") from error


def _said(error: BaseException) -> str:
    return str(error.__cause__ or error).splitlines()[0].rstrip(".")
