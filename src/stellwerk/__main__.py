"""The command line. Results go to stdout, everything else to stderr; nothing heavy is imported before it is needed."""

from __future__ import annotations

import json
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stellwerk import __version__
from stellwerk.errors import SpecError, StellwerkError, UsageError
from stellwerk.serving.command import serve

if TYPE_CHECKING:
    from stellwerk.loading import LoadedSpec
    from stellwerk.pipelines.runs import RunRecord

SPEC = click.argument("spec", type=click.Path(path_type=Path), default="pipeline.yaml")
SET = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change one value of the spec, e.g. train.epochs=1."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="stellwerk")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Stellwerk turns one YAML file into a deep-learning pipeline.

    \b
    A first session:
      stellwerk check pipeline.yaml      is the spec right, and does the data fit?
      stellwerk run pipeline.yaml        raw data to a pushed model, on this machine
      stellwerk report pipeline.yaml     where the report of the last run is
      stellwerk serve models/NAME        answer predictions over REST and gRPC

    \b
    Exit codes: 0 done; 1 a gate refused (data anomalies, model not blessed);
    2 the spec or the command line is wrong; 3 a step failed.
    """  # noqa: D301 - the backspace keeps click from joining lines


def _load(spec: Path, overrides: tuple[str, ...] = ()) -> LoadedSpec:
    from stellwerk.loading import load  # noqa: PLC0415

    return load(spec, overrides)


def _checked(spec: Path, overrides: tuple[str, ...], data: bool = True) -> LoadedSpec:
    """Loads a spec and refuses it when the data does not fit, before anything runs."""
    from stellwerk.pipelines.checking import check  # noqa: PLC0415

    loaded = _load(spec, overrides)
    problems = check(loaded, data=data)
    if problems:
        raise SpecError(problems)
    return loaded


@cli.command()
@SPEC
@SET
@click.option("--no-data", is_flag=True, help="Check the spec alone, do not open the data.")
@JSON
def check(*, spec: Path, overrides: tuple[str, ...], no_data: bool, as_json: bool) -> None:
    """Check a spec, and whether the data fits it. Reports every problem at once."""
    from stellwerk.pipelines.checking import check as find_problems  # noqa: PLC0415

    problems: list[Any]
    try:
        problems = list(find_problems(_load(spec, overrides), data=not no_data))
    except SpecError as error:
        problems = list(error.problems)
    if as_json:
        keys = ("file", "line", "path", "message")
        click.echo(json.dumps([{key: getattr(problem, key) for key in keys} for problem in problems], indent=1))
    elif problems:
        raise SpecError(problems)
    else:
        click.echo(f"{spec}: ok")
    sys.exit(2 if problems else 0)


@cli.command()
@SPEC
@SET
@click.option("--no-cache", is_flag=True, help="Run every step again.")
@click.option("--from", "start_from", metavar="STEP", help="Run this step and all after it again.")
@click.option("--until", metavar="STEP", help="Stop after this step.")
@JSON
def run(
    *, spec: Path, overrides: tuple[str, ...], no_cache: bool, start_from: str | None, until: str | None, as_json: bool
) -> None:
    """Run the whole pipeline on this machine: no cluster, no Docker.

    Steps whose inputs are unchanged are taken from the cache; a failed or killed run continues where it stopped.
    """
    from stellwerk.pipelines import embedded  # noqa: PLC0415
    from stellwerk.pipelines.embedded.display import for_stderr  # noqa: PLC0415
    from stellwerk.pipelines.runs import find_run, runs_of  # noqa: PLC0415

    loaded = _checked(spec, overrides)
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        record = embedded.run(loaded, cache=not no_cache, start_from=start_from, until=until, display=for_stderr())
    except UsageError:
        raise
    except StellwerkError:
        _show(find_run(runs_of(loaded.directory, loaded.spec.name), None), as_json)
        raise
    _show(record, as_json)


def _as_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _show(record: RunRecord, as_json: bool) -> None:
    """Prints where the results of a run are."""
    if as_json:
        click.echo((record.folder / "run.json").read_text(encoding="utf-8"), nl=False)
        return
    pushed = record.artifact("push", "pushed_model") / "pushed.json"
    if pushed.exists():
        path = json.loads(pushed.read_text(encoding="utf-8"))["path"]
        click.echo(f"model   {path if '://' in path else _near(Path(path))}")
    click.echo(f"report  {_near(record.folder / 'report.html')}")


def _near(path: Path) -> Path:
    """Returns the path relative to the working directory where that is shorter."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path


