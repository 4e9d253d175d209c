"""The table of the types that a column of Examples may have. One entry is all that anything here knows of one.

Training, bulk prediction, REST and gRPC read a value alike because all of them read it by this table: what SQL makes of it, what
Arrow and TensorFlow call it, and what stands for a missing one where a tensor has no null. Nothing here loads Arrow before
it is asked for a type of its.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MISSING_WHOLE = -(2**63)
"""Stands for a missing whole number of 64 bits."""

REFERENCE = "reference"
"""The type of a column that says where bytes lie that were not copied."""
REFERENCE_FIELDS = {"uri": "string", "sha256": "string", "bytes": "int64"}
"""Where the file is, its SHA-256, and how many bytes a reader gets of it."""


@dataclass(frozen=True)
class ColumnType:
    """A type of column, from the source to the network."""

    name: str
    """In the manifest of Examples, and in what a transform graph says of its inputs."""
    words: str
    """What people call its values."""
    suits: str
    """What a feature of such a column may be, in the words of a spec."""
    surveyed: Literal["integer", "number", "text", "bytes"]
    """What a survey for a first spec calls it."""
    sql: tuple[str, ...]
    """Types of the engine that become it."""
    cast: str
    """What they are cast to."""
    kept: tuple[str, ...]
    """Those among them that stay as they are."""
    arrow: str
    """What Arrow calls it."""
    fed: str
    """What Arrow calls the values that a tensor is made of."""
    dtype: str
    """What TensorFlow calls the tensor."""
    feature: str
    """The list of a tf.Example that has it."""
    missing: int | float | bytes
    """What stands for a missing value in a tensor."""
    number: bool
    """Whether its values are numbers."""
    repeats: bool
    """Whether rows often have the same value, so that they can be grouped by it."""
    read: Callable[[str], str | int | float | bytes]
    """Returns the value that a text of the spec means; raises ValueError where it cannot be one."""
    length: int = 0
    """How many values the list of a row has; 0 where a row has one value and no list."""
    stands_for: str = ""
    """The type of the values that a reader gets in place of these; none where it gets these."""

    @cached_property
    def arrow_type(self) -> pa.DataType:
        """Type of such a column of Examples."""
        return self._listed(_arrow(self.arrow))

    @cached_property
    def fed_type(self) -> pa.DataType:
        """Type of the values that a tensor is made of."""
        return self._listed(_arrow(self.fed))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a row in a tensor."""
        return (self.length,) if self.length else ()

    @property
    def family(self) -> str:
        """The name without the length: what a kind of feature says it takes."""
        return LISTS.name if self.length else self.read_as

    @property
    def read_as(self) -> str:
        """The type of the values that readers of Examples get."""
        return self.stands_for or self.name

    def _listed(self, value: pa.DataType) -> pa.DataType:
        import pyarrow as pa  # noqa: PLC0415 - the table is loaded where there is no data

        return pa.list_(value, self.length) if self.length else value


def _arrow(name: str) -> pa.DataType:
    import pyarrow as pa  # noqa: PLC0415 - the table is loaded where there is no data

    if name == REFERENCE:
        return pa.struct([(part, _arrow(kind)) for part, kind in REFERENCE_FIELDS.items()])
    return pa.type_for_alias(name)


def _whole(text: str) -> int:
    return {"true": 1, "false": 0}[text.lower()] if text.lower() in ("true", "false") else int(text)


_LISTED = (
    ColumnType(
        name="int64",
        words="whole numbers",
        suits="type: number or category",
        surveyed="integer",
        sql=(
            *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
            *("HUGEINT", "UHUGEINT", "BIGNUM"),
        ),
        cast="BIGINT",
        kept=(),
        arrow="int64",
        fed="int64",
        dtype="int64",
        feature="int64_list",
        missing=MISSING_WHOLE,
        number=True,
        repeats=True,
        read=_whole,
    ),
    ColumnType(
        name="float",
        words="numbers with fractions",
        suits="type: number, perhaps with scale: buckets",
        surveyed="number",
        sql=("FLOAT", "DOUBLE", "DECIMAL"),
        cast="DOUBLE",
        kept=("FLOAT",),
        arrow="float32",
        fed="float32",
        dtype="float32",
        feature="float_list",
        missing=float("nan"),
        number=True,
        repeats=False,
        read=float,
    ),
    ColumnType(
        name="string",
        words="texts",
        suits="type: category or text",
        surveyed="text",
        sql=("VARCHAR", "UUID", "ENUM", "TIME", "INTERVAL", "JSON", "NULL", "BIT"),
        cast="VARCHAR",
        kept=(),
        arrow="string",
        fed="binary",
        dtype="string",
        feature="bytes_list",
        missing=b"",
        number=False,
        repeats=True,
        read=str,
    ),
    ColumnType(
        name="binary",
        words="bytes",
        suits="type: image where they are pictures, or a `transform` of your own",
        surveyed="bytes",
        sql=("BLOB",),
        cast="BLOB",
        kept=(),
        arrow="binary",
        fed="binary",
        dtype="string",
        feature="bytes_list",
        missing=b"",
        number=False,
        repeats=False,
        read=str.encode,
    ),
)

LISTS = replace(
    next(one for one in _LISTED if one.name == "float"),
    name="float[]",
    words="lists of numbers",
    suits="type: series",
    sql=(),
    cast="FLOAT",
    kept=(),
    number=False,
)
"""Lists of numbers, as many in every row. A column of them is called with the length, `float[168]`, and has no null: what is missing is NaN."""

