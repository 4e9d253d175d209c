"""Variants of a model, each in the runtime of its own: transformed features in, the outputs of the SavedModel out."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stellwerk.errors import ModelError
from stellwerk.serving.runtimes.description import DESCRIPTION, packages_of

if TYPE_CHECKING:  # what is beside a model is told without NumPy
    import numpy as np

    Array = np.ndarray[Any, Any]

RUNTIMES = {
    "litert": "stellwerk.serving.runtimes.litert",
    "onnx": "stellwerk.serving.runtimes.onnx",
    "tensorrt": "stellwerk.serving.runtimes.tensorrt",
    "xla": "stellwerk.serving.runtimes.xla",
}
"""Where each runtime is: a function `load(file)` that returns what answers. Imported when a variant needs it."""


class Answering(Protocol):
    """A file that was loaded into its runtime."""

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Returns the outputs by name, [rows, ...], for inputs by name, [rows, ...]; at least one row."""
        ...


class Variant:
    """One variant, loaded: `variant.json` says what it takes. Use as a context manager, or call `close`."""

    def __init__(self, folder: Path) -> None:
        """Loads the variant in `folder`; raises ModelError when it cannot be loaded, or its runtime is not installed."""
        self.folder = folder
        try:
            self.about: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
            runtime = importlib.import_module(RUNTIMES[self.about["runtime"]])
            self._answering: Answering | None = runtime.load(folder / self.about["file"])
        except ImportError as error:
            raise ModelError(
                f"{folder}: its runtime needs the package {error.name}: pip install {packages_of(self.about['runtime'])}."
            ) from error
        except Exception as error:
            raise ModelError(
                f"{folder}: this variant does not load: {_first_line(error)}. Convert the model again."
            ) from error

    def __enter__(self) -> Variant:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees it; it does not answer any more."""
        self._answering = None  # and with it what it holds

    @property
    def format(self) -> str:
        """Name of its format, as in `push.formats`."""
        name: str = self.about["format"]
        return name

    @property
    def bytes(self) -> int:
        """Size of its file, or of all in its folder."""
        file = self.folder / str(self.about["file"])
        return sum(one.stat().st_size for one in (file.rglob("*") if file.is_dir() else [file]) if one.is_file())

    def predict(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Asks it: transformed features by name, [rows, ...]. Raises ModelError when it fails."""
        import numpy as np  # noqa: PLC0415 - only where a variant is asked

        given = {name: np.asarray(inputs[name], about["dtype"]) for name, about in self.about["inputs"].items()}
        if self._answering is None:
            raise ModelError(f"{self.folder}: the variant is closed.")
        if not len(next(iter(given.values()))):
            outputs = self.about["outputs"].items()
            return {name: np.zeros([0, *about["shape"][1:]], about["dtype"]) for name, about in outputs}
        try:
            return self._answering(given)
        except Exception as error:
            raise ModelError(f"{self.folder}: the {self.format} variant failed: {_first_line(error)}.") from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300].rstrip(".")
