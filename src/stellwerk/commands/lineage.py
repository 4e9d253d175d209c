"""`stellwerk lineage`: from a pushed model back to what made it, and from data forward to the models made from it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from stellwerk.commands.options import JSON
from stellwerk.errors import UsageError


@click.command(short_help="Show what a model was made from, or what data became.")
@click.argument("what", metavar="MODEL|DATASET")
@click.option(
    "-C",
    "--directory",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of the spec: where `runs` is and relative paths start.",
)
@click.option(
    "--models", multiple=True, metavar="PLACE", help="Where else models may be, as <to>/<name>; for a data set."
)
@JSON
def lineage(*, what: str, directory: Path | None, models: tuple[str, ...], as_json: bool) -> None:
    """Show what a pushed model was made from, or which models were made from data.

    \b
    MODEL    a version folder, <to>/<name> for its newest version, or such a gs:// or s3:// URI
    DATASET  a source file, folder or URI, a data version (or how it begins), or a run's ingest/examples
    """  # noqa: D301 - the backspace keeps click from joining lines
    from stellwerk.pipelines.lineage.backward import ancestry  # noqa: PLC0415
    from stellwerk.pipelines.lineage.forward import descent, project_of  # noqa: PLC0415
    from stellwerk.pipelines.lineage.models import pushed_at  # noqa: PLC0415
    from stellwerk.pipelines.lineage.tree import lines, of_data, of_model  # noqa: PLC0415

    if not what:
        raise UsageError("name a model or a data set. See `stellwerk lineage --help`.")
    pushed = pushed_at(what)
    if pushed:
        made = ancestry(pushed[-1], directory)
        click.echo(json.dumps(asdict(made), indent=1) if as_json else "\n".join(lines(of_model(made))))
        return
    used = descent(what, (directory or project_of(Path(what).absolute())).resolve(), models)
    click.echo(json.dumps(asdict(used), indent=1) if as_json else "\n".join(lines(of_data(used))))
