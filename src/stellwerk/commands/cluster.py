"""`stellwerk cluster`: what runs on Kubeflow, and what is done with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stellwerk.commands.connecting import FROM, cluster_of, connected, connecting
from stellwerk.commands.options import JSON
from stellwerk.commands.submitting import LOG, POLL, follow_to_its_end
from stellwerk.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from stellwerk.pipelines.kubeflow.submission import ClusterSchedule
    from stellwerk.pipelines.kubeflow.submission.steps import StepState

RUN = click.argument("run")
SCHEDULE = click.argument("schedule")


@click.group()
def cluster() -> None:
    """Look after runs and schedules on Kubeflow Pipelines.

    RUN is the id or the name of a run, or `latest`; SCHEDULE the id or the name of a schedule.
    """


@cluster.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, the newest first.")
@FROM
@connecting
@JSON
def runs(*, spec: Path | None, limit: int, as_json: bool, **given: Any) -> None:
    """List the newest runs; with --experiment those of one."""
    from stellwerk.pipelines.kubeflow.submission import Runs  # noqa: PLC0415

    experiment = given["experiment"]
    found = Runs(connected(given, cluster_of(spec, given))).list(limit, experiment)
    if as_json:
        click.echo(json.dumps([run.as_json() for run in found], indent=1))
        return
    _table(("run", "name", "state", "created"), ((run.run, run.name, run.state, _at(run.created)) for run in found))


@cluster.command()
@RUN
@FROM
@connecting
@JSON
def show(*, run: str, spec: Path | None, as_json: bool, **given: Any) -> None:
    """Show a run: how far each of its steps is, and why it did not come to a good end."""
    from stellwerk.pipelines.kubeflow.submission import Runs  # noqa: PLC0415
    from stellwerk.pipelines.kubeflow.submission.endings import Ended, ended  # noqa: PLC0415
    from stellwerk.pipelines.kubeflow.submission.gates import looked  # noqa: PLC0415

    kubeflow = connected(given, cluster_of(spec, given))
    at = looked(kubeflow, Runs(kubeflow).model(run))
    found = Runs(kubeflow).read(at.model)
    told = ended(kubeflow, found, at, 1) if found.is_finished else Ended(found, at.steps)
    if as_json:
        steps = [vars(step) for step in at.steps]
        click.echo(json.dumps({**told.run.as_json(), "why": told.why, "steps": steps}, indent=1))
        return
    click.echo(f"{found.run}  {found.name}  {told.run.state}\n{found.url}")
    if told.why:
        click.echo(told.why)
    _table(("step", "state", "what"), ((step.name, step.state, _what(step)) for step in at.steps))


@cluster.command()
@RUN
@POLL
@LOG
@FROM
@connecting
@JSON
def wait(*, run: str, spec: Path | None, as_json: bool, **given: Any) -> None:
    """Follow a run to its end, and end as it does."""
    kubeflow = connected(given, cluster_of(spec, given))
    follow_to_its_end(kubeflow, run, given, as_json=as_json)


@cluster.command()
@RUN
@click.argument("step")
@click.option("--lines", type=click.IntRange(min=1), default=1000, show_default=True, help="How many, from the end.")
@FROM
@connecting
def logs(*, run: str, step: str, lines: int, spec: Path | None, **given: Any) -> None:
    """Print the log of a step of a run."""
    from stellwerk.pipelines.kubeflow.submission import Runs  # noqa: PLC0415
    from stellwerk.pipelines.kubeflow.submission.gates import looked  # noqa: PLC0415

    kubeflow = connected(given, cluster_of(spec, given))
    model = Runs(kubeflow).model(run)
    steps = {each.name: each for each in looked(kubeflow, model).steps}
    if step not in steps:
        raise UsageError(
            f"run {model.run_id} has no step '{step}'.{did_you_mean(step, steps)} Known: {', '.join(steps)}."
        )
    pod = steps[step].pod
    found = kubeflow.log(model.run_id, pod, lines) if pod else None
    if found is None:
        how = "came from its cache" if steps[step].cached else f"is {steps[step].state}"
        raise UsageError(f"run {model.run_id}: Kubeflow has no log of step '{step}', which {how}.")
    click.echo("\n".join(found))


def _run_command(verb: str, past: str, about: str) -> None:
    """Adds the command that does one thing to one run."""

    @cluster.command(verb, help=about)
    @RUN
    @FROM
    @connecting
    @JSON
    def change(*, run: str, spec: Path | None, as_json: bool, **given: Any) -> None:
        from stellwerk.pipelines.kubeflow.submission import Runs  # noqa: PLC0415

        changed = getattr(Runs(connected(given, cluster_of(spec, given))), verb)(run)
        click.echo(json.dumps(changed.as_json(), indent=1) if as_json else changed.run)
        done = verb == "terminate" and changed.state == "canceled"
        click.echo(f"{'terminated' if done else past} {changed.name}", err=True)


_run_command("terminate", "terminating", "End a run that goes on; doing so twice changes nothing.")
_run_command("retry", "retrying", "Run the failed steps of a run again, and all after them.")
_run_command("delete", "deleted", "Delete a run, and end it where it goes on. Its artifacts stay.")


@cluster.command()
@FROM
@connecting
@JSON
def schedules(*, spec: Path | None, as_json: bool, **given: Any) -> None:
    """List the schedules, the newest first."""
    from stellwerk.pipelines.kubeflow.submission import Schedules  # noqa: PLC0415

    found = Schedules(connected(given, cluster_of(spec, given))).list()
    if as_json:
        click.echo(json.dumps([each.as_json() for each in found], indent=1))
        return
    rows = ((each.schedule, each.name, _paused(each), _when(each)) for each in found)
    _table(("schedule", "name", "state", "when"), rows)


@cluster.command()
@SCHEDULE
@FROM
@connecting
@JSON
def schedule(*, schedule: str, spec: Path | None, as_json: bool, **given: Any) -> None:
    """Show a schedule."""
    from stellwerk.pipelines.kubeflow.submission import Schedules  # noqa: PLC0415

    found = Schedules(connected(given, cluster_of(spec, given))).get(schedule)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=1))
        return
    missed = "all missed runs are made up for" if found.catch_up else "of missed runs only the last is made up for"
    click.echo(f"{found.schedule}  {found.name}  {_paused(found)}\n{found.url}\n{_when(found)}")
    click.echo(f"at most {found.max_concurrency} at one time; {missed}")


def _schedule_command(name: str, about: str, past: str, act: Callable[[Any, str], Any]) -> None:
    """Adds the command that does one thing to one schedule."""

    @cluster.command(name, help=about)
    @SCHEDULE
    @FROM
    @connecting
    @JSON
    def change(*, schedule: str, spec: Path | None, as_json: bool, **given: Any) -> None:
        from stellwerk.pipelines.kubeflow.submission import Schedules  # noqa: PLC0415

        changed = act(Schedules(connected(given, cluster_of(spec, given))), schedule)
        click.echo(json.dumps(changed.as_json(), indent=1) if as_json else changed.schedule)
        click.echo(f"{past} {changed.name}", err=True)


_schedule_command("pause", "Keep a schedule from starting runs.", "paused", lambda all_of, one: all_of.pause(one))
_schedule_command(
    "resume", "Let a paused schedule start runs again.", "running", lambda all_of, one: all_of.pause(one, paused=False)
)
_schedule_command("unschedule", "Delete a schedule; its runs stay.", "deleted", lambda all_of, one: all_of.delete(one))


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    lines = [heads, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _what(step: StepState) -> str:
    return "from the cache" if step.cached else step.message or ""


def _paused(schedule: ClusterSchedule) -> str:
    return "paused" if schedule.paused else "running"


def _when(schedule: ClusterSchedule) -> str:
    when = schedule.cron or f"every {schedule.every_seconds} s"
    start = f" from {_at(schedule.start)}" if schedule.start else ""
    return f"{when}{start}{f' until {_at(schedule.end)}' if schedule.end else ''}"


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""
