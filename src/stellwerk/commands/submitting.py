"""`stellwerk submit` and `stellwerk schedule`: a pipeline on Kubeflow, now or by itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stellwerk.commands.compiling import tell_notes
from stellwerk.commands.connecting import connected, connecting
from stellwerk.commands.options import JSON, SET, SPEC, checked
from stellwerk.errors import StellwerkError, UsageError

if TYPE_CHECKING:
    from stellwerk.pipelines.kubeflow.submission import Kubeflow, Package, Wanted
    from stellwerk.pipelines.kubeflow.submission.steps import StepState
    from stellwerk.spec.schedule import Schedule

F = TypeVar("F", bound=Callable[..., Any])

_ASKED = (
    SPEC,
    SET,
    click.option(
        "-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter; repeatable."
    ),
    click.option("--name", help="Name of the run or schedule; by default the pipeline's."),
    click.option("--service-account", help="Kubernetes service account of the steps; else cluster.service_account."),
    click.option("--pipeline-root", metavar="URI", help="Where the artifacts of the run go."),
    click.option("--no-cache", is_flag=True, help="Take no step from Kubeflow's cache."),
)
POLL = click.option(
    "--poll-seconds",
    type=click.FloatRange(min=0.01),
    default=5.0,
    show_default=True,
    help="How often the run is looked at.",
)
LOG = click.option(
    "--log-lines",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="How much of a failed step's log is shown.",
)


def asking(command: F) -> F:
    """Gives a command the options that say what is to run, and with what."""
    for option in reversed(_ASKED):
        command = option(command)
    return command


@click.command(short_help="Run a pipeline on Kubeflow Pipelines.")
@asking
@click.option("--wait", is_flag=True, help="Follow the run to its end.")
@POLL
@LOG
@connecting
@JSON
def submit(*, spec: Path, overrides: tuple[str, ...], wait: bool, as_json: bool, **given: Any) -> None:
    """Run a spec, or a compiled pipeline, on Kubeflow Pipelines.

    Prints the run's id and where the dashboard shows it. A submission that gets no answer is looked for before it is sent
    again, so that it never runs twice.

    \b
      stellwerk submit pipeline.yaml --host https://kubeflow.example/pipeline --token-file token
      stellwerk submit ir.yaml -p epochs=3 --wait
      stellwerk submit pipeline.yaml --user ada@example.com --password-file password

    As whom: `stellwerk connect --help` says which options fit which Kubeflow, and `stellwerk connect` tries them.
    """  # noqa: D301 - the backspace keeps click from joining lines
    from stellwerk.pipelines.kubeflow.submission import Runs  # noqa: PLC0415

    package, wanted = _asked(spec, overrides, given)
    kubeflow = connected(given, package.cluster)
    try:
        run = Runs(kubeflow).submit(package, wanted)
    except KeyboardInterrupt:
        click.echo("stellwerk: interrupted; the run may be there: `stellwerk cluster runs` lists them.", err=True)
        sys.exit(130)
    if not as_json:
        click.echo(f"{run.run}\n{run.url}")
    elif not wait:
        click.echo(json.dumps(run.as_json(), indent=1))
    if wait:
        follow_to_its_end(kubeflow, run.run, given, as_json=as_json)


@click.command(short_help="Let Kubeflow run a pipeline by itself.")
@asking
@click.option("--cron", help="When it runs, e.g. '0 3 * * *'; in place of cluster.schedule.")
@click.option("--every", help="How long lies between two runs, e.g. 6h; in place of cluster.schedule.")
@click.option("--catch-up/--no-catch-up", default=None, help="Whether missed runs are all made up for.")
@click.option("--max-concurrency", type=int, help="How many of its runs may go on at one time, 1 to 10.")
@click.option("--start", metavar="MOMENT", help="No run before, e.g. 2026-12-01T00:00:00Z.")
@click.option("--end", metavar="MOMENT", help="No run after.")
@click.option("--paused/--running", default=None, help="Whether it is made, and does not run.")
@connecting
@JSON
def schedule(*, spec: Path, overrides: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Let Kubeflow run a spec, or a compiled pipeline, by itself.

    When is said by the spec's cluster.schedule or by options. A schedule of the same name is replaced; one that already is
    what is asked for is left alone. `stellwerk cluster schedules` lists them.
    """
    from stellwerk.pipelines.kubeflow.submission import Schedules  # noqa: PLC0415

    package, wanted = _asked(spec, overrides, given)
    when = _when(package.cluster.schedule if package.cluster else None, given)
    done = Schedules(connected(given, package.cluster)).schedule(package, when, wanted)
    if as_json:
        about = {"changed": done.changed, "replaced": list(done.replaced)}
        click.echo(json.dumps({**done.schedule.as_json(), **about}, indent=1))
        return
    click.echo(f"{done.schedule.schedule}\n{done.schedule.url}")
    if not done.changed:
        click.echo("nothing has changed: the schedule is left as it is", err=True)
    for replaced in done.replaced:
        click.echo(f"replaced {replaced}", err=True)


