"""The parts of a kind: a kind is a package, a part is a module in it.

Every kind has `keys` and `transform`. The others are for kinds that differ in something from what holds without them: a column is
accepted by its type, `stellwerk init` proposes no such feature, the report shows quantities, every value may be learned from.
Only `transform`, `refusing` and `drawing` may load a framework.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, runtime_checkable

from stellwerk.kinds import KINDS
from stellwerk.kinds.base import Keys

if TYPE_CHECKING:
    import numpy as np

    from stellwerk.kinds.choosing import Rule
    from stellwerk.kinds.columns import Columns
    from stellwerk.kinds.transforming import Asked, Known, Outputs

Way = Literal["quantity", "moment"]
"""How numbers are shown: as they are, or as the moments that they count the seconds to."""


@runtime_checkable
class Spoken(Protocol):
    """`keys`: what a spec may say, which columns that needs, how they are read, and how a client sends them."""

    KEYS: type[Keys]


@runtime_checkable
class Transform(Protocol):
    """`transform`: the kind's part of the TFT graph. `stellwerk.kinds.outputs` makes tensors of the forms that there are."""

    def measured(self, name: str, feature: Any, columns: Columns, /) -> dict[str, Asked]:
        """Returns what must be known of the whole training split, by key."""

    def transform(self, features: Mapping[str, Any], columns: Columns, known: Mapping[str, Known], /) -> Outputs:
        """Returns the outputs of all features of the kind, by feature, given those measures."""


@runtime_checkable
class Accepting(Protocol):
    """`accepting`: what the values of a column must be like where its type does not tell enough."""

    def misfit(self, feature: Any, column: str, values: Counter[Any], /) -> tuple[str, str] | None:
        """Returns which key of the feature does not suit the values of `column`, and why and what to do; None where they fit."""


@runtime_checkable
class Starting(Protocol):
    """`starting`: which columns `stellwerk init` makes such a feature of."""

    RULES: Sequence[Rule]


@runtime_checkable
class Showing(Protocol):
    """`showing`: how the report shows the columns of a feature."""

    def way(self, settings: Mapping[str, Any], /) -> Way:
        """Returns how the numbers in the columns of a feature are shown; `settings` is what its spec says, as it is written."""


@runtime_checkable
class Refusing(Protocol):
    """`refusing`: looks at what the finished graph made, where it is not the product that makes it."""

    def refuse(
        self,
        name: str,
        feature: Any,
        made: Mapping[str, np.ndarray[Any, Any]],
        described: Mapping[str, Mapping[str, Any]],
        split: str,
        /,
    ) -> None:
        """Raises HookError where a batch of a split holds what no network can learn from; `described` are lines of `features.json`."""


@runtime_checkable
class Drawing(Protocol):
    """`drawing`: how single values are drawn that nobody could read."""

    def drawn(self, value: bytes, /) -> str | None:
        """Returns a value as a `data:` URI of a picture of a few kilobytes; None for bytes that are nothing of the kind's."""


EVERY = {"keys": Spoken, "transform": Transform}
"""The parts that every kind has."""

SOME = {"accepting": Accepting, "starting": Starting, "showing": Showing, "refusing": Refusing, "drawing": Drawing}
"""The parts of kinds that differ in them from what holds for all."""


def transform(kind: str) -> Transform:
    """Returns the kind's part of the graph. Raises PlugInError where a package brings the kind and it cannot be used."""
    return cast(Transform, KINDS.part(kind, "transform"))


@cache
def accepting(kind: str) -> Accepting | None:
    """Returns how the kind looks at values, if it does. Raises as `transform` does."""
    return cast("Accepting | None", KINDS.find(kind, "accepting"))


@cache
def starting(kind: str) -> Starting | None:
    """Returns when `stellwerk init` proposes the kind, if it does. Raises as `transform` does."""
    return cast("Starting | None", KINDS.find(kind, "starting"))


@cache
def showing(kind: str) -> Showing | None:
    """Returns how the report shows the kind, where that is not as quantities. Raises as `transform` does."""
    return cast("Showing | None", KINDS.find(kind, "showing"))


@cache
def refusing(kind: str) -> Refusing | None:
    """Returns how the kind looks at what the graph made, if it does. Raises as `transform` does."""
    return cast("Refusing | None", KINDS.find(kind, "refusing"))


@cache
def drawing(kind: str) -> Drawing | None:
    """Returns how the kind draws values, if it does. Raises as `transform` does."""
    return cast("Drawing | None", KINDS.find(kind, "drawing"))
