"""The History artifact: `history.json` and, for TensorBoard, one series a split."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from stellwerk.components.artifacts.folders import write_json, written_aside
from stellwerk.components.training.loops.base import Trained
from stellwerk.components.training.mixing import Mixed

_SCALAR = tf.compat.v1.SummaryMetadata(plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"))
"""What `tf.summary.scalar` says of a value; it loads TensorBoard, 250 modules, to say it."""

_NOT_MEASURED = {"epoch", "seconds", "rows_per_second"}


def write_history(trained: Trained, mixed: Mixed | None, parameters: int, target: Path) -> None:
    """Writes the artifact; `parameters` is how many numbers the model has learned, `mixed` what is exported for the best epoch's."""
    with written_aside(target) as folder:
        facts = {
            "epochs": trained.epochs,
            "parameters": parameters,
            "best_epoch": trained.best_epoch,
            "stopped_early": trained.stopped_early,
            "resumed_from_epoch": trained.resumed_from_epoch,
            **({"mixed": {"linear_share": mixed.linear_share, **mixed.measures}} if mixed else {}),
        }
        write_json(folder / "history.json", facts)
        for split, prefix in (("train", ""), ("validation", "eval_")):
            _write_events(trained, folder / "tensorboard" / split, prefix)


def _write_events(trained: Trained, folder: Path, prefix: str) -> None:
    """Writes scalars with the tags of Keras' own callback, `epoch_loss` and so on, in its two folders."""
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for epoch in trained.epochs:
            for name, value in epoch.items():
                own = name.removeprefix("eval_")
                if name == prefix + own and own not in _NOT_MEASURED:
                    tf.summary.write(f"epoch_{own}", tf.constant(value, tf.float32), epoch["epoch"] - 1, _SCALAR)
    writer.close()
