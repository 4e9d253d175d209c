"""What ran: `stellwerk runs`, `report` and `compare`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stellwerk.commands.options import JSON, SPEC, load, near
from stellwerk.errors import UsageError

if TYPE_CHECKING:
    from stellwerk.pipelines.runs import RunRecord
    from stellwerk.report.summary import Summary


@click.command(short_help="List the runs of a pipeline: how each ended, and its metrics.")
@SPEC
@click.option("-n", "--number", default=20, show_default=True, help="How many runs, newest first.")
@click.option("--mlflow", metavar="URI", help="Write them to an MLflow tracking server or folder, each once.")
@JSON
def runs(*, spec: Path, number: int, mlflow: str | None, as_json: bool) -> None:
    """List the runs of a pipeline, newest first: how each ended, its main metrics, and what became of its model.

    With --mlflow URI (a folder, or a server such as http://mlflow:5000) they become runs of the experiment with the pipeline's
    name: parameters, metrics, curves, tags and the report. One that is there already is left as it is.
    """
    found = list(islice(_runs_of(spec), number))
    if mlflow is not None:
        from stellwerk.pipelines.tracking import export  # noqa: PLC0415

        told = export([record.folder for record in found], mlflow)
        click.echo(f"{told.written} runs written to {mlflow}, {told.there} were there already", err=True)
    if as_json:
        click.echo(json.dumps([_as_json(record) for record in found], indent=1))
        return
    for record in found:
        click.echo(_line(record))


def _runs_of(spec: Path) -> Iterator[RunRecord]:
    from stellwerk.pipelines.runs import all_runs, runs_of  # noqa: PLC0415

    loaded = load(spec)
    return all_runs(runs_of(loaded.directory, loaded.spec.name))


def _line(record: RunRecord) -> str:
    seconds = sum(step.seconds or 0.0 for step in record.steps)
    cached = sum(step.status == "cached" for step in record.steps)
    summary = _summary(record)
    ended = f"{record.run}  {record.status:<8} {seconds:7.1f} s  {cached}/{len(record.steps)} cached"
    return f"{ended}  {summary.judgement:<11}  {summary.line()}".rstrip()


def _as_json(record: RunRecord) -> dict[str, Any]:
    summary = _summary(record)
    told: dict[str, Any] = json.loads((record.folder / "run.json").read_text(encoding="utf-8"))
    blessing, pushed = summary.blessing, summary.pushed
    return {
        **told,
        "metrics": dict(summary.metrics),
        "baselines": {name: dict(metrics) for name, metrics in summary.baselines.items()},
        "blessed": getattr(blessing, "blessed", None),
        "pushed": getattr(pushed, "path", None),
    }


def _summary(record: RunRecord) -> Summary:
    from stellwerk.report.summary import summarise  # noqa: PLC0415

    return summarise(record.folder)


@click.command()
@SPEC
@click.option("--run", "wanted", metavar="RUN", help="Id of the run, or how it begins; by default the newest.")
def report(*, spec: Path, wanted: str | None) -> None:
    """Write the report of a run anew and say where it is."""
    from stellwerk.pipelines.runs import find_run, runs_of  # noqa: PLC0415
    from stellwerk.report import write_report  # noqa: PLC0415

    loaded = load(spec)
    record = find_run(runs_of(loaded.directory, loaded.spec.name), wanted)
    click.echo(str(near(write_report(record.folder))))


@click.command(short_help="Show what is different between two runs.")
@click.argument("first", metavar="[RUN]", required=False)
@click.argument("second", metavar="[RUN]", required=False)
@click.option("--spec", type=click.Path(path_type=Path), default="pipeline.yaml", show_default=True, help="Whose runs.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a page (HTML) too.")
def compare(*, first: str | None, second: str | None, spec: Path, output: Path | None) -> None:
    """Show two runs side by side: what is different in spec, data and libraries, and what that did to the metrics.

    A RUN is the id of a run of the pipeline, or how it begins, or the folder of any run. With one it is compared with the
    newest; without any the newest two are compared.

    \b
      stellwerk compare
      stellwerk compare 20260301-1200 20260302-0915 -o comparison.html
      stellwerk compare runs/flights/20260301-120000-01af ../other/runs/flights/20260302-091500-77b2
    """  # noqa: D301 - the backspace keeps click from joining lines
    from stellwerk.report import comparing  # noqa: PLC0415

    found = comparing.compare(*_folders(first, second, spec))
    click.echo(comparing.as_text(found))
    if output is not None:
        from stellwerk.report.comparison_page import comparison_page  # noqa: PLC0415

        try:
            output.write_text(comparison_page(found), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{output}: cannot be written: {error.strerror}. Name another file with -o.") from None
        click.echo(f"page  {near(output)}", err=True)


def _folders(first: str | None, second: str | None, spec: Path) -> tuple[Path, Path]:
    """Returns the folders of the runs to compare, the earlier named first."""
    if first is not None and second is not None:
        return _folder(first, spec), _folder(second, spec)
    newest = [record.folder for record in islice(_runs_of(spec), 2)]
    if first is not None:
        if not newest:
            raise UsageError(f"{spec}: no runs yet to compare with. Start one with `stellwerk run`.")
        return _folder(first, spec), newest[0]
    if len(newest) < 2:
        raise UsageError(f"{spec}: there are no two runs to compare yet. Start one with `stellwerk run`.")
    return newest[1], newest[0]


def _folder(named: str, spec: Path) -> Path:
    from stellwerk.pipelines.runs import find_run, runs_of  # noqa: PLC0415

    folder = Path(named)
    if (folder / "run.json").is_file():
        return folder
    loaded = load(spec)
    return find_run(runs_of(loaded.directory, loaded.spec.name), named).folder
