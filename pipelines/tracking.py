"""Runs as MLflow keeps them: parameters, metrics, curves, tags and the report, each run once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stellwerk.errors import StellwerkError, UsageError, sentence
from stellwerk.report.dataset import read_data
from stellwerk.report.judging import read_card
from stellwerk.report.reading import Missing, read_history, read_made
from stellwerk.report.summary import Summary, summarise
from stellwerk.report.wording import clipped
from stellwerk.steps import path_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

TAG = "stellwerk.run"
"""Tag that says which run it is, so that none is written twice."""
MOST_SLICES = 200
LONGEST = 5_000
"""Letters of a parameter that every MLflow takes."""
AT_ONCE = 100
"""Parameters that one request may bring; of metrics it is 1,000."""
FILES = (
    "report.html",
    "spec.yaml",
    "run.json",
    f"{path_of('evaluation')}/evaluation.json",
    f"{path_of('blessing')}/blessing.json",
)
_STATUS = {"done": "FINISHED", "refused": "FINISHED", "failed": "FAILED", "killed": "KILLED"}


@dataclass(frozen=True)
class Exported:
    """How many runs were written, and how many were there already or still go on."""

    written: int
    there: int


def export(folders: Sequence[Path], uri: str) -> Exported:
    """Writes the runs in `folders` to the MLflow at `uri`, a server or a folder: into the experiment with the pipeline's name.

    Raises UsageError where the client is not installed, StellwerkError where MLflow cannot be reached or refuses.
    """
    client = _client(uri)
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - as heavy as the client

    written = 0
    try:
        for folder in reversed(folders):  # the oldest first, as they happened
            written += _write(client, summarise(folder))
    except (MlflowException, OSError) as error:
        raise StellwerkError(
            f"MLflow at {uri}: {_first_line(error)}. Check the address, and what it allows."
        ) from error
    return Exported(written, len(folders) - written)


def _client(uri: str) -> MlflowClient:
    if "://" not in uri:
        uri = Path(uri).absolute().as_uri()
    if uri.startswith("file:"):
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3 asks whether a folder is meant
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # by default a wrong address is asked for minutes
    try:
        from mlflow import MlflowClient  # noqa: PLC0415 - only who exports needs it
    except ImportError:
        raise UsageError("--mlflow needs MLflow's client: pip install 'stellwerk[mlflow]'.") from None
    return MlflowClient(uri)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [sentence(error)]
    return clipped(lines[0], 240).rstrip(".")


def _write(client: MlflowClient, summary: Summary) -> bool:
    """Writes one run; returns False where it is there already, or has not ended."""
    from mlflow.entities import Param, RunTag  # noqa: PLC0415

    run = summary.run
    if run.status not in _STATUS:
        return False
    experiment = _experiment(client, run.name)
    if client.search_runs([experiment], f"tags.`{TAG}` = '{run.run}'", max_results=1):
        return False
    # The tag that says that it is there comes last: a run that was cut off is written anew.
    made = client.create_run(experiment, start_time=_milliseconds(run.started), run_name=run.run)
    number = made.info.run_id
    params = [Param(_key(name), text[:LONGEST]) for name, text in _parameters(summary).items()]
    tags = [RunTag(name, text[:LONGEST]) for name, text in _tags(summary).items()]
    for start in range(0, len(params), AT_ONCE):
        client.log_batch(number, params=params[start : start + AT_ONCE])
    metrics = list(_metrics(summary))
    for start in range(0, len(metrics), 10 * AT_ONCE):
        client.log_batch(number, metrics=metrics[start : start + 10 * AT_ONCE])
    for file in FILES:
        if (summary.folder / file).is_file():
            client.log_artifact(number, str(summary.folder / file))
    client.log_batch(number, tags=[*tags, RunTag(TAG, run.run)])
    client.set_terminated(number, _STATUS[run.status], _milliseconds(run.finished))
    return True


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    made: str = client.create_experiment(name) if found is None else found.experiment_id
    return made


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)


def _key(name: str) -> str:
    """Returns a name as MLflow takes it: letters, digits, underscores, dashes, dots, blanks and slashes."""
    return re.sub(r"[^\w\-. /]", "_", name, flags=re.ASCII)[:250]


def _tags(summary: Summary) -> dict[str, str]:
    pushed = "" if isinstance(summary.pushed, Missing) else summary.pushed.path
    told = {
        "stellwerk.pipeline": summary.run.name,
        "stellwerk.status": summary.run.status,
        "stellwerk.verdict": f"{summary.verdict.headline}: {summary.verdict.sentence}",
        "stellwerk.model": pushed,
        "mlflow.source.name": summary.run.spec,
        "mlflow.note.content": summary.verdict.sentence,
    }
    return {name: text for name, text in told.items() if text}


def _parameters(summary: Summary) -> dict[str, str]:
    folder, run = summary.folder, summary.run
    card = read_made(folder, run, "model", read_card)
    data = read_made(folder, run, "examples", read_data)
    found: dict[str, str] = {} if isinstance(card, Missing) else dict(card.hyperparameters)
    if not isinstance(data, Missing):
        found |= {
            "data.version": data.version,
            **{f"data.rows.{split}": str(rows) for split, rows in data.rows.items()},
        }
    return found


def _metrics(summary: Summary) -> Iterator[Any]:
    """Yields the metrics of the whole split, of what it is held against, of slices, and of every epoch."""
    from mlflow.entities import Metric  # noqa: PLC0415

    at = _milliseconds(summary.run.finished) or 0

    def metrics(values: Mapping[str, float | None], before: str = "", step: int = 0) -> Iterator[Metric]:
        for name, value in values.items():
            if value is not None:
                yield Metric(_key(f"{before}{name}"), float(value), at, step)

    yield from metrics(summary.metrics)
    for name, values in summary.baselines.items():
        yield from metrics(values, f"{name.replace(' ', '_')}/")
    if not isinstance(summary.evaluation, Missing) and summary.main:
        for entry in [each for each in summary.evaluation.slices if each.slice][:MOST_SLICES]:
            label = " ".join(f"{column}.{value}" for column, value in entry.slice.items())
            yield from metrics({summary.main: entry.metrics.get(summary.main)}, f"{label}/")
    history = read_made(summary.folder, summary.run, "history", read_history)
    for curve in () if isinstance(history, Missing) else history.curves:
        for split, series in (("train", curve.train), ("eval", curve.eval)):
            for epoch, value in enumerate(series, 1):
                yield from metrics({curve.metric: value}, f"{split}_", epoch)
