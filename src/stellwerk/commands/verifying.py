"""`stellwerk verify`: whether what was pushed, and what runs made, still has the bytes that were written."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from stellwerk.commands.options import JSON
from stellwerk.errors import GateRefused

if TYPE_CHECKING:
    from stellwerk.components.artifacts.verifying import Difference
    from stellwerk.pipelines.verifying import Checked


@click.command(short_help="Read a pushed model, or what runs made, again: is it what was written?")
@click.argument("place", metavar="MODEL|RUN|RUNS")
@JSON
def verify(*, place: str, as_json: bool) -> None:
    """Read every byte of models and runs again, and say which file is not what was written.

    \b
    MODEL  a version folder, <to>/<name> for all its versions, or such a gs:// or s3:// URI
    RUN    the folder of a run: the artifacts of its steps
    RUNS   a folder of runs, as runs/<name>, or runs for those of all pipelines

    \b
      stellwerk verify models/flight-delays
      stellwerk verify s3://models/production/flight-delays/3
      stellwerk verify runs

    Exit code 1 says that something is damaged. The next `stellwerk run` mends it: what is damaged is made anew, and a damaged
    newest version is pushed again as the next one.
    """  # noqa: D301 - the backspace keeps click from joining lines
    from stellwerk.pipelines.verifying import verify as read_again  # noqa: PLC0415

    checked = []
    for one in read_again(place):
        checked.append(one)
        if not as_json:
            click.echo("\n".join(_lines(one)))
    damaged = [one for one in checked if one.damaged]
    if as_json:
        click.echo(json.dumps({"damaged": len(damaged), "checked": [asdict(one) for one in checked]}, indent=1))
    if damaged:
        count = sum(difference.harmful for one in damaged for difference in one.wrong)
        raise GateRefused(
            f"{count} file{'s are' if count > 1 else ' is'} not what was written, of {len(damaged)} of {len(checked)} that were "
            "read. Run the pipeline again: what is damaged is made anew, and a damaged newest version is pushed again."
        )


def _lines(one: Checked) -> list[str]:
    if one.note:
        return [f"{one.path}  {one.kind} {one.note}"]
    if not one.wrong:
        return [f"{one.path}  {one.kind}, {one.files} files as they were written"]
    return [f"{one.path}  {one.kind}: {_said(difference)}" for difference in one.wrong]


def _said(one: Difference) -> str:
    if one.expected and one.found:
        return f"{one.file} {one.what} (SHA-256 {one.found[:12]}, not {one.expected[:12]})"
    return f"{one.file} {one.what}"
