"""`data`: where examples come from and how they are split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from stellwerk.columns import FUTURE, GIVEN
from stellwerk.section import SPLITS, Contradiction, Identifier, Section, Split, without_credentials
from stellwerk.spec.places import BUCKETS, STORES, WEB, place_of, scheme_of
from stellwerk.tables.encodings import is_known
from stellwerk.tables.formats import BROKEN, FORMATS, TEXT_FIRST


def _usable(value: Any) -> Any:
    if isinstance(value, str) and value in BROKEN:
        raise ValueError(BROKEN[value])
    return value


if TYPE_CHECKING:
    Format = str
else:
    Format = Annotated[Literal[tuple(FORMATS)], BeforeValidator(_usable)]
"""Name of a format of `stellwerk.tables.formats`."""

NULL_VALUES = (
    "",
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A"),
    *("NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
"""Texts of CSV files that mean 'missing': those that pandas takes for it."""


def _moment(value: Any) -> Any:
    """A moment is written as text: 2013-10-01 or 2013-10-01T05:00:00Z. What is none is left for the type to refuse."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return value


Moment = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=str)]

if TYPE_CHECKING:
    GivenType = str
else:
    GivenType = Literal[tuple(GIVEN)]
"""A word of `stellwerk.columns.GIVEN`."""


