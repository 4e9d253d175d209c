"""`stellwerk clean`: frees the disk of what no run, no model and no cache needs any more."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import click

from stellwerk.commands.options import JSON, SPEC, load, near
from stellwerk.errors import UsageError
from stellwerk.showing import size


@click.command(short_help="Remove old runs that nothing needs.")
@SPEC
@click.option(
    "--keep", type=click.IntRange(min=0), default=10, show_default=True, help="So many of the newest runs stay."
)
@click.option("--older-than", metavar="AGE", help="Of the others only those go that are older, e.g. 30d or 12h.")
@click.option("--dry-run", is_flag=True, help="Only say what would go, and how much that frees.")
@JSON
def clean(*, spec: Path, keep: int, older_than: str | None, dry_run: bool, as_json: bool) -> None:
    """Remove old runs of a pipeline, checkpoints of killed attempts, and copies of objects and models from stores.

    These runs stay, however old: one that goes on, one that made a model that is still there (its provenance names it), those that
    the next run is compared with, and those that the cache of another run that stays lies in. Nothing is asked. Each run
    disappears whole; sizes are what the disk really has free afterwards.
    """
    from stellwerk.pipelines import cleaning  # noqa: PLC0415
    from stellwerk.pipelines.runs import runs_of  # noqa: PLC0415

    loaded = load(spec)
    runs = runs_of(loaded.directory, loaded.spec.name)
    found = (cleaning.plan if dry_run else cleaning.clean)(runs, keep, _age(older_than))
    if as_json:
        removed = [{"path": str(each.path), "frees": each.frees} for each in found.removed]
        about = {"removed": removed, "frees": found.frees, "kept": dict(found.kept), "dry_run": dry_run}
        click.echo(json.dumps(about, indent=1))
        return
    for each in found.removed:
        click.echo(f"{near(each.path)}  {size(each.frees)}")
    for run, why in found.kept.items():
        click.echo(f"{run} stays: {why}", err=True)
    click.echo(f"{'would free' if dry_run else 'freed'} {size(found.frees)}")


def _age(text: str | None) -> timedelta | None:
    from stellwerk.spec.schedule import seconds_of  # noqa: PLC0415

    if text is None:
        return None
    try:
        return timedelta(seconds=seconds_of(text))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--older-than {error}.") from None
