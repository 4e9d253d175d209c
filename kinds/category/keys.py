"""`type: category`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stellwerk.encoders.base import Looks
from stellwerk.kinds.base import Reads, SingleColumn
from stellwerk.section import Contradiction


class Category(SingleColumn):
    """One of several names or codes, turned into an id. A missing value counts as out of vocabulary."""

    TAKES: ClassVar[Mapping[str, str]] = {"int64": "int64", "string": "string"}
    READS: ClassVar[Reads] = "whole"
    GROUPS: ClassVar[bool] = True
    LOOKS: ClassVar[Looks | None] = ("id", 0)
    EXAMPLE: ClassVar[str] = """\
features:
  carrier: {type: category, vocabulary: 200, oov: 2}
  tailnum: {type: category, hash: 5000}
"""

    type: Literal["category"]
    vocabulary: Annotated[int, Field(ge=1)] | None = None
    """How many values to keep, the most frequent first; by default all of them."""
    min_count: Annotated[int, Field(ge=1)] = 1
    """Values seen less often than this in the training split are out of vocabulary."""
    oov: Annotated[int, Field(ge=1)] = 1
    """Ids kept for values that are not in the vocabulary; a value is hashed to one of them."""
    hash: Annotated[int, Field(ge=2)] | None = None
    """Hashes to this many ids and keeps no vocabulary: for very many values."""
    embedding: Annotated[int, Field(ge=1)] | None = None
    """Width of the learned vector; by default about the fourth root of the number of ids times two."""

    @model_validator(mode="after")
    def _hash_keeps_no_vocabulary(self) -> Category:
        if self.hash is not None:
            wrong = [name for name in ("vocabulary", "min_count", "oov") if self.changed(name)]
            if wrong:
                message = "hash keeps no vocabulary. Give either hash or vocabulary, min_count and oov"
                raise Contradiction(*(((name,), message) for name in wrong))
        return self


KEYS = Category
