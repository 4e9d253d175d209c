"""The formats a model is converted to: one module each, with a function `convert(network) -> Converted`.

Imported where a converter runs only: the table names modules, as each brings its own libraries.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

LITERT_FILE, ONNX_FILE = "model.tflite", "model.onnx"


@dataclass(frozen=True)
class Converter:
    """Where a format is made, what runs it, and what must be installed to make it."""

    module: str
    runtime: str
    file: str
    packages: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Returns the packages that are not installed here; they are in the extra `formats`."""
        return [name for name in self.packages if find_spec(name) is None]


@dataclass(frozen=True)
class Converted:
    """A variant: the bytes of its file, how many rows it was calibrated with, and the libraries that made it."""

    content: bytes
    versions: dict[str, str]
    calibration_rows: int | None = None


_HERE = "stellwerk.components.conversion.formats"

CONVERTERS: dict[str, Converter] = {
    "litert": Converter(f"{_HERE}.litert", "litert", LITERT_FILE),
    "litert_float16": Converter(f"{_HERE}.litert_float16", "litert", LITERT_FILE),
    "litert_dynamic": Converter(f"{_HERE}.litert_dynamic", "litert", LITERT_FILE),
    "litert_int8": Converter(f"{_HERE}.litert_int8", "litert", LITERT_FILE),
    "onnx": Converter(f"{_HERE}.onnx", "onnx", ONNX_FILE, ("tf2onnx", "onnx", "onnxruntime")),
}
"""Every format of `push.formats` but `saved_model`."""
