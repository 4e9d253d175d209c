"""How bytes become text: every encoding that Python knows, and the marks that files begin with."""

from __future__ import annotations

import codecs
import io
from typing import IO, Any

from stellwerk.tables.numerals import with_plain_marks

CHUNK = 1 << 20
UTF_8_MARK = codecs.BOM_UTF8
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Marks of other encodings than UTF-8; the longer ones first, as one begins like another."""

_WINDOWS = ("latin-1", "iso8859-1", "ascii", "cp1252")
"""What these names say is read as browsers read it, as Windows' code page 1252: their files are Windows' own."""
_GROUP = 5
"""Letters by which a mark between digits is known: a digit, the mark, three digits."""
_UNDECODABLE = "stellwerk-undecodable"
_MARKED = "\udcff"
"""A byte that is no text. In UTF-8 it is again a byte that is none, by which a reader knows the row."""


def is_known(name: str) -> bool:
    """Tells whether Python has a codec of this name that makes text of bytes."""
    try:
        b" ".decode(name)
    except UnicodeError:
        return True
    except (LookupError, ValueError):
        return False
    return True


def encoding_of(start: bytes, told: str) -> str:
    """Returns the codec of a file by its first bytes: a mark goes before what is `told`, and zeros tell UTF-16 without one."""
    if start.startswith(UTF_8_MARK):
        return "utf-8"
    for mark, name in MARKS:
        if start.startswith(mark):
            return name
    name = codecs.lookup(told).name
    if name in ("utf-8", "utf-8-sig", "utf-16"):
        return _wide(start, told=name == "utf-16") or "utf-8"
    return "cp1252" if name in _WINDOWS else "utf-32-le" if name == "utf-32" else name


def _wide(start: bytes, *, told: bool) -> str | None:
    """Returns which UTF-16 text without a mark is: the zeros stand in the high bytes of most letters."""
    seen = start[: 1 << 12]
    even, odd = seen[::2].count(0), seen[1::2].count(0)
    if not told and 4 * max(even, odd) < max(len(seen), 4):
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def without_mark(start: bytes) -> bytes:
    """Returns bytes without the mark that they may begin with."""
    for mark in (UTF_8_MARK, *(mark for mark, _ in MARKS)):
        if start.startswith(mark):
            return start[len(mark) :]
    return start


def decoded(start: bytes, encoding: str) -> str:
    """Returns the text of a file's first bytes, which may end within a letter. Raises UnicodeDecodeError."""
    return codecs.getincrementaldecoder(encoding)(_strictness(encoding)).decode(without_mark(start))


def other_encoding(content: bytes, encoding: str) -> str:
    """Returns which encoding bytes may be in that are not in `encoding`, to be named in a message."""
    if encoding == "utf-8":
        return "cp1252"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def transcode(
    stream: Any,
    target: IO[bytes],
    encoding: str,
    *,
    returns: bool = False,
    thousands: str = "",
    limit: int | None = None,
) -> None:
    """Copies text as UTF-8; with `returns` a carriage return ends a line, with or without a line feed behind it, and `thousands` become their plain sign. Stops soon after `limit` bytes.

    Bytes that are no text in `encoding` become a byte that is none in UTF-8, so that their row is set aside, not changed.
    """
    decoder = codecs.getincrementaldecoder(encoding)(_UNDECODABLE)
    ends = io.IncrementalNewlineDecoder(None, translate=True) if returns else None
    first, written, kept = True, 0, ""
    while chunk := stream.read(CHUNK):
        text = with_plain_marks(kept + decoder.decode(without_mark(chunk) if first else chunk), thousands)
        text, kept = (text[:-_GROUP], text[-_GROUP:]) if thousands else (text, "")
        written += target.write(_encoded(ends.decode(text) if ends else text))
        first = False
        if limit is not None and written >= limit:
            return
    text = with_plain_marks(kept + decoder.decode(b"", final=True), thousands)
    target.write(_encoded(ends.decode(text, final=True) if ends else text))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _strictness(encoding: str) -> str:
    return _UNDECODABLE if encoding == "cp1252" else "strict"


def _undecodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    if codecs.lookup(error.encoding).name in (
        "cp1252",
        "charmap",
    ):  # five bytes that Windows leaves out, and no control does harm
        byte = error.object[error.start]
        return (chr(byte) if 0x80 <= byte <= 0x9F else _MARKED), error.start + 1
    return _MARKED, max(error.end, error.start + 1)


codecs.register_error(_UNDECODABLE, _undecodable)
