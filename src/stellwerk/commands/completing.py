"""`stellwerk completion`: the shell completes commands and options."""

from __future__ import annotations

import click


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell, e.g. `eval "$(stellwerk completion bash)"`."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click knows all three
    click.echo(found(click.get_current_context().find_root().command, {}, "stellwerk", "_STELLWERK_COMPLETE").source())
