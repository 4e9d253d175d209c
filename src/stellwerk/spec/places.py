"""Places that a spec names by a URI: which there are, and what such a URI must have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stellwerk.families import Family
from stellwerk.plugged import refuse_unusable
from stellwerk.section import without_credentials

STORES = Family(
    "stores",
    "store",
    {
        "gs": "stellwerk.stores.gcs",
        "s3": "stellwerk.stores.s3",
        "minio": "stellwerk.stores.s3",
        "hdfs": "stellwerk.stores.hdfs",
        "http": "stellwerk.stores.web",
        "https": "stellwerk.stores.web",
    },
    names=("store",),
)
"""The module of each scheme that sources may lie at besides this machine; it has `store(scheme, host, access)`, which returns a
`stellwerk.stores.base.Store`, or a `WritableStore` where models can be pushed to it."""
BUCKETS = ("gs", "s3", "minio")
"""Schemes of object stores: `<scheme>://BUCKET/NAME`."""
WEB = ("http", "https")
"""Schemes of the web."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,221}")


def scheme_of(path: str) -> str:
    """Returns the scheme of a URI in lower case; an empty text for a path."""
    found = _SCHEME.match(path)
    return found.group(1).lower() if found else ""


def is_here(path: str) -> bool:
    """Tells whether a path or URI names files of this machine."""
    return scheme_of(path) in ("", "file")


def place_of(path: str) -> tuple[str, str, str]:
    """Returns scheme, bucket or host, and the name there, of a URI; for a path ("", "", path).

    Raises ValueError, with what to do, for an unknown scheme, for one whose package cannot be used, for credentials inside, and without a
    bucket or host.
    """
    scheme = scheme_of(path)
    if not scheme:
        return "", "", path
    if scheme != "file" and scheme not in STORES:
        known = ", ".join(f"{one}://" for one in ("file", *STORES))
        raise ValueError(f"unknown scheme '{scheme}'. Known: a path, {known}")
    if scheme == "file":
        return scheme, "", path.partition("://")[2]
    refuse_unusable(STORES, scheme)
    without_credentials(path)
    host, _, name = path.partition("://")[2].partition("/")
    if scheme in BUCKETS and not _BUCKET.fullmatch(host):
        raise ValueError(f"names no bucket. Write {scheme}://BUCKET/NAME. Received: '{path.partition('?')[0]}'")
    if scheme in WEB and not host:
        raise ValueError(f"names no host. Write {scheme}://HOST/NAME")
    return scheme, host, name


def state_of(file: Mapping[str, Any]) -> tuple[str, str] | None:
    """Returns what stands for the bytes of a source's file in `dataset.json`, and what that is called; None where nothing does.

    The SHA-256 of a file or a copy; of an object that was read in place the version that its store gave it, or its ETag.
    """
    known = {"sha256": file.get("sha256"), **file.get("stored", {})}
    return next(
        ((name, known[name]) for name in ("sha256", "version_id", "generation", "etag") if known.get(name)), None
    )
