"""What the steps of a compiled pipeline are compared with: what was pushed before, at the place that push writes to."""

from __future__ import annotations

from pathlib import PurePosixPath

from stellwerk.components.earlier import EARLIER
from stellwerk.errors import Problem
from stellwerk.loading import LoadedSpec
from stellwerk.loading.document import Keys
from stellwerk.pipelines.kubeflow.parameters import DIRECTORY
from stellwerk.spec import Spec
from stellwerk.spec.cluster import Pod

BY_DEFAULT: Keys = ("evaluate", "min_gain")
"""Where a comparison is asked for that no spec has to name: one that finds nothing to compare with is not worth a word."""


def comparing(spec: Spec) -> dict[str, Keys]:
    """Returns the steps that a spec wants compared with an earlier run, each with the first key that asks for it.

    Others are told no place: whoever reads where models are pushed needs its credentials.
    """
    found: dict[str, Keys] = {}
    if spec.validate_.drift:
        found["validate"] = ("validate", "drift")
    for metric, bound in spec.evaluate.require.items():
        where = ("evaluate", "require", metric)
        if bound.min_gain is not None:
            found.setdefault("evaluate", (*where, "min_gain"))
        elif bound.per_slice is not None and bound.per_slice.min_gain is not None:
            found.setdefault("evaluate", (*where, "per_slice", "min_gain"))
    if spec.push is not None and spec.evaluate.min_gain is not None:
        found.setdefault("evaluate", BY_DEFAULT)
    return found


def reads_pushed(spec: Spec, step: str) -> bool:
    """Says whether a step of the compiled pipeline reads where models are pushed."""
    return spec.push is not None and step in comparing(spec)


def compared(spec: Spec, step: str) -> str | None:
    """Returns the argument that a step of the compiled pipeline is compared with, as `resolve` finds it; None for no comparison."""
    return EARLIER[step] if reads_pushed(spec, step) else None


def notes(loaded: LoadedSpec) -> list[Problem]:
    """Returns where a spec asks for a comparison and Kubeflow never has anything to compare with, each with its line."""
    spec, cluster = loaded.spec, loaded.spec.cluster
    if cluster is None:
        return []
    if spec.push is None:
        why = "nothing is pushed, and Kubeflow keeps no other model or data for later runs. Add `push`"
    elif "://" not in spec.push.to and not _outlives(spec.push.to, cluster.pod("push")):
        why = "push.to is a folder and no volume is mounted there. Add it to cluster.volumes, or push to a bucket"
    else:
        return []
    return [
        loaded.problem(keys, f"on Kubeflow there is never anything to compare with: {why}.")
        for keys in comparing(spec).values()
        if keys != BY_DEFAULT
    ]


def _outlives(to: str, push: Pod) -> bool:
    """Says whether a folder is on a volume of push's pod, as far as the spec knows: `directory` is a parameter of the run."""
    folder = PurePosixPath(DIRECTORY, to)
    return any(folder.is_relative_to(mount) for mount in push.volumes.values())