class Source(Section):
    """One named table. A plain string is short for `{path: ...}`."""

    EXAMPLE: ClassVar[str] = """\
data:
  sources:
    flights: {path: data/*.csv.gz, delimiter: ";", types: {flight: text}}
    weather: data/weather.parquet
"""

    path: str | tuple[str, ...]
    """File, folder or glob, relative to the spec, or a URI of one: `gs://`, `s3://`, `minio://`, `hdfs://`, and `https://` of a file; several as a list. `.gz`, `.zst` and `.zip` are unpacked."""
    format: Format | None = None
    """File format; by default taken from the file's ending. `images`: each picture of a folder, a pattern, a `.zip` or a `.tar` is a row with the columns `file`, `folder`, `content`, `bytes` and `digest`; `coco`: annotations as COCO has them, a row each."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """CSV only: the character between columns; by default a comma (a tab for `.tsv`), or the `;`, `|`, tab or comma that the first rows agree on."""
    quote: Annotated[str, Field(max_length=1)] = '"'
    """CSV only: the character around values that hold delimiters or line breaks, doubled inside of them; `""` where quotes are letters as any other."""
    encoding: str = "utf-8"
    """CSV only: how the bytes become text, by any name that Python knows: `cp1252`, `utf-16`, `shift_jis`. `latin-1` is read as browsers do, as cp1252; a mark at the beginning of the file goes before."""
    decimal: Literal[".", ","] = "."
    """CSV only: what stands before the fraction of a number."""
    thousands: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """CSV only: what stands between groups of three digits, e.g. `,` or `.`, a blank (of any kind: no-break, narrow, thin) or an apostrophe."""
    null_values: tuple[str, ...] = NULL_VALUES
    """CSV and Excel: texts that mean 'missing', as pandas takes them; a list takes the place of all of them but the empty text."""
    sheet: str | None = None
    """Excel and OpenDocument only: the name of the sheet; by default the first."""
    types: dict[str, GivenType] = {}
    """CSV and JSONL: the types of columns, where the inferred ones are not wanted."""
    endpoint: str | None = None
    """`s3://` and `minio://` only: URL of the server, e.g. http://minio-service.kubeflow:9000; by default what `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` says, or else Amazon."""
    credentials: Literal["anonymous"] | None = None
    """`gs://`, `s3://` and `minio://` only. anonymous: a public bucket is asked without credentials. By default they come from where the SDKs look for them, never from the spec."""
    keep: Literal["copy", "reference"] = "copy"
    """Pictures only. copy: the examples hold them in standard form. reference: they hold where each file lies and its SHA-256, and a step that needs pixels reads it there; for what must not be copied, or is too large to."""
    access: Literal["copy", "in_place"] = "copy"
    """`gs://`, `s3://`, `minio://`, `http://` and `https://` only. copy: objects are copied to disk once, and read there. in_place: CSV, JSONL and Parquet are read where they lie, in parts, and what the store says of their state stands for their bytes."""

    @property
    def paths(self) -> tuple[str, ...]:
        """All that `path` lists."""
        return (self.path,) if isinstance(self.path, str) else self.path

    @field_validator("path")
    @classmethod
    def _places_are_known(cls, path: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for one in (path,) if isinstance(path, str) else path:
            place_of(one)
        return path

    @field_validator("endpoint")
    @classmethod
    def _endpoint_is_a_url(cls, endpoint: str | None) -> str | None:
        if endpoint is not None and scheme_of(without_credentials(endpoint)) not in ("http", "https"):
            raise ValueError("must be the URL of a server, as http://minio-service.kubeflow:9000")
        return endpoint

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, encoding: str) -> str:
        if not is_known(encoding):
            raise ValueError(f"is no encoding that Python knows, as utf-8, cp1252 or utf-16 are. Received: {encoding}")
        return encoding

    @field_validator("quote")
    @classmethod
    def _quote_is_ascii(cls, quote: str) -> str:
        if not quote.isascii() or quote.isspace():
            raise ValueError(f"""is a character such as ' or ", or nothing. Received: {quote!r}""")
        return quote

    @model_validator(mode="after")
    def _marks_differ(self) -> Source:
        if self.thousands == self.decimal:
            raise Contradiction((("thousands",), f"is {self.thousands!r}, and so is decimal: a number needs two marks"))
        return self

    @model_validator(mode="after")
    def _keys_suit_the_place(self) -> Source:
        schemes, others = {scheme_of(path) for path in self.paths}, tuple(STORES.plug_ins)
        wrong: list[tuple[tuple[str, ...], str]] = [
            ((key,), f"is for {', '.join(f'{scheme}://' for scheme in known)} only. Remove it")
            for key, known in (("endpoint", ("s3", "minio")), ("credentials", BUCKETS), ("access", (*BUCKETS, *WEB)))
            if self.changed(key) and not schemes.intersection((*known, *others))
        ]
        if self.keep == "reference":
            wrong += self._cannot_be_read_later(schemes)
        if wrong:
            raise Contradiction(*wrong)
        return self

    def _cannot_be_read_later(self, schemes: set[str]) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yields what keeps later steps, which know the address of a file and no source, from reading it."""
        if schemes.intersection(WEB):
            yield (
                ("keep",),
                "reference is for files of this machine and of buckets: an address of the web may mean others tomorrow",
            )
        for key in ("endpoint", "credentials"):
            if self.changed(key):
                yield (
                    (key,),
                    "is not known to the steps that read what `keep: reference` refers to. Set it in the environment",
                )

    @model_validator(mode="after")
    def _keys_suit_the_format(self) -> Source:
        own = dict.fromkeys(key for known in FORMATS.values() for key in known.keys)
        suits = {key: [known.name for known in FORMATS.values() if key in known.keys] for key in own}
        suits["access"] = [known.name for known in TEXT_FIRST if known.ahead]
        given = f"format: {self.format}" if self.format else "no format"
        wrong = [
            ((key,), f"is for {' and '.join(formats)} files. Received: {given}")
            for key, formats in suits.items()
            if self.changed(key) and self.format not in formats and (self.format or _has_to_be_named(formats))
        ]
        if wrong:
            raise Contradiction(*wrong)
        return self


def _has_to_be_named(formats: Iterable[str]) -> bool:
    return not any(FORMATS[name].endings for name in formats)


def _source(value: Any) -> Any:
    return {"path": value} if isinstance(value, (str, list, tuple)) else value


class _Shares(Section):
    train: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """Share of the examples the model learns from."""
    eval: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share that training watches: early stopping, checkpoints."""
    test: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share that the gate measures; training never sees it."""

    @model_validator(mode="after")
    def _shares_add_up(self) -> _Shares:
        if abs(self.train + self.eval + self.test - 1) > 1e-6:
            raise ValueError(
                "train, eval and test must add up to 1. "
                f"Received: {self.train} + {self.eval} + {self.test} = {self.train + self.eval + self.test:g}"
            )
        return self

    @property
    def shares(self) -> tuple[float, float, float]:
        """Shares in the order of `SPLITS`."""
        return self.train, self.eval, self.test


class HashSplit(_Shares):
    """Splits by a hash of key columns: stable across runs and machines, a key never lands in two splits."""

    EXAMPLE: ClassVar[str] = """\