@cli.command()
@SPEC
@SET
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Where the IR goes, e.g. ir.yaml.")
def compile(*, spec: Path, overrides: tuple[str, ...], output: Path) -> None:  # noqa: A001
    """Compile a spec to KFP v2 IR, which any Kubeflow Pipelines 2.x backend accepts."""
    from stellwerk.pipelines.compilation import compile as compile_spec  # noqa: PLC0415

    compile_spec(_checked(spec, overrides, data=False), output)
    click.echo(str(output))


@cli.command()
@SPEC
@SET
@click.option("--json", "as_json", is_flag=True, help="Print the JSON Schema of the spec itself, for editors.")
@click.option("--force", is_flag=True, help="Overwrite a schema file that exists.")
def schema(*, spec: Path, overrides: tuple[str, ...], as_json: bool, force: bool) -> None:
    """Write the schema inferred from the data beside the spec, to be curated and committed."""
    if as_json:
        from stellwerk.spec.documentation import json_schema  # noqa: PLC0415

        click.echo(json.dumps(json_schema(), indent=2))
        return
    from stellwerk.components.validation.curating import curate  # noqa: PLC0415
    from stellwerk.errors import GateRefused  # noqa: PLC0415
    from stellwerk.pipelines import embedded  # noqa: PLC0415
    from stellwerk.pipelines.embedded.display import for_stderr  # noqa: PLC0415
    from stellwerk.pipelines.runs import find_run, runs_of  # noqa: PLC0415

    wanted = _load(spec, overrides).spec.validate_.schema_
    loaded = _checked(spec, (*overrides, "validate.schema=null"))
    target = loaded.directory / (wanted or "schema.pbtxt")
    if target.exists() and not force:
        raise UsageError(f"{target}: exists already. Edit it, or overwrite it with --force.")
    try:
        record = embedded.run(loaded, until="validate", display=for_stderr())
    except GateRefused:
        record = find_run(runs_of(loaded.directory, loaded.spec.name), None)
    curate(record.artifact("validate", "schema"), target, overwrite=force)
    click.echo(str(_near(target)))
    if wanted is None:
        click.echo(f"Add `validate: {{schema: {target.name}}}` to {spec} so that runs use it.", err=True)


@cli.command()
@SPEC
@click.option("-n", "--number", default=20, show_default=True, help="How many runs, newest first.")
@JSON
def runs(*, spec: Path, number: int, as_json: bool) -> None:
    """List the runs of a pipeline, newest first."""
    from stellwerk.pipelines.runs import all_runs, runs_of  # noqa: PLC0415

    loaded = _load(spec)
    found = list(all_runs(runs_of(loaded.directory, loaded.spec.name)))[:number]
    if as_json:
        click.echo(json.dumps([json.loads((record.folder / "run.json").read_text()) for record in found], indent=1))
        return
    for record in found:
        seconds = sum(step.seconds or 0.0 for step in record.steps)
        cached = sum(step.status == "cached" for step in record.steps)
        click.echo(f"{record.run}  {record.status:<8} {seconds:7.1f} s  {cached}/{len(record.steps)} cached")


@cli.command()
@SPEC
@click.option("--run", "wanted", metavar="RUN", help="Id of the run, or how it begins; by default the newest.")
def report(*, spec: Path, wanted: str | None) -> None:
    """Write the report of a run anew and say where it is."""
    from stellwerk.pipelines.report import write_report  # noqa: PLC0415
    from stellwerk.pipelines.runs import find_run, runs_of  # noqa: PLC0415

    loaded = _load(spec)
    record = find_run(runs_of(loaded.directory, loaded.spec.name), wanted)
    click.echo(str(_near(write_report(record.folder))))


cli.add_command(serve)


