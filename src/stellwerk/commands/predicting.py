"""`stellwerk predict`: the predictions of every row of a file, or of several as one table."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import click

from stellwerk.commands.options import JSON, as_interrupt
from stellwerk.errors import UsageError
from stellwerk.tables.formats import WRITTEN


@click.command()
@click.argument("model")
@click.argument("input", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, help="Where the predictions go; `-` is stdout.")
@click.option("--version", type=int, help="Version of the model; by default the newest.")
@click.option("--signature", default="serving_default", show_default=True, help="Signature of the model to ask.")
@click.option("--format", type=click.Choice(WRITTEN), help="Of the output; by default its ending.")
@click.option("--keep", multiple=True, metavar="COLUMN", help="Keep only this input column; may be repeated.")
@click.option("--only-predictions", is_flag=True, help="Keep no input column.")
@click.option("--prefix", default="", help="Stands before the names of the model's columns.")
@click.option(
    "--threshold",
    type=float,
    help="Binary models: add `predicted`, 1 from this probability on; of several labels, those from this probability on (0.5).",
)
@click.option("--all-probabilities", is_flag=True, help="Several classes: add the probability of each.")
@click.option(
    "--null-value", "null_values", multiple=True, metavar="TEXT", help="CSV, workbooks: text that means missing."
)
@click.option("--delimiter", help="CSV: what stands between values.")
@click.option("--quote", default='"', show_default=True, help="CSV: what stands around values; empty for nothing.")
@click.option("--encoding", default="utf-8", show_default=True, help="CSV: cp1252, utf-16 or whatever Python knows.")
@click.option("--decimal", default=".", show_default=True, help="CSV: what stands before the fraction of a number.")
@click.option("--thousands", default="", help="CSV: what stands between groups of three digits.")
@click.option("--sheet", help="Workbooks: the name of the sheet; by default the first.")
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
    """Predict every row of a file of data, of all files in a folder, or of those that match a pattern in quotes ('day-*.csv').

    A folder that holds pictures instead, or a picture, is a row a file.

    MODEL is <to>/<name> (its newest version), a version folder, or a served model: http://HOST:8501/v1/models/NAME,
    grpc://HOST:8500/NAME. A killed run continues when the same command is given again.
    """
    from stellwerk.serving.bulk import predict as predict_rows  # noqa: PLC0415
    from stellwerk.serving.bulk.choices import options_from  # noqa: PLC0415

    if as_json and output == "-":
        raise UsageError("--json and `-o -` both want stdout. Leave one of them out.")
    signal.signal(signal.SIGTERM, as_interrupt)
    summary = predict_rows(model, input, output, options_from(chosen), progress=sys.stderr)
    if as_json:
        click.echo(json.dumps(vars(summary), indent=1))
    elif output != "-":
        click.echo(output)
    if not as_json:
        click.echo(str(summary), err=True)
