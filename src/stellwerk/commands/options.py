"""What commands have in common: arguments, reading the spec they name, showing paths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stellwerk.errors import SpecError
from stellwerk.showing import readable

if TYPE_CHECKING:
    from stellwerk.loading import LoadedSpec

SPEC = click.argument("spec", type=click.Path(path_type=Path), default="pipeline.yaml")
SET = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change one value of the spec, e.g. train.epochs=1."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def load(spec: Path, overrides: tuple[str, ...] = ()) -> LoadedSpec:
    """Reads a spec with `--set`. Raises SpecError with all its problems."""
    from stellwerk.loading import load as load_spec  # noqa: PLC0415

    return load_spec(spec, overrides)


def checked(spec: Path, overrides: tuple[str, ...], data: bool = True, *, again: bool = True) -> LoadedSpec:
    """Loads a spec and refuses it when the data does not fit, before anything runs; see `check` for `again`."""
    from stellwerk.pipelines.checking import check  # noqa: PLC0415

    loaded = load(spec, overrides)
    problems = check(loaded, data=data, again=again)
    if problems:
        raise SpecError(problems)
    return loaded


def tell_unused() -> None:
    """Says on stderr what installed packages bring that is not used, so that nobody takes it for what a spec names."""
    from stellwerk.pipelines.checking.unused import unused  # noqa: PLC0415

    for sentence in unused():
        click.echo(readable(f"warning {sentence}"), err=True)


def near(path: Path) -> Path:
    """Returns the path relative to the working directory where that is shorter."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path


def as_interrupt(*_: object) -> None:
    """Makes SIGTERM end a command as Ctrl-C does: what was finished is kept."""
    raise KeyboardInterrupt
