"""Google Cloud Storage: `gs://bucket/name`, by google-cloud-storage.

Credentials are the application default ones; `STORAGE_EMULATOR_HOST` names another server.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from typing import Any

from stellwerk.components.places.base import Changed, Interrupted, Object, PlaceError
from stellwerk.spec.data import Source

PIECE = 8 << 20
"""Bytes of one request."""
OPTIONS = {"timeout": (5, 60), "retry": None}
"""Seconds to connect and to wait for bytes. What fails is tried again by who asks, so that it goes on where it stopped."""


def place(scheme: str, host: str, source: Source) -> Bucket:  # noqa: ARG001 - there is one scheme
    """Returns the bucket."""
    with warnings.catch_warnings():  # of the libraries, about their own future
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")
        import_module("google.cloud.storage")
    return Bucket(host, anonymous=source.credentials == "anonymous")


class Bucket:
    """A bucket of GCS. The client is made at the first request, so that a wrong key file is told as any other error."""

    def __init__(self, name: str, anonymous: bool) -> None:
        self.name, self.anonymous = name, anonymous
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
        with _told(self.anonymous):
            blob = self._bucket.get_blob(key, **OPTIONS)
            return None if blob is None else self._object(blob)

    def below(self, prefix: str) -> Iterator[Object]:
        """Lists by pages of a thousand."""
        with _told(self.anonymous):
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
            place=self,
            crc32c=blob.crc32c,
            stored=tuple(
                (name, str(value))
                for name, value in (("generation", blob.generation), ("crc32c", blob.crc32c), ("md5", blob.md5_hash))
                if value
            ),
        )

    def whole(self, item: Object) -> Object:
        """Returns it: a list of objects says all."""
        return item

    def stream(self, item: Object, start: int, end: int | None) -> Iterator[bytes]:
        """Reads by requests of 8 MiB, each under the condition that the generation is the same."""
        end = item.size if end is None else min(end, item.size or 0)
        blob = self._bucket.blob(item.key)
        for at in range(start, end or 0, PIECE):
            with _told(self.anonymous, reading=True):
                piece: bytes = blob.download_as_bytes(
                    start=at,
                    end=min(at + PIECE, end or 0) - 1,
                    raw_download=True,
                    if_generation_match=int(item.version or 0),
                    checksum=None,
                    **OPTIONS,
                )
            yield piece


@contextlib.contextmanager
def _told(anonymous: bool, reading: bool = False) -> Iterator[None]:
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
        raise PlaceError(
            f"no credentials ({_said(error)}). Run `gcloud auth application-default login`, set "
            "GOOGLE_APPLICATION_CREDENTIALS, or say `credentials: anonymous` for a public bucket"
        ) from error
    except (api.PreconditionFailed, api.NotFound) as error:
        if reading:
            raise Changed from error
        raise PlaceError("there is no such bucket. Check its name") from error
    except (api.Unauthorized, api.Forbidden) as error:
        who = "it is not public" if anonymous else "these credentials have no right to read it"
        advice = "Remove `credentials: anonymous`" if anonymous else "Give them the role Storage Object Viewer there"
        raise PlaceError(f"{who} ({_said(error)}). {advice}") from error
    except (api.RetryError, api.ServerError, api.TooManyRequests) as error:
        raise Interrupted(f"GCS is not available ({_said(error)}). Try again later") from error
    except (RequestException, HTTPError, DataCorruption, InvalidResponse, OSError) as error:
        raise Interrupted(f"cannot be reached ({_said(error)}). Check the network and STORAGE_EMULATOR_HOST") from error
    except (api.GoogleAPICallError, ValueError) as error:
        raise PlaceError(f"GCS says: {_said(error)}") from error


def _said(error: BaseException) -> str:
    lines = str(error.__cause__ or error).splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