@cli.command()
@click.argument("model")
@click.argument("input", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, help="Where the predictions go; `-` is stdout.")
@click.option("--version", type=int, help="Version of the model; by default the newest.")
@click.option("--signature", default="serving_default", show_default=True, help="Signature of the model to ask.")
@click.option("--format", type=click.Choice(["csv", "jsonl", "parquet"]), help="Of the output; by default its ending.")
@click.option("--keep", multiple=True, metavar="COLUMN", help="Keep only this input column; may be repeated.")
@click.option("--only-predictions", is_flag=True, help="Keep no input column.")
@click.option("--prefix", default="", help="Stands before the names of the model's columns.")
@click.option("--threshold", type=float, help="Binary models: add `predicted`, 1 from this probability on.")
@click.option("--all-probabilities", is_flag=True, help="Several classes: add the probability of each.")
@click.option("--null-value", "null_values", multiple=True, metavar="TEXT", help="CSV: text that means missing.")
@click.option("--delimiter", help="CSV: what stands between values.")
@click.option(
    "--on-bad-rows",
    type=click.Choice(["fail", "quarantine"]),
    default="fail",
    show_default=True,
    help="Rows that the model cannot take: an error, or a file beside the output.",
)
@click.option("--batch-size", type=int, help="Rows to ask about at once.")
@click.option("--clients", type=int, default=4, show_default=True, help="Server: requests under way at once.")
@click.option("--timeout", type=float, default=30.0, show_default=True, help="Server: seconds for one request.")
@click.option("--patience", type=float, default=60.0, show_default=True, help="Server: seconds to try again for.")
@click.option(
    "--token-file", type=click.Path(path_type=Path), help="Server: file with a bearer token; else $STELLWERK_TOKEN."
)
@click.option("--ca", type=click.Path(path_type=Path), help="Server: certificates to trust (PEM).")
@click.option("--cert", type=click.Path(path_type=Path), help="Server: own certificate (PEM).")
@click.option("--key", type=click.Path(path_type=Path), help="Server: private key of --cert (PEM).")
@JSON
def predict(*, model: str, input: Path, output: str, as_json: bool, **chosen: Any) -> None:  # noqa: A002
    """Predict every row of a CSV, JSONL or Parquet file.

    MODEL is <to>/<name> (its newest version), a version folder, or a served model: http://HOST:8501/v1/models/NAME,
    grpc://HOST:8500/NAME. A killed run continues when the same command is given again.
    """
    from stellwerk.serving.bulk import predict as predict_rows  # noqa: PLC0415
    from stellwerk.serving.bulk.choices import options_from  # noqa: PLC0415

    if as_json and output == "-":
        raise UsageError("--json and `-o -` both want stdout. Leave one of them out.")
    signal.signal(signal.SIGTERM, _as_interrupt)
    summary = predict_rows(model, input, output, options_from(chosen), progress=sys.stderr)
    if as_json:
        click.echo(json.dumps(vars(summary), indent=1))
    elif output != "-":
        click.echo(output)
    if not as_json:
        click.echo(str(summary), err=True)


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell, e.g. `eval "$(stellwerk completion bash)"`."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click knows all three
    click.echo(found(cli, {}, "stellwerk", "_STELLWERK_COMPLETE").source())


def main() -> None:
    """Runs the command line; errors become one clear paragraph and an exit code."""
    try:
        cli(prog_name="stellwerk", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _leave_interrupted()
    except StellwerkError as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        click.echo(f"{error}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        if _comes_from_an_interrupt(error):
            _leave_interrupted()
        if "--debug" in sys.argv:
            raise
        click.echo(
            f"stellwerk: unexpected {type(error).__name__}: {error}. Run again with `stellwerk --debug ...` for the traceback.",
            err=True,
        )
        sys.exit(3)


def _comes_from_an_interrupt(error: BaseException | None) -> bool:
    """Says whether an interrupt lies below: one that hits while a library is loaded comes out as an ImportError."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _leave_interrupted() -> None:
    click.echo("stellwerk: interrupted; what was finished is kept, run again to continue.", err=True)
    sys.exit(130)


if __name__ == "__main__":
    main()
