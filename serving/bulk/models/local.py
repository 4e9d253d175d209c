"""A model in this process: no server, the full speed of its session."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stellwerk.environment import load, prepare
from stellwerk.errors import ModelError
from stellwerk.serving.bulk.models.base import Refused
from stellwerk.serving.bulk.options import Options
from stellwerk.serving.tensors import Array
from stellwerk.spec.data import Windows

EVEN = 16
"""The last rows of a batch that does not fill vector registers round otherwise in the last bit. Filled up, a row's answer
does not depend on which rows are asked about together, nor on where a killed run went on."""


class LocalModel:
    """A version folder, or the newest version below a model's folder."""

    clients = 2
    batch_size = 8192

    def __init__(self, model: str, options: Options) -> None:
        """Loads the model. Raises ModelError when there is none, or not the version that was asked for."""
        prepare()
        load("tensorflow")
        from stellwerk.serving.loading import LoadedModel  # noqa: PLC0415 - TensorFlow, which servers need not
        from stellwerk.serving.servable import about  # noqa: PLC0415
        from stellwerk.serving.versions import newest  # noqa: PLC0415

        path = Path(model)
        if options.version is not None and (path / "saved_model.pb").is_file():
            path = path.parent
        if options.version is not None and not (path / str(options.version) / "saved_model.pb").is_file():
            there = sorted(int(one.name) for one in path.glob("[0-9]*") if (one / "saved_model.pb").is_file())
            raise ModelError(
                f"{path}: there is no version {options.version}. Versions: {', '.join(map(str, there)) or 'none'}."
            )
        folder = newest(path).path if options.version is None else path / str(options.version)
        self._model = LoadedModel(folder)
        self._signature = options.signature
        try:
            signature = self._model.signature(options.signature)
        except ModelError:
            self._model.close()
            raise
        self.inputs, self.outputs = signature.inputs, signature.outputs
        self.identity = f"{options.signature} {_digest(folder)}"
        rule = about(folder).get("windows")
        self.windows = Windows.model_validate(rule) if rule else None

    def ask(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Runs the model on whole multiples of `EVEN` rows; those that were added are cut off again."""
        rows = len(next(iter(inputs.values())))
        filled = {
            name: np.concatenate([values, np.repeat(values[-1:], -rows % EVEN, axis=0)]) if rows % EVEN else values
            for name, values in inputs.items()
        }
        from stellwerk.serving.loading import InputError  # noqa: PLC0415 - as above

        try:
            outputs = self._model.predict(filled, self._signature)
        except InputError as error:
            raise Refused(str(error), str(error)) from None
        return {name: values[:rows] for name, values in outputs.items()}

    def interrupt(self) -> None:
        """Calls end soon by themselves."""

    def close(self) -> None:
        """Frees the model."""
        self._model.close()


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for part in ("saved_model.pb", "variables", "assets"):
        below = folder / part
        for file in [below] if below.is_file() else sorted(one for one in below.rglob("*") if one.is_file()):
            digest.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as content:
                while chunk := content.read(1 << 20):
                    digest.update(chunk)
    return digest.hexdigest()
