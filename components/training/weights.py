"""Files of weights that networks begin with: brought here from where the spec says, and proved to be those that it means."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from stellwerk.components.artifacts.folders import file_digest
from stellwerk.encoders.base import Pretrained
from stellwerk.encoders.choosing import Encoding
from stellwerk.errors import DataError
from stellwerk.showing import without_queries
from stellwerk.spec.places import is_here
from stellwerk.stores import Object, StoreError, opened
from stellwerk.stores.copying import copied
from stellwerk.stores.patience import patiently


def with_weights(
    encoding: Mapping[str, Encoding], directory: Path | None = None, kept: Path | None = None
) -> dict[str, Encoding]:
    """Returns the encoders of features, each that begins with weights with the path of their file on this machine.

    Relative paths start at `directory`; what lies at a URI is copied below `kept` once. Raises DataError for a file that is not there,
    or whose SHA-256 is another than the spec says.
    """
    return {name: _located(name, one, directory or Path(), kept) for name, one in encoding.items()}


def _located(feature: str, said: Encoding, directory: Path, kept: Path | None) -> Encoding:
    encoder = said.encoder
    if not isinstance(encoder, Pretrained) or encoder.weights is None:
        return said
    key, uri = f"features.{feature}.encoder.weights", encoder.weights
    try:
        if is_here(uri):
            file = directory / uri.removeprefix("file://")
            digest = file_digest(file)
        else:
            file, digest = _copy(uri, encoder.sha256 or "", kept or Path(tempfile.mkdtemp(prefix="stellwerk-")))
    except (OSError, StoreError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError.of_key(key, f"{without_queries(uri)} cannot be read: {reason}.") from error
    if encoder.sha256 not in (None, digest):
        raise DataError.of_key(
            key,
            f"{without_queries(uri)} has the SHA-256 {digest}, and the spec means {encoder.sha256}. Take the file that is meant, "
            "or correct `sha256`.",
        )
    return said.model_copy(update={"encoder": encoder.model_copy(update={"weights": str(file)})})


def _copy(uri: str, sha256: str, kept: Path) -> tuple[Path, str]:
    """Returns a copy of an object and its SHA-256; one with the digest that is wanted may be there already."""
    item = _object(uri)
    folder = kept / f"weights-{sha256}"
    file = folder / PurePosixPath(item.name).name
    if file.is_file() and file_digest(file) == sha256:
        os.utime(folder)
        return file, sha256
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{os.getpid()}.part"
    digest = copied(item, aside)
    aside.replace(file)
    return file, digest


def _object(uri: str) -> Object:
    store, key = opened(uri)
    item = patiently(lambda: store.find(key))
    if item is None:
        raise StoreError("there is no such object. Correct `weights`")
    return item
