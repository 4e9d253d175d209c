"""`stellwerk compile`: a spec for Kubeflow Pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stellwerk.commands.options import SET, SPEC, checked
from stellwerk.errors import UsageError

if TYPE_CHECKING:
    from stellwerk.loading import LoadedSpec


@click.command(short_help="Compile a spec to KFP v2 IR.")
@SPEC
@SET
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Where the IR goes, e.g. ir.yaml.")
@click.option(
    "--kubernetes-manifest",
    is_flag=True,
    help="Write it as Kubernetes objects (Pipeline, PipelineVersion), for kubectl apply and GitOps.",
)
@click.option("--namespace", metavar="NAME", help="Namespace of the Kubernetes objects.")
def compile(  # noqa: A001
    *, spec: Path, overrides: tuple[str, ...], output: Path, kubernetes_manifest: bool, namespace: str | None
) -> None:
    """Compile a spec to KFP v2 IR, which any Kubeflow Pipelines 2.x backend accepts."""
    from stellwerk.pipelines.kubeflow.compilation import compile as compile_spec  # noqa: PLC0415

    if namespace is not None and not kubernetes_manifest:
        raise UsageError("--namespace is for --kubernetes-manifest: the IR itself belongs to no namespace.")
    loaded = checked(spec, overrides, data=False)
    tell_notes(loaded)
    size = compile_spec(loaded, output, kubernetes_manifest=kubernetes_manifest, namespace=namespace)
    click.echo(f"{output}: {size}", err=True)
    click.echo(str(output))


def tell_notes(loaded: LoadedSpec) -> None:
    """Says on stderr what of a spec will not do on Kubeflow what it does here, though it is no mistake."""
    from stellwerk.pipelines.kubeflow.previous_artifacts import notes  # noqa: PLC0415

    for note in notes(loaded):
        click.echo(f"note: {note}", err=True)
