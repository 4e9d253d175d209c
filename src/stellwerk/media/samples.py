"""Pictures whose samples are no bytes: TIFF of 16 bits and more channels, GeoTIFF, DICOM. Made uint16, the same way for every file."""

from __future__ import annotations

import io
import logging
from typing import Any

import numpy as np

from stellwerk.media.limits import Unreadable, check_pixels

Pixels = np.ndarray[Any, Any]
"""uint8 or uint16, [height, width, channels]."""

SIGNED = 1 << 15
"""What is added to signed samples, so that -32,768 is 0."""
MOST_CHANNELS = 4


def of_tiff(content: bytes) -> tuple[Pixels, int]:
    """Returns the pixels of the first page of a TIFF, and how many pages there are."""
    import tifffile  # noqa: PLC0415 - an extra

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what is wrong with a file, its reason says
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            page, pages = file.pages.first, len(file.pages)
            check_pixels(page.imagewidth, page.imagelength)
            if page.samplesperpixel > MOST_CHANNELS:
                raise Unreadable(f"TIFF: {page.samplesperpixel} channels, and a picture has 1 to {MOST_CHANNELS}")
            pixels = page.asarray()
            if pixels.ndim == 3 and page.axes.startswith("S"):
                pixels = np.moveaxis(pixels, 0, -1)
            if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind == "u":
                pixels = np.invert(pixels)
    except Unreadable:
        raise
    except Exception as error:  # whatever the library makes of damaged bytes
        raise Unreadable(f"TIFF: {_reason(error)}") from None
    return _shaped(pixels, "TIFF"), pages


def _reason(error: Exception) -> str:
    return "compressed in a way that needs imagecodecs" if "imagecodecs" in str(error) else "truncated or damaged"


def _shaped(pixels: Pixels, known: str) -> Pixels:
    """Returns pixels with their channels behind, and as unsigned samples of 8 or 16 bits."""
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3:
        raise Unreadable(f"{known}: more than rows, columns and channels")
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype == np.int16:
        return (pixels.astype(np.int32) + SIGNED).astype(np.uint16)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise Unreadable(f"{known}: samples of type {pixels.dtype}, and a picture has whole ones of 8 or 16 bits")
    return pixels


def of_dicom(content: bytes) -> tuple[Pixels, int]:
    """Returns the pixels of the first frame of a DICOM file, and how many frames there are. Nothing of the patient is kept.

    The modality LUT is applied. Where values may be below zero (Hounsfield units), 32,768 is added; others fill 16 bits from
    above: 12 bits are shifted by 4. So a value means the same in every file. What is stored as negative is inverted.
    """
    import pydicom  # noqa: PLC0415 - an extra
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut  # noqa: PLC0415
    from pydicom.pixels.utils import pixel_array  # noqa: PLC0415

    try:
        told = pydicom.dcmread(io.BytesIO(content))
        if "PixelData" not in told:
            raise Unreadable("DICOM: no pixels")
        check_pixels(int(told.Columns), int(told.Rows))
        frames = int(told.get("NumberOfFrames") or 1)
        raw = pixel_array(told, index=0)
        if told.PhotometricInterpretation == "PALETTE COLOR":
            raw = apply_color_lut(raw, told)
        if raw.ndim == 3:
            return _shaped(raw, "DICOM"), frames
        values = np.asarray(apply_modality_lut(raw, told))
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"DICOM: {_dicom_reason(error)}") from None
    return _shaped(_of_16_bits(values, told), "DICOM"), frames


def _dicom_reason(error: Exception) -> str:
    said = str(error)
    return (
        "compressed in a way that is not decoded here"
        if "decompress" in said or "decod" in said
        else "truncated or damaged"
    )


def _of_16_bits(values: Pixels, told: Any) -> Pixels:
    signed = bool(told.PixelRepresentation) or float(told.get("RescaleIntercept") or 0) < 0
    if signed:
        made = np.clip(np.rint(values) + SIGNED, 0, 2**16 - 1).astype(np.uint16)
    else:
        shift = max(0, 16 - int(told.BitsStored))
        made = (np.clip(np.rint(values), 0, 2**16 - 1).astype(np.uint32) << shift).clip(0, 2**16 - 1).astype(np.uint16)
    return np.invert(made) if told.PhotometricInterpretation == "MONOCHROME1" else made
