"""Whether the runner of the section `beam` can be used, asked before anything runs."""

from __future__ import annotations

from collections.abc import Iterator

from stellwerk.components.beam.reaching import refusal
from stellwerk.loading import LoadedSpec
from stellwerk.loading.document import Keys


def find_problems(loaded: LoadedSpec) -> Iterator[tuple[Keys, str]]:
    """Yields why the runner cannot be used. A spec for Kubeflow names addresses of the cluster, which only its steps can ask."""
    settings = loaded.spec.beam
    if settings is None:
        return
    why = refusal(settings, here=loaded.spec.cluster is None)
    if why:
        keys = ("beam", "options", "job_endpoint") if settings.endpoint is not None else ("beam", "runner")
        yield keys, f"{settings.runner} {why}."
