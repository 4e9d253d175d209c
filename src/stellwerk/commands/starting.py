"""`stellwerk init`: a first spec, from a look at the data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stellwerk.errors import UsageError
from stellwerk.showing import listed
from stellwerk.tasks import TASKS

if TYPE_CHECKING:
    from stellwerk.pipelines.starting import Guess, Opened, Plan


@click.command(short_help="Write a first spec from a look at the data.")
@click.argument("data", nargs=-1, required=True, metavar="DATA...")
@click.option("--target", metavar="COLUMN", help="What is to be predicted; guessed and asked for where it is not said.")
@click.option(
    "--task", type=click.Choice(tuple(TASKS)), help="What kind of answer it is; by default as its values are."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default="pipeline.yaml", show_default=True, help="The spec."
)
@click.option("-y", "--yes", is_flag=True, help="Ask nothing: take what is guessed.")
def init(*, data: tuple[str, ...], target: str | None, task: str | None, output: Path, yes: bool) -> None:
    """Look at DATA and write a spec for it that runs as it is, with comments that say why.

    DATA is a file, a folder, a pattern or a URI; several are one table in parts. CSV, JSONL, Parquet, Avro and ORC, packed
    or not. A folder or an archive of pictures has a folder for each class.

    \b
      stellwerk init customers.csv
      stellwerk init customers.csv --target left -o churn.yaml --yes
      stellwerk init load.csv --task forecast
      stellwerk run pipeline.yaml
    """  # noqa: D301 - the backspace keeps click from joining lines
    from stellwerk.pipelines.starting import guess, opened, plan, written  # noqa: PLC0415

    if output.exists():
        raise UsageError(
            f"{output}: exists already, and nothing is overwritten. Name another file with -o, or remove it."
        )
    directory = output.absolute().parent
    if not directory.is_dir():
        raise UsageError(f"{output}: there is no folder {output.parent}. Make it, or name another file with -o.")
    with opened(data, directory) as found:
        chosen = guess(found.survey, target, task)
        if not yes and _on_a_terminal():
            chosen = _asked(found, chosen, asks_target=target is None, asks_task=task is None)
        made = plan(found, chosen)
        text = written(made)
    with output.open("x", encoding="utf-8") as file:
        file.write(text)
    _tell(made, output)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _asked(found: Opened, chosen: Guess, *, asks_target: bool, asks_task: bool) -> Guess:
    """Shows the guess on the terminal and takes another answer."""
    from stellwerk.pipelines.starting import guess  # noqa: PLC0415

    if asks_target:
        names = [column.name for column in found.survey.columns]
        click.echo(f"Columns: {listed(names)}", err=True)
        column = click.prompt("What is to be predicted?", default=chosen.column, err=True)
        if column != chosen.column:
            chosen = guess(found.survey, column, None if asks_task else chosen.task)
    if asks_task:
        task = click.prompt("What kind of answer?", type=click.Choice(tuple(TASKS)), default=chosen.task, err=True)
        if task != chosen.task:
            chosen = guess(found.survey, chosen.column, task)
    return chosen


def _tell(made: Plan, output: Path) -> None:
    """Says what was decided, and what comes next."""
    target, survey = made.target, made.survey
    taken = [choice for choice in made.choices if choice.taken]
    out = [choice for choice in made.choices if not choice.taken]
    click.echo(f"target    {target.column} ({target.task}): {target.why}", err=True)
    click.echo(f"features  {len(taken)} of {len(survey.columns) - 1} columns", err=True)
    for choice in out:
        click.echo(f"left out  {choice.column}: {choice.why}", err=True)
    for choice in taken:
        if choice.suspect:
            click.echo(f"suspect   {choice.column}: {choice.suspect}", err=True)
    if made.frame is not None:
        frame = made.frame
        by = f"{frame.order}{' of each ' + ', '.join(frame.key) if frame.key else ''}"
        click.echo(
            f"windows   from {frame.past:,} steps the next {frame.future:,}, by {by}; a step is {frame.words}", err=True
        )
    if made.key is not None:
        click.echo(f"split     all rows of one {made.key.name} go to one side", err=True)
    click.echo(str(output))
    click.echo(f"next      stellwerk run {output}", err=True)
