"""The process that converts: `python -m stellwerk.components.conversion.converter MODEL TRANSFORMED VARIANTS EVENTS FORMAT...`.

Each format is one line in the file EVENTS: `{"done": "litert"}`, or `{"failed": "litert: why, and what to do"}`, which ends it.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from stellwerk.components.artifacts.folders import write_json
from stellwerk.components.conversion.formats import CONVERTERS
from stellwerk.components.conversion.network import Network
from stellwerk.errors import StellwerkError
from stellwerk.serving.runtimes import Variant
from stellwerk.serving.runtimes.description import DESCRIPTION


def main(model: str, transformed: str, variants: str, events: str, *formats: str) -> int:
    """Converts MODEL to every format and returns the exit status."""
    network = Network(Path(model), transformed)
    with Path(events).open("a", encoding="utf-8") as stream:
        for name in formats:
            try:
                _convert(network, name, Path(variants) / name)
                event = {"done": name}
            except StellwerkError as error:
                event = {"failed": f"{name}: {error}"}
            except Exception as error:
                lines = str(error).strip().splitlines() or [""]
                event = {"failed": f"{name}: {type(error).__name__}: {lines[0]:.300}. Take {name} out of push.formats."}
            stream.write(json.dumps(event) + "\n")
            stream.flush()
            if "failed" in event:
                return 1
    return 0


def _convert(network: Network, name: str, folder: Path) -> None:
    """Writes a variant and its `variant.json`, and asks it once in its own runtime."""
    known = CONVERTERS[name]
    converted = importlib.import_module(known.module).convert(network)
    for path, content in converted.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    about: dict[str, Any] = {
        "format": name,
        "runtime": known.runtime,
        "file": known.file,
        "bytes": sum(map(len, converted.files.values())),
        "inputs": network.inputs,
        "outputs": network.outputs,
        "transform": {"saved_model": "../..", "signature": "transform"},
        "calibration_rows": converted.calibration_rows,
        "versions": converted.versions,
    }
    write_json(folder / DESCRIPTION, about)
    with Variant(folder) as variant:
        variant.predict(network.zeros(2))


if __name__ == "__main__":
    tf.config.set_visible_devices([], "GPU")  # TensorFlow would take all the memory of the GPU that TensorRT builds on
    sys.exit(main(*sys.argv[1:]))
