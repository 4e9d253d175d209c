"""The command line: its commands, and how each ends."""

from __future__ import annotations

import io
import sys
import traceback
import warnings
from typing import TextIO

import click

from stellwerk import __version__
from stellwerk.commands.cataloguing import components
from stellwerk.commands.checking import check, schema
from stellwerk.commands.cleaning import clean
from stellwerk.commands.cluster import cluster
from stellwerk.commands.compiling import compile  # noqa: A004 - the verb of KFP
from stellwerk.commands.completing import completion
from stellwerk.commands.connecting import connect
from stellwerk.commands.lineage import lineage
from stellwerk.commands.looking import compare, report, runs
from stellwerk.commands.predicting import predict
from stellwerk.commands.running import run
from stellwerk.commands.serving import serve
from stellwerk.commands.starting import init
from stellwerk.commands.submitting import schedule, submit
from stellwerk.commands.verifying import verify
from stellwerk.errors import DamagedWarning, StellwerkError, sentence
from stellwerk.showing import readable

COMMANDS = (
    init,
    check,
    run,
    compile,
    connect,
    submit,
    schedule,
    cluster,
    components,
    schema,
    runs,
    report,
    compare,
    clean,
    lineage,
    verify,
    serve,
    predict,
    completion,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="stellwerk")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Stellwerk turns one YAML file into a deep-learning pipeline.

    \b
    A first session:
      stellwerk init data.csv            a first spec from a look at the data
      stellwerk check pipeline.yaml      is the spec right, and does the data fit?
      stellwerk run pipeline.yaml        raw data to a pushed model, on this machine
      stellwerk report pipeline.yaml     where the report of the last run is
      stellwerk serve models/NAME        answer predictions over REST and gRPC

    \b
    Exit codes: 0 done; 1 a gate refused (data anomalies, model not blessed);
    2 the spec or the command line is wrong; 3 a step failed, or the cluster did not take it.
    """  # noqa: D301 - the backspace keeps click from joining lines


for command in COMMANDS:
    cli.add_command(command)


_AS_PYTHON_DOES = warnings.showwarning


def main() -> None:
    """Runs the command line; errors become one clear paragraph and an exit code, warnings of our own a line."""
    warnings.showwarning = _shown
    try:
        cli(prog_name="stellwerk", standalone_mode=False)
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        click.echo(readable(said.getvalue()), err=True, nl=False)
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
            f"stellwerk: {sentence(error).rstrip('.')}. Run again with `stellwerk --debug ...` for the traceback.",
            err=True,
        )
        sys.exit(3)


def _shown(  # noqa: PLR0917 - as Python calls it
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Shows a warning as Python does, unless it is meant for a person."""
    if issubclass(category, DamagedWarning):
        click.echo(readable(f"warning {message}"), err=True)
        return
    _AS_PYTHON_DOES(message, category, filename, lineno, file, line)


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
