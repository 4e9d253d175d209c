"""`stellwerk run`: the whole pipeline, here or in containers."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stellwerk.commands.options import JSON, SET, SPEC, as_interrupt, checked, near, tell_unused
from stellwerk.errors import StellwerkError, UsageError

if TYPE_CHECKING:
    from stellwerk.loading import LoadedSpec
    from stellwerk.pipelines.runs import RunRecord


@click.command(short_help="Run the whole pipeline on this machine.")
@SPEC
@SET
@click.option("--no-cache", is_flag=True, help="Run every step again.")
@click.option("--from", "start_from", metavar="STEP", help="Run this step and all after it again.")
@click.option("--until", metavar="STEP", help="Stop after this step.")
@click.option("--docker", is_flag=True, help="Run each step in a container, from the IR that a cluster gets.")
@click.option(
    "--image", metavar="NAME", help="With --docker: by default the spec's cluster.image, else stellwerk:VERSION."
)
@JSON
def run(
    *, spec: Path, overrides: tuple[str, ...], docker: bool, image: str | None, as_json: bool, **chosen: Any
) -> None:
    """Run the whole pipeline on this machine: no cluster, and no Docker unless --docker asks for it.

    Steps whose inputs are unchanged are taken from the cache; a failed or killed run continues where it stopped.

    With --docker the spec is compiled as for Kubeflow, and the steps run in containers of the image, over the socket of
    Docker or podman (or $DOCKER_HOST). They read the data's folders and write to push.to's, and have a network only where data or
    models are in a store or on the web. Every step runs: nothing is taken from the cache.
    """
    _refuse_what_does_not_go_together(docker, image, chosen)
    signal.signal(signal.SIGTERM, as_interrupt)
    with _in_containers(image, chosen) if docker else _here(spec, chosen) as run_spec:
        tell_unused()
        loaded = checked(spec, overrides, again=False)
        record = _told(run_spec, loaded, as_json)
    _show(record, as_json)


@contextlib.contextmanager
def _here(spec: Path, chosen: dict[str, Any]) -> Iterator[Callable[[LoadedSpec], RunRecord]]:
    """Gives what runs a spec on this machine; the process of the steps gets ready while the spec is read."""
    from stellwerk.pipelines.embedded.workers import Workers  # noqa: PLC0415

    with Workers() as workers:
        if not (spec.parent / "runs").exists():
            workers.load_frameworks()  # nothing can be taken from a cache, so the steps will ask for them
        from stellwerk.pipelines.embedded.display import for_stderr  # noqa: PLC0415
        from stellwerk.pipelines.embedded.runner import run as run_here  # noqa: PLC0415

        again = {"cache": not chosen["no_cache"], "start_from": chosen["start_from"], "until": chosen["until"]}
        yield lambda loaded: run_here(loaded, **again, display=for_stderr(), workers=workers)


@contextlib.contextmanager
def _in_containers(image: str | None, chosen: dict[str, Any]) -> Iterator[Callable[[LoadedSpec], RunRecord]]:
    from stellwerk.pipelines import docker  # noqa: PLC0415
    from stellwerk.pipelines.embedded.display import for_stderr  # noqa: PLC0415

    yield lambda loaded: docker.run(loaded, image=image, until=chosen["until"], display=for_stderr())


def _told(run_spec: Callable[[LoadedSpec], RunRecord], loaded: LoadedSpec, as_json: bool) -> RunRecord:
    """Runs a spec; where that fails, says where the results are that there are."""
    try:
        return run_spec(loaded)
    except UsageError:
        raise
    except StellwerkError as error:
        newest = _newest(loaded)
        if newest is not None and newest.error == str(error):  # not where nothing began
            _show(newest, as_json)
        raise


def _refuse_what_does_not_go_together(docker: bool, image: str | None, chosen: dict[str, Any]) -> None:
    if image is not None and not docker:
        raise UsageError("--image names the image of a run with --docker: add --docker, or leave --image out.")
    if docker and chosen["start_from"]:
        raise UsageError(
            "--from is not for --docker: nothing is taken from the cache there, so every step runs again anyway. "
            "Leave out --from, or --docker."
        )


def _newest(loaded: LoadedSpec) -> RunRecord | None:
    from stellwerk.pipelines.runs import all_runs, runs_of  # noqa: PLC0415

    return next(all_runs(runs_of(loaded.directory, loaded.spec.name)), None)


def _show(record: RunRecord, as_json: bool) -> None:
    """Prints how good the model is, what became of it, and where the results of a run are."""
    if as_json:
        click.echo((record.folder / "run.json").read_text(encoding="utf-8"), nl=False)
        return
    from stellwerk.report.summary import summarise  # noqa: PLC0415

    summary = summarise(record.folder)
    line = summary.line()
    if line:
        click.echo(f"metrics {line}")
    click.echo(f"verdict {summary.verdict.headline}: {summary.verdict.sentence}")
    for warning in summary.warnings:
        click.echo(f"warning {warning}")
    pushed = record.made("pushed_model") / "pushed.json"
    if pushed.exists():
        path = json.loads(pushed.read_text(encoding="utf-8"))["path"]
        click.echo(f"model   {path if '://' in path else near(Path(path))}")
    click.echo(f"report  {near(record.folder / 'report.html')}")
