"""`stellwerk components`: the steps as component definitions for pipelines of one's own."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Write the steps as component definitions (YAML).")
@click.argument("steps", nargs=-1, metavar="[STEP]...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the definitions.")
@click.option("--image", help="Image that the components run in, e.g. REGISTRY/stellwerk:TAG.")
def components(*, steps: tuple[str, ...], output: Path, image: str | None) -> None:
    """Write the steps as component definitions (YAML), which any KFP pipeline can load."""
    from stellwerk.components.face import IMAGE  # noqa: PLC0415
    from stellwerk.pipelines.kubeflow.catalogue import write_definitions  # noqa: PLC0415

    for written in write_definitions(output, image or IMAGE, steps):
        click.echo(str(written))
