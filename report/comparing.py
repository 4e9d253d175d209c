"""Two runs side by side: what is different in the spec and the data, and what that did to the metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml

from stellwerk.metrics import direction
from stellwerk.report.dataset import Data, read_data
from stellwerk.report.judging import Card, Slice, read_card
from stellwerk.report.reading import History, Missing, Run, read_history, read_made
from stellwerk.report.slices import gained
from stellwerk.report.summary import LAST_BLESSED, Summary, summarise
from stellwerk.report.wording import NOTHING, clipped, count, duration, measure, several, signed, titled
from stellwerk.steps import maker

T = TypeVar("T")
LONGEST = 80
UNSAID = "(not there)"


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in both runs, as it reads in each."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """One metric in both runs."""

    metric: str
    before: float | None
    after: float | None

    @property
    def moved(self) -> str:
        """How far it moved."""
        return NOTHING if self.before is None or self.after is None else signed(self.after - self.before)

    @property
    def better(self) -> bool | None:
        """Whether it is better in the second run; None where it is as good, or where nobody can say."""
        if self.before is None or self.after is None or direction(self.metric) == "none":
            return None
        return gained(self.metric, self.after, self.before)


@dataclass(frozen=True)
class SliceChange:
    """One slice in both runs."""

    label: str
    examples: tuple[int | None, int | None]
    change: Change


@dataclass(frozen=True)
class Side(Generic[T]):
    """The same thing of the first and of the second run."""

    before: T
    after: T


@dataclass(frozen=True)
class Comparison:
    """Two runs, the earlier or first named one before the other."""

    runs: Side[Summary]
    spec: tuple[Difference, ...]
    data: tuple[Difference, ...]
    training: tuple[Difference, ...]
    software: tuple[Difference, ...]
    metrics: tuple[Change, ...]
    slices: tuple[SliceChange, ...]
    """By the main metric, the worst change first."""
    histories: Side[History | Missing]
    same_rows: bool | None
    """Whether both were measured on the same rows; None where that is not known."""

    @property
    def main(self) -> str | None:
        """The metric that slices are compared by."""
        return _main(self.runs)

    @property
    def sentence(self) -> str:
        """What a reader must know first."""
        first = next((change for change in self.metrics if change.metric == self.main), None)
        if first is None or first.before is None or first.after is None:
            return "Not both runs have measured a model, so that their metrics cannot be compared."
        how = {True: "better", False: "worse", None: "as good"}[first.better]
        moved = "" if first.better is None else f" by {measure(abs(first.after - first.before))}"
        told = f"{titled(first.metric)} is {how}{moved} in the second run: {measure(first.after)} after {measure(first.before)}."
        if self.same_rows is False:
            told += " The two were measured on different rows, so a small difference may be chance."
        return told


def compare(before: Path, after: Path) -> Comparison:
    """Reads two run folders. Raises UsageError where one is none."""
    runs = Side(summarise(before), summarise(after))
    data = Side(_data(before, runs.before.run), _data(after, runs.after.run))
    cards = Side(_card(before, runs.before.run), _card(after, runs.after.run))
    return Comparison(
        runs=runs,
        spec=tuple(_spec(before, after)),
        data=tuple(_data_differences(data)),
        training=tuple(_training(cards)),
        software=tuple(_between(runs.before.run.versions, runs.after.run.versions)),
        metrics=tuple(_metrics(runs)),
        slices=tuple(_slices(runs)),
        histories=Side(_history(before, runs.before.run), _history(after, runs.after.run)),
        same_rows=_same_rows(runs),
    )


def _data(folder: Path, run: Run) -> Data | Missing:
    return read_made(folder, run, "examples", read_data)


def _card(folder: Path, run: Run) -> Card | Missing:
    return read_made(folder, run, "model", read_card)


def _history(folder: Path, run: Run) -> History | Missing:
    return read_made(folder, run, "history", read_history)


def _same_rows(runs: Side[Summary]) -> bool | None:
    makers = [summary.run.step(maker("examples")) for summary in (runs.before, runs.after)]
    found = [step.outputs.get("examples") if step else None for step in makers]
    return None if None in found else found[0] == found[1]


def _spec(before: Path, after: Path) -> Iterator[Difference]:
    """Yields the keys of the spec that are not the same, as they are written in each."""
    yield from _between(dict(_dotted(_sections(before))), dict(_dotted(_sections(after))))


def _sections(folder: Path) -> Any:
    try:
        return yaml.safe_load((folder / "spec.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}


def _dotted(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _dotted(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        yield path, f"[{', '.join(map(_written, value))}]"
    else:
        yield path, _written(value)


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return (
        {True: "true", False: "false", None: "null"}.get(value, str(value))
        if _is_word(value)
        else " ".join(str(value).split())
    )


def _is_word(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _between(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key):
            yield Difference(key, before.get(key, UNSAID), after.get(key, UNSAID))


def _data_differences(data: Side[Data | Missing]) -> Iterator[Difference]:
    one, other = data.before, data.after
    if isinstance(one, Missing) or isinstance(other, Missing):
        if isinstance(one, Missing) is not isinstance(other, Missing):
            yield Difference("data", _there(one), _there(other))
        return
    yield from _between(_facts(one), _facts(other))


def _there(data: Data | Missing) -> str:
    return "not there" if isinstance(data, Missing) else several(data.written, "row")


def _facts(data: Data) -> dict[str, str]:
    """Returns what says whether two versions of the data are the same, and where they are not."""
    facts = {"version": data.version[:12], **{f"rows of {split}": count(rows) for split, rows in data.rows.items()}}
    facts["rows set aside"] = count(data.quarantined)
    for source in data.sources:
        state = (source.state or "")[:12]
        facts[f"source {source.name}"] = ", ".join(
            part for part in (source.path, f"{count(source.rows)} rows", state) if part
        )
    facts |= {f"column {name}": kind for name, kind in data.columns.items()}
    return facts


def _training(cards: Side[Card | Missing]) -> Iterator[Difference]:
    """Yields what the models say they were trained with, which also shows what `--set` changed."""
    if isinstance(cards.before, Missing) or isinstance(cards.after, Missing):
        return
    yield from _between(cards.before.hyperparameters, cards.after.hyperparameters)


def _metrics(runs: Side[Summary]) -> Iterator[Change]:
    one, other = runs.before.metrics, runs.after.metrics
    for metric in dict.fromkeys((*other, *one)):
        yield Change(metric, one.get(metric), other.get(metric))
    for name in dict.fromkeys((*runs.before.baselines, *runs.after.baselines)):
        if name == LAST_BLESSED:  # another model in each run
            continue
        metric = _main(runs) or ""
        values = [summary.baselines.get(name, {}).get(metric) for summary in (runs.before, runs.after)]
        if values != [None, None]:
            yield Change(f"{metric} of {name}", *values)


def _main(runs: Side[Summary]) -> str | None:
    return runs.after.main or runs.before.main


def _slices(runs: Side[Summary]) -> list[SliceChange]:
    metric = _main(runs)
    before, after = _by_label(runs.before), _by_label(runs.after)
    found = []
    for label in dict.fromkeys((*after, *before)):
        pair = (before.get(label), after.get(label))
        values = [entry.metrics.get(metric) if entry and metric else None for entry in pair]
        found.append(SliceChange(label, _examples(pair), Change(metric or "", *values)))
    return sorted(found, key=_worst_first)


def _examples(pair: tuple[Slice | None, Slice | None]) -> tuple[int | None, int | None]:
    one, other = pair
    return (one.examples if one else None), (other.examples if other else None)


def _by_label(summary: Summary) -> dict[str, Slice]:
    found = summary.evaluation
    return {} if isinstance(found, Missing) else {entry.label: entry for entry in found.slices if entry.slice}


def _worst_first(row: SliceChange) -> tuple[int, float]:
    before, after = row.change.before, row.change.after
    if before is None or after is None:
        return 2, 0.0
    distance = abs(after - before)
    return (0, -distance) if row.change.better is False else (1, distance)


def as_text(found: Comparison) -> str:
    """Returns the comparison for a terminal."""
    lines = [found.sentence, "", *_table([("", "first", "second"), *_heads(found)])]
    for title, rows in (
        ("spec", found.spec),
        ("trained with", found.training),
        ("data", found.data),
        ("software", found.software),
    ):
        lines += ["", *_differences(title, rows)]
    if found.metrics:
        lines += [
            "",
            *_table([("metrics", "first", "second", ""), *(_row(each.metric, each) for each in found.metrics)]),
        ]
    if found.slices:
        head = (f"{found.main} by slice", "first", "second", "")
        lines += ["", *_table([head, *(_row(each.label, each.change) for each in found.slices)])]
    return "\n".join(lines)


def _row(name: str, change: Change) -> tuple[str, ...]:
    return name, measure(change.before), measure(change.after), _arrow(change)


def _heads(found: Comparison) -> list[tuple[str, str, str]]:
    pair = (found.runs.before, found.runs.after)
    heads = [("run", [each.run.run for each in pair]), ("verdict", [each.verdict.headline for each in pair])]
    heads.append(("took", [duration(each.run.seconds) for each in pair]))
    return [(name, values[0], values[1]) for name, values in heads]


def _differences(title: str, rows: tuple[Difference, ...]) -> list[str]:
    if not rows:
        return [f"{title}: the same"]
    return _table([(title, "first", "second"), *((row.what, row.before, row.after) for row in rows)])


def _arrow(change: Change) -> str:
    mark = {True: "▲", False: "▼", None: " "}[change.better]
    return f"{mark} {change.moved}".rstrip()


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Returns rows with columns of equal width, the first row as their head."""
    cut = [[clipped(cell, LONGEST) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip_longest(*cut, fillvalue="")]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)).rstrip() for row in cut]
