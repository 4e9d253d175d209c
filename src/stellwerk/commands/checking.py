"""`stellwerk check` and `stellwerk schema`: whether the spec is right, and what the data is like."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from stellwerk.commands.compiling import tell_notes
from stellwerk.commands.options import JSON, SET, SPEC, checked, load, near, tell_unused
from stellwerk.errors import SpecError, UsageError
from stellwerk.showing import readable
from stellwerk.steps import maker


@click.command()
@SPEC
@SET
@click.option("--no-data", is_flag=True, help="Check the spec alone, do not open the data.")
@JSON
def check(*, spec: Path, overrides: tuple[str, ...], no_data: bool, as_json: bool) -> None:
    """Check a spec, and whether the data fits it. Reports every problem at once."""
    from stellwerk.pipelines.checking import check as find_problems  # noqa: PLC0415

    problems: list[Any]
    tell_unused()
    try:
        loaded = load(spec, overrides)
        problems = list(
            find_problems(loaded, data=not no_data, noted=lambda note: click.echo(readable(f"note: {note}"), err=True))
        )
        tell_notes(loaded)
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


@click.command(short_help="Write the schema inferred from the data, to be curated.")
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
    from stellwerk.pipelines.embedded.display import for_stderr  # noqa: PLC0415
    from stellwerk.pipelines.embedded.runner import run  # noqa: PLC0415
    from stellwerk.pipelines.runs import find_run, runs_of  # noqa: PLC0415

    wanted = load(spec, overrides).spec.validate_.schema_
    loaded = checked(spec, (*overrides, "validate.schema=null"))
    target = loaded.directory / (wanted or "schema.pbtxt")
    if target.exists() and not force:
        raise UsageError(f"{target}: exists already. Edit it, or overwrite it with --force.")
    try:
        record = run(loaded, until=maker("schema"), display=for_stderr())
    except GateRefused:
        record = find_run(runs_of(loaded.directory, loaded.spec.name), None)
    curate(record.made("schema"), target, overwrite=force)
    click.echo(str(near(target)))
    if wanted is None:
        click.echo(f"Add `validate: {{schema: {target.name}}}` to {spec} so that runs use it.", err=True)
