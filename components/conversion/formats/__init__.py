"""The formats a model is converted to: one module each, with a function `convert(network) -> Converted`.

Imported where a converter runs only: the table names modules, as each brings its own libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from stellwerk.components.conversion.nvidia import has_nvidia_gpu
from stellwerk.serving.runtimes.description import packages_of

LITERT_FILE, ONNX_FILE, TENSORRT_FILE, XLA_FOLDER = "model.tflite", "model.onnx", "model.engine", "saved_model"


@dataclass(frozen=True)
class Converter:
    """Where a format is made, what runs it, and what must be there to make it."""

    module: str
    runtime: str
    file: str
    """The file that the runtime loads, or a folder."""
    packages: tuple[str, ...] = ()
    nvidia: bool = False
    """Whether it is made on an NVIDIA GPU."""

    def missing(self) -> list[str]:
        """Returns the packages that are not installed here."""
        return [name for name in self.packages if not _installed(name)]

    def refusal(self) -> str | None:
        """Says what this machine lacks to make the format, without the format's name and a full stop; None where it can."""
        if self.nvidia and not has_nvidia_gpu():
            return (
                "needs an NVIDIA GPU, for an engine is built on the kind of GPU that runs it, and this machine has none"
            )
        if missing := self.missing():
            return f"needs the packages {', '.join(missing)}: pip install {packages_of(self.runtime)}"
        return None


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it is in
        return False


@dataclass(frozen=True)
class Converted:
    """A variant: the bytes of its files, how many rows it was calibrated with, and the libraries that made it."""

    files: Mapping[str, bytes]
    """By their path in the variant's folder."""
    versions: dict[str, str]
    calibration_rows: int | None = None


_HERE = "stellwerk.components.conversion.formats"

CONVERTERS: dict[str, Converter] = {
    "litert": Converter(f"{_HERE}.litert", "litert", LITERT_FILE),
    "litert_float16": Converter(f"{_HERE}.litert_float16", "litert", LITERT_FILE),
    "litert_dynamic": Converter(f"{_HERE}.litert_dynamic", "litert", LITERT_FILE),
    "litert_int8": Converter(f"{_HERE}.litert_int8", "litert", LITERT_FILE),
    "onnx": Converter(f"{_HERE}.onnx", "onnx", ONNX_FILE, ("tf2onnx", "onnx", "onnxruntime")),
    "xla": Converter(f"{_HERE}.xla", "xla", XLA_FOLDER),
    "tensorrt": Converter(
        f"{_HERE}.tensorrt", "tensorrt", TENSORRT_FILE, ("tf2onnx", "onnx", "tensorrt", "cuda.bindings"), nvidia=True
    ),
}
"""Every format of `push.formats` but `saved_model`."""