data:
  split: {by: hash, key: [date], train: 0.8, eval: 0.1, test: 0.1}
"""

    by: Literal["hash"] = "hash"
    key: tuple[str, ...] = ()
    """Columns whose values stay together, e.g. a user or a machine; by default the whole row."""
    stratify: str | None = None
    """Column of few values, often the target: every split has its share of the rows of each value. Rows are dealt as they come, so equal rows may be in two splits."""

    @model_validator(mode="after")
    def _one_of_both(self) -> HashSplit:
        if self.key and self.stratify is not None:
            raise Contradiction(
                (("stratify",), "deals rows one by one, and key keeps some together. Give one of the two")
            )
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that decide the split of a row, besides all of them together."""
        return (*self.key, *([self.stratify] if self.stratify is not None else []))


def _seconds(moment: datetime | float) -> float:
    if not isinstance(moment, datetime):
        return moment
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class TimeSplit(_Shares):
    """Splits by time: train on the past, evaluate and test on what came after."""

    EXAMPLE: ClassVar[str] = """\
data:
  split: {by: time, column: departure, eval_from: 2013-10-01, test_from: 2013-11-15}
"""

    by: Literal["time"]
    column: str
    """Column with a number or timestamp that grows with time."""
    eval_from: Moment | float | None = None
    """First moment of the eval split; with `test_from` it takes the place of the shares."""
    test_from: Moment | float | None = None
    """First moment of the test split."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that decides the split of a row."""
        return (self.column,)

    @model_validator(mode="after")
    def _both_or_none(self) -> TimeSplit:
        if (self.eval_from is None) != (self.test_from is None):
            raise ValueError("eval_from and test_from go together: give both or none")
        return self

    @model_validator(mode="after")
    def _in_order(self) -> TimeSplit:
        if self.eval_from is None or self.test_from is None:
            return self
        moments = [isinstance(each, datetime) for each in (self.eval_from, self.test_from)]
        if moments[0] != moments[1]:
            raise ValueError("eval_from and test_from must both be moments or both be numbers")
        if _seconds(self.eval_from) >= _seconds(self.test_from):
            raise Contradiction((("eval_from",), "must be before test_from: eval comes before test"))
        return self


def _texts(value: Any) -> Any:
    """One value is short for a list of one; numbers and booleans are taken as the text they are written as."""
    many = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(_text(each) for each in many)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


Value = str | int | float | bool
Values = Annotated[tuple[str, ...], BeforeValidator(_texts, json_schema_input_type=Value | tuple[Value, ...])]


class ColumnSplit(Section):
    """Splits by the values of a column that says where a row belongs."""

    EXAMPLE: ClassVar[str] = """\
data:
  split: {by: column, column: month, train: [1, 2, 3, 4], eval: 5, test: 6}
"""

    by: Literal["column"]
    column: str
    """Column that names the split."""
    train: Values = ("train",)
    """Values that mean train."""
    eval: Values = ("eval",)
    """Values that mean eval."""
    test: Values = ("test",)
    """Values that mean test."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that decides the split of a row."""
        return (self.column,)

    @model_validator(mode="after")
    def _no_value_in_two_splits(self) -> ColumnSplit:
        for first, second in combinations(SPLITS, 2):
            both = sorted(set(self.values(first)) & set(self.values(second)))
            if both:
                raise Contradiction(((second,), f"'{both[0]}' also means {first}. A value means one split"))
        return self

    def values(self, split: Split) -> tuple[str, ...]:
        """Values of the column that mean `split`."""
        found: tuple[str, ...] = getattr(self, split)
        return found


AnySplit = Annotated[HashSplit | TimeSplit | ColumnSplit, Field(discriminator="by")]


