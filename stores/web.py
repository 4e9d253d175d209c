"""Files behind a URL: `https://host/path/data.csv`, and `http://`. A URL names one file: the web has no folders to list."""

from __future__ import annotations

import contextlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from stellwerk.stores.base import Access, Changed, Interrupted, Object, StoreError

VARIABLES: tuple[str, ...] = ()
FILES: dict[str, str | None] = {}
"""A container needs nothing of this machine to ask it, besides what is said of proxies."""
PIECE = 1 << 20
CONNECT, PATIENCE = 10.0, 60.0
"""Seconds to wait for a connection, and for bytes."""
NO_HEAD = (400, 403, 405, 501)
"""Statuses of servers that answer no HEAD, e.g. because a URL is signed for GET."""
PASSING = (408, 425, 429, 500, 502, 503, 504)
REASONS = {
    401: "it needs a login, which sources have no key for. Put the file into a bucket or beside the spec",
    403: "it may not be read. Ask its owner, or for a URL that is still valid",
    407: "the proxy needs a login. Set it in https_proxy",
}


def store(scheme: str, host: str, access: Access) -> Site:  # noqa: ARG001 - a URL says everything
    """Returns the site."""
    return Site(f"{scheme}://{host}")


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.timeout = CONNECT
        super().connect()
        self.sock.settimeout(PATIENCE)


class _SafeConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        self.timeout = CONNECT
        super().connect()
        self.sock.settimeout(PATIENCE)


class _Http(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, request)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SafeConnection, request)


def _opener() -> urllib.request.OpenerDirector:
    """Returns what opens URLs of the web, through the proxies of the environment, and no others: not `file:`, not `ftp:`."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(),
        _Https(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


class Site:
    """A server of the web."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self._opener = _opener()

    def find(self, key: str) -> Object | None:
        """Asks for the file's headers, or for its first byte where the server gives no headers alone."""
        try:
            with self._asked(key, "HEAD") as answer:
                return self._object(key, answer.headers, answer.headers.get("Content-Length"))
        except urllib.error.HTTPError as error:
            if error.code not in NO_HEAD:
                _check_missing(error)
                return None
        try:
            with self._asked(key, "GET", {"Range": "bytes=0-0"}) as answer:
                whole = answer.headers.get("Content-Range", "").rpartition("/")[2]
                size = whole if answer.status == 206 else answer.headers.get("Content-Length")
                return self._object(key, answer.headers, size)
        except urllib.error.HTTPError as error:
            _check_missing(error)
            return None

    def below(self, prefix: str) -> Iterator[Object]:  # noqa: ARG002 - nothing can be listed
        """Yields nothing."""
        return iter(())

    def _object(self, key: str, headers: Any, size: str | None) -> Object:
        path = urlsplit(f"{self.origin}/{key}").path
        name = unquote(path).rsplit("/", 1)[-1]
        if headers.get("Content-Encoding", "").lower() == "gzip" and not name.lower().endswith(".gz"):
            name += ".gz"
        etag = headers.get("ETag", "")
        return Object(
            uri=f"{self.origin}{path}",
            key=key,
            name=name,
            size=int(size) if size and size.isdecimal() else None,
            version=_version(headers),
            store=self,
            by_parts=headers.get("Accept-Ranges", "").lower() == "bytes" or "Content-Range" in headers,
            stored=(("etag", etag.strip('"')),) if etag.startswith('"') else (),
        )

    def whole(self, item: Object) -> Object:
        """Returns it: its headers say all."""
        return item

    def stream(self, item: Object, start: int, end: int | None) -> Iterator[bytes]:
        """Reads from `start` on; where the server gives whole files only, what lies before it is passed over."""
        wanted = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
        if item.pinned:
            wanted["If-Match"] = str(item.version)
        try:
            with self._asked(item.key, "GET", wanted) as answer:
                _check_same(item, _version(answer.headers))
                at = start if answer.status == 206 else 0
                while piece := answer.read(PIECE):
                    wanted_of_it = piece[max(start - at, 0) : None if end is None else max(end - at, 0)]
                    at += len(piece)
                    if wanted_of_it:
                        yield wanted_of_it
                    if end is not None and at >= end:
                        return
        except urllib.error.HTTPError as error:
            if error.code in (404, 410, 412, 416):
                error.close()
                raise Changed from error
            _check_missing(error)

    @contextlib.contextmanager
    def _asked(self, key: str, method: str, headers: Mapping[str, str] | None = None) -> Iterator[Any]:
        """Sends a request; an HTTPError is left to the caller, all else becomes a sentence."""
        url = quote(f"{self.origin}/{key}", safe=":/?&=%+,;@!$'()*~#[]-._")
        request = urllib.request.Request(  # noqa: S310 - the opener knows http and https only
            url, method=method, headers={"Accept-Encoding": "identity", "User-Agent": "stellwerk", **(headers or {})}
        )
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                yield answer
        except urllib.error.HTTPError:
            raise
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
            said = str(reason).rstrip(".") or type(reason).__name__
            raise Interrupted(f"cannot be reached ({said}). Check the URL and the network") from error


def _version(headers: Any) -> str | None:
    version = headers.get("ETag") or headers.get("Last-Modified")
    return None if version is None else str(version)


def _check_same(item: Object, version: str | None) -> None:
    """Raises Changed where an answer is of another state of the file, StoreError where it does not say and has to."""
    if version is None and item.pinned:
        raise StoreError("the server gives parts of it without their ETag, so that they may not belong together")
    if item.version is not None and version not in (item.version, None):
        raise Changed


def _check_missing(error: urllib.error.HTTPError) -> None:
    """Returns for a file that is not there; raises what else a status means."""
    error.close()
    if error.code in (404, 410):
        return
    if error.code in PASSING:
        raise Interrupted(f"the server answers {error.code} {error.reason}. Try again later") from error
    raise StoreError(
        REASONS.get(error.code, f"the server answers {error.code} {error.reason}. Check the URL")
    ) from error