def follow_to_its_end(kubeflow: Kubeflow, run: str, given: dict[str, Any], *, as_json: bool) -> None:
    """Follows a run, tells its steps on stderr, and ends as the run does; an interrupt leaves the run alone."""
    from stellwerk.pipelines.kubeflow.submission import Following, follow  # noqa: PLC0415

    try:
        ended = follow(kubeflow, run, _tell, Following(given["poll_seconds"], given["log_lines"]))
    except KeyboardInterrupt:
        click.echo(f"stellwerk: the run goes on; `stellwerk cluster wait {run}` follows it again.", err=True)
        sys.exit(130)
    except StellwerkError as error:  # the run goes on, and a program has to know which it is
        if as_json:
            click.echo(json.dumps({"run": run, "state": None, "error": str(error)}, indent=1))
        raise
    if as_json:
        steps = [vars(step) for step in ended.steps]
        told = {"why": ended.why, "steps": steps, "log": list(ended.said.tail)}
        click.echo(json.dumps({**ended.run.as_json(), **told}, indent=1))
    ended.check()


def _tell(step: StepState) -> None:
    took = f" in {step.seconds:.0f} s" if step.seconds is not None and step.state in ("succeeded", "failed") else ""
    why = f": {step.message}" if step.message else ""
    click.echo(f"{step.name:<12} {step.state}{took}{why}", err=True)


def _asked(spec: Path, overrides: tuple[str, ...], given: dict[str, Any]) -> tuple[Package, Wanted]:
    """Compiles or reads what is to run, and reads what it is given; nothing is sent yet."""
    from stellwerk.pipelines.kubeflow.submission import Wanted, package_of  # noqa: PLC0415
    from stellwerk.pipelines.kubeflow.submission.package import is_ir  # noqa: PLC0415
    from stellwerk.pipelines.kubeflow.submission.parameters import read  # noqa: PLC0415

    _refuse_a_root_that_is_no_store(given["pipeline_root"])
    if is_ir(spec):
        if overrides:
            raise UsageError(f"{spec}: is compiled already, so --set changes nothing. Give parameters with -p.")
        package = package_of(spec)
    else:
        loaded = checked(spec, overrides, data=False)
        tell_notes(loaded)
        package = package_of(loaded, given["pipeline_root"])
    package = package.without_cache() if given.pop("no_cache") else package
    parameters = read(given.pop("parameters"), package.parameters)
    return package, Wanted(parameters, *(given.pop(name) for name in ("name", "service_account", "pipeline_root")))


def _refuse_a_root_that_is_no_store(root: str | None) -> None:
    from stellwerk.spec.cluster import store_root  # noqa: PLC0415

    try:
        if root is not None:
            store_root(root)
    except ValueError as error:
        raise UsageError(f"--pipeline-root: {error}. Received: '{root}'.") from None


def _when(section: Schedule | None, given: dict[str, Any]) -> Schedule:
    """Returns the spec's schedule with what the options say in its place."""
    from pydantic import ValidationError  # noqa: PLC0415

    from stellwerk.spec.schedule import Schedule  # noqa: PLC0415

    names = ("cron", "every", "catch_up", "max_concurrency", "start", "end", "paused")
    options = {name: value for name in names if (value := given.pop(name)) is not None}
    before = section.model_dump(exclude_defaults=True) if section else {}
    if "cron" in options or "every" in options:
        before = {name: value for name, value in before.items() if name not in ("cron", "every")}
    if not {"cron", "every"} & {*options, *before}:
        raise UsageError("When? Give --cron '0 3 * * *' or --every 6h, or say it as `cluster.schedule` in the spec.")
    try:
        return Schedule.model_validate({**before, **options})
    except ValidationError as error:
        first = error.errors()[0]
        where = f"--{str(first['loc'][0]).replace('_', '-')}: " if first["loc"] else ""
        raise UsageError(f"{where}{first['msg'].removeprefix('Value error, ')}.") from None