REFERENCES = replace(
    next(one for one in _LISTED if one.name == "binary"),
    name=REFERENCE,
    words="references to files",
    suits="type: image where they are pictures",
    sql=(),
    arrow=REFERENCE,
    stands_for="binary",
)
"""Bytes that were not copied: where they lie, and a checksum. Readers get the bytes."""

_UNLISTED = {one.name: one for one in (LISTS, REFERENCES)}


class _ColumnTypes(dict[str, ColumnType]):
    """The types by name; those of lists, of which there is one for every length, are made when they are asked for."""

    def __missing__(self, name: str) -> ColumnType:
        head, bracket, rest = name.partition("[")
        length = rest.removesuffix("]")
        if name in _UNLISTED:
            return _UNLISTED[name]
        if head != LISTS.name.partition("[")[0] or not bracket or not length.isdecimal() or not int(length):
            raise KeyError(name)
        return replace(LISTS, name=name, length=int(length))


COLUMN_TYPES: dict[str, ColumnType] = _ColumnTypes((one.name, one) for one in _LISTED)
"""By name, in the order in which they are named to people. Listed are those of one value a row; `float[168]` and `reference` are found too, see `LISTS` and `REFERENCES`."""


def list_of(length: int) -> str:
    """Returns the name of the type of columns whose rows have so many numbers each."""
    return f"{LISTS.name[:-1]}{length}]"


BETWEEN_LABELS = "|"
"""Stands between the names in a column whose rows may have several."""

FUTURE = "_future"
"""Ends the name of a column of lists of what came after: `load_future` beside `load`."""

TRUE_WORDS = ("1", "t", "true", "y", "yes")
FALSE_WORDS = ("0", "f", "false", "n", "no")
"""Texts that mean true and false, in lower case, for features and targets alike."""

GIVEN = {"number": "DOUBLE", "integer": "BIGINT", "text": "VARCHAR", "boolean": "BOOLEAN", "timestamp": "TIMESTAMPTZ"}
"""The type of the engine for each word that a source's `types` may have."""

OF_SQL: dict[str, ColumnType] = {sql: one for one in _LISTED for sql in one.sql}
"""By the type of the engine that becomes it; dates and times are not among them, see `seconds_of`."""


@dataclass(frozen=True)
class Medium:
    """What files hold of which each is a row: a column of bytes with a media type, and what is measured of each."""

    name: str
    words: str
    """What people call several."""
    facts: dict[str, str]
    """What is known of each: its name, and its type in SQL. They are columns of Examples too, `<column>.<fact>`."""

    def known(self, kept: str) -> dict[str, str]:
        """Returns the fields of its type of the engine: `DIGEST` stands for the bytes, which SQL never moves, and `URI` is there of files that are only referred to."""
        return {DIGEST: "VARCHAR", **self.facts, **({URI: "VARCHAR"} if kept == REFERENCE else {})}

    def sql(self, kept: str) -> str:
        """Returns its type of the engine."""
        return f"STRUCT({', '.join(f'{fact} {kind}' for fact, kind in self.known(kept).items())})"


DIGEST = "digest"
"""The field of a medium's type that has the SHA-256 of its bytes in standard form."""
URI = "uri"
"""The field of a medium's type that says where a file lies that is not copied."""
BYTES = "binary"
"""The type of the column that has the bytes themselves."""

MEDIA: dict[str, Medium] = {
    "image": Medium(
        "image",
        "pictures",
        {
            "width": "BIGINT",
            "height": "BIGINT",
            "channels": "BIGINT",
            "mode": "VARCHAR",
            "format": "VARCHAR",
            "bytes": "BIGINT",
            "brightness": "FLOAT",
            "sharpness": "FLOAT",
            "blank": "BIGINT",
            "hash": "VARCHAR",
        },
    )
}
"""By media type."""


def medium_of(sql_type: str) -> tuple[Medium, str] | None:
    """Returns the medium of a type of the engine, if it is one of a medium, and the type of the column that has its values."""
    plain = sql_type.replace('"', "")
    every = ((medium, kept) for medium in MEDIA.values() for kept in (BYTES, REFERENCE))
    return next(((medium, kept) for medium, kept in every if medium.sql(kept) == plain), None)


def cast_of(value: str, sql_type: str) -> str:
    """Returns the SQL that makes a value of a type of the engine (without its arguments) one of Examples."""
    known = OF_SQL[sql_type]
    return f"CAST({value} AS {sql_type if sql_type in known.kept else known.cast})"


def number_of(text: str) -> str:
    """Returns the SQL that reads a text as a number; it gives null for a text that is none."""
    return f"TRY_CAST({text} AS DOUBLE)"


def seconds_of(moment: str) -> str:
    """Returns the SQL that makes a date or time a whole number: seconds since 1970 in UTC, rounded down."""
    return f"CAST(floor(epoch({moment})) AS BIGINT)"


def missing_of(dtype: np.dtype[Any]) -> Any:
    """Returns what stands for a missing value in an array of a model's input, also of types that no column here has.

    NaN for floats, an empty text, and the smallest number of the type for whole ones: the exported models are built to read them so.
    """
    if dtype.kind == "f":
        return dtype.type(COLUMN_TYPES["float"].missing)
    if dtype.kind == "O":
        return COLUMN_TYPES["string"].missing
    bits = 8 * dtype.itemsize
    return MISSING_WHOLE >> (64 - bits) if dtype.kind == "i" else 0 if dtype.kind == "u" else False
