"""What the steps of a compiled pipeline are compared with: what was pushed before, at the place that push writes to."""

from __future__ import annotations

from pathlib import PurePosixPath

from stellwerk.errors import Problem
from stellwerk.loading import LoadedSpec
from stellwerk.loading.document import Keys
from stellwerk.pipelines.kubeflow.parameters import DIRECTORY
from stellwerk.spec import Spec
from stellwerk.spec.cluster import Pod
from stellwerk.steps import STEPS, World, who_reaches

BY_DEFAULT: Keys = ("evaluate", "min_gain")
"""Where a comparison is asked for that no spec has to name: one that finds nothing to compare with is not worth a word."""


def comparing(spec: Spec) -> dict[str, Keys]:
    """Returns what a spec wants compared with an earlier run (`previous`, `baseline`), each with the first key that asks for it.

    Others are told no place: whoever reads where models are pushed needs its credentials.
    """
    found: dict[str, Keys] = {}
    if spec.validate_.drift:
        found["previous"] = ("validate", "drift")
    for metric, bound in spec.evaluate.require.items():
        where = ("evaluate", "require", metric)
        if bound.min_gain is not None:
            found.setdefault("baseline", (*where, "min_gain"))
        elif bound.per_slice is not None and bound.per_slice.min_gain is not None:
            found.setdefault("baseline", (*where, "per_slice", "min_gain"))
    if spec.push is not None and spec.evaluate.min_gain is not None:
        found.setdefault("baseline", BY_DEFAULT)
    return found


def reads_pushed(spec: Spec, step: str) -> bool:
    """Says whether a step of the compiled pipeline reads where models are pushed."""
    return bool(compared(spec, step))


def compared(spec: Spec, step: str) -> tuple[str, ...]:
    """Returns the arguments that a step of the compiled pipeline is compared with, as the first step finds them."""
    asked = comparing(spec) if spec.push is not None else {}
    return tuple(name for name in STEPS[step].earlier if name in asked)


def reaches(spec: Spec, step: str) -> tuple[World, ...]:
    """Returns what of the world outside a step of the compiled pipeline reaches."""
    declared = STEPS[step]
    looks = spec.push is not None and bool(comparing(spec))
    own = tuple(world for world in declared.world if declared.when == "always" or world != "models" or looks)
    return (*own, "models") if reads_pushed(spec, step) else own


def others_reach(spec: Spec, step: str) -> tuple[str, ...]:
    """Returns the steps whose settings say how a step reaches what it does, besides its own."""
    return tuple(other for other in map(who_reaches, reaches(spec, step)) if other != step)


def notes(loaded: LoadedSpec) -> list[Problem]:
    """Returns where a spec asks for a comparison and Kubeflow never has anything to compare with, each with its line."""
    spec, cluster = loaded.spec, loaded.spec.cluster
    if cluster is None:
        return []
    if spec.push is None:
        why = "nothing is pushed, and Kubeflow keeps no other model or data for later runs. Add `push`"
    elif "://" not in spec.push.to and not _outlives(spec.push.to, cluster.pod(who_reaches("models"))):
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
