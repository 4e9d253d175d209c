"""All families that packages may bring members to, and what is to be told of those that are not used."""

from __future__ import annotations

from stellwerk.components.forms import FORMS
from stellwerk.encoders import ENCODERS
from stellwerk.families import GROUPS, Family, installed
from stellwerk.kinds import KINDS
from stellwerk.metrics import FAMILY as METRICS
from stellwerk.spec.model import NETWORKS
from stellwerk.spec.places import STORES
from stellwerk.spec.push import PUSH_TARGETS
from stellwerk.spec.train import LOOPS
from stellwerk.tables.formats import FAMILY as FORMATS
from stellwerk.tasks import TASKS

FAMILIES: tuple[Family, ...] = (KINDS, FORMS, TASKS, NETWORKS, ENCODERS, LOOPS, FORMATS, METRICS, STORES, PUSH_TARGETS)


def unused() -> list[str]:
    """Returns a sentence for each member of an installed package that nobody can name: its name is taken, or its group is no family."""
    known = {f"{GROUPS}{family.name}" for family in FAMILIES}
    astray = [
        f"The package {one.package} brings '{one.name}' in the group '{one.group}', which this version of stellwerk does not know: "
        f"it is not used. Known: {', '.join(sorted(known))}."
        for one in installed()
        if one.group not in known
    ]
    return [sentence for family in FAMILIES for sentence in family.shadowed()] + astray
