"""Which format a picture has, by its bytes: names are often wrong."""

from __future__ import annotations

from pathlib import PurePosixPath

JPEG, PNG, GIF, BMP, WEBP, TIFF, DICOM, HEIF = "JPEG", "PNG", "GIF", "BMP", "WebP", "TIFF", "DICOM", "HEIF"
SVG = "SVG"

_BEGINNINGS = {
    b"\xff\xd8\xff": JPEG,
    b"\x89PNG\r\n\x1a\n": PNG,
    b"GIF8": GIF,
    b"BM": BMP,
    b"II*\0": TIFF,
    b"MM\0*": TIFF,
    b"II+\0": TIFF,
    b"MM\0+": TIFF,
}
_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
_NAMED = {
    JPEG: (".jpg", ".jpeg", ".jpe", ".jfif"),
    PNG: (".png", ".apng"),
    GIF: (".gif",),
    BMP: (".bmp", ".dib"),
    WEBP: (".webp",),
    TIFF: (".tif", ".tiff", ".gtiff"),
    DICOM: (".dcm", ".dicom"),
    HEIF: (".heic", ".heif", ".avif"),
    SVG: (".svg",),
}
_OF_ENDINGS = {ending: known for known, endings in _NAMED.items() for ending in endings}
PICTURE_ENDINGS = tuple(_OF_ENDINGS)
"""Of files that are looked at in a folder."""


def format_of(content: bytes) -> str | None:
    """Returns what a file is by its first bytes; None for what is no picture that is known."""
    if content[128:132] == b"DICM":  # before it stands anything, the beginning of a TIFF too
        return DICOM
    for beginning, known in _BEGINNINGS.items():
        if content.startswith(beginning):
            return known
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return WEBP
    if content[4:8] == b"ftyp" and content[8:12] in _BRANDS:
        return HEIF
    head = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return (
        SVG
        if head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!--", b"<!doctype")) and b"<svg" in head)
        else None
    )


def is_named(name: str, known: str) -> bool:
    """Tells whether a file's ending is one of its format, or says nothing."""
    return _OF_ENDINGS.get(PurePosixPath(name).suffix.lower(), known) == known
