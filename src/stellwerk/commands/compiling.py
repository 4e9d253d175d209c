"""`stellwerk compile`: a spec for Kubeflow Pipelines."""

from __future__ import annotations

from pathlib import Path

import click

from stellwerk.commands.options import SET, SPEC, checked


@click.command()
@SPEC
@SET
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Where the IR goes, e.g. ir.yaml.")
def compile(*, spec: Path, overrides: tuple[str, ...], output: Path) -> None:  # noqa: A001
    """Compile a spec to KFP v2 IR, which any Kubeflow Pipelines 2.x backend accepts."""
    from stellwerk.pipelines.kubeflow.compilation import compile as compile_spec  # noqa: PLC0415

    compile_spec(checked(spec, overrides, data=False), output)
    click.echo(str(output))