class Windows(Section):
    """Makes windows of rows: each example has the past of a series as lists, what came after, and single values of the moment between.

    A column `load` that a feature of `type: series` or the target names becomes a list of its last `past` values, and `load_future` is the
    list of the next `future` ones. All other columns have their value at the last moment of the past.
    """

    EXAMPLE: ClassVar[str] = """\
data:
  windows: {order: time, key: [meter], past: 168, future: 24, stride: 24}
  split: {by: time, column: time}
"""

    order: str
    """Column by which rows follow one another: a moment, or a number."""
    key: tuple[str, ...] = ()
    """Columns that name the series; by default all rows are one."""
    past: Annotated[int, Field(ge=2, le=100_000)]
    """How many steps the past is long."""
    future: Annotated[int, Field(ge=0, le=100_000)] = 0
    """How many steps are looked ahead; 0 where the target is a single value, as the class of a window."""
    stride: Annotated[int, Field(ge=1)] = 1
    """Steps between the windows of a series."""
    gaps: Literal["drop", "last", "ignore"] = "drop"
    """drop: windows with a missing moment or value are left out; last: in the past the last value before stands for it, in the future they are left out; ignore: rows follow one another whatever time lies between."""
    every: Annotated[float, Field(gt=0)] | None = None
    """Step between rows, in the unit of `order` (seconds, of moments); by default the median difference."""
    columns: tuple[str, ...] | None = None
    """Columns that become lists; by default those that features of `type: series` and the target name."""

    @property
    def future_columns(self) -> tuple[str, ...]:
        """Columns of what came after."""
        return tuple(name for name in self.columns or () if name.endswith(FUTURE))

    @property
    def past_columns(self) -> tuple[str, ...]:
        """Columns of what came before."""
        return tuple(name for name in self.columns or () if not name.endswith(FUTURE))

    def raw(self, column: str) -> str:
        """Returns the column of the rows that a column of the windows is made of."""
        return column.removesuffix(FUTURE) if column in self.future_columns else column


class Data(Section):
    """Where the examples come from, how they are joined, and how they are split."""

    EXAMPLE: ClassVar[str] = """\
data:
  sources: {flights: data/flights.csv, planes: data/planes.csv}
  query: SELECT f.*, p.seats FROM flights f LEFT JOIN planes p USING (tailnum)
  on_bad_rows: quarantine
"""

    sources: Annotated[
        dict[
            Identifier,
            Annotated[Source, BeforeValidator(_source, json_schema_input_type=str | tuple[str, ...] | Source)],
        ],
        Field(min_length=1),
    ]
    """Named tables; the names are what `query` selects from."""
    query: str | None = None
    """SQL (DuckDB) over the sources: joins, filters, computed columns. Needed with more than one source."""
    split: AnySplit = HashSplit()
    """How rows are dealt to train, eval and test."""
    windows: Windows | None = None
    """For series: how the rows become windows, with the past in lists and what came after."""
    on_bad_rows: Literal["quarantine", "fail"] = "quarantine"
    """Rows that do not parse or do not fit: set aside with reason and line, or fail the run."""
    max_bad_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """With `quarantine`: the largest share of bad rows that is still believed to be an accident."""

    @model_validator(mode="after")
    def _several_sources_need_a_query(self) -> Data:
        if len(self.sources) > 1 and self.query is None:
            names = ", ".join(self.sources)
            raise Contradiction((("sources",), f"several sources ({names}) need data.query, the SQL that joins them"))
        return self

    @model_validator(mode="after")
    def _windows_stay_apart(self) -> Data:
        windows, split = self.windows, self.split
        if windows is None:
            return self
        if isinstance(split, TimeSplit) and split.column != windows.order:
            raise Contradiction(
                (("split", "column"), f"windows are cut by their order, '{windows.order}'. Received: {split.column}")
            )
        apart = set(split.columns) <= set(windows.key) and bool(split.columns)
        if not isinstance(split, TimeSplit) and not apart:
            message = (
                "windows share rows, so rows dealt one by one would be in several splits. Use split: "
                f"{{by: time, column: {windows.order}}}"
            )
            raise Contradiction((("split",), f"{message}{', or split by the key of the windows' * bool(windows.key)}"))
        return self
