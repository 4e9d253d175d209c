"""The numbers that a reader looks for first: those of a whole run, and those of each step that has a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stellwerk.report.evaluating import ordered
from stellwerk.report.gathering import Report
from stellwerk.report.reading import Curve, Missing, Repeated, Run
from stellwerk.report.rehearsed import Measurements
from stellwerk.report.slices import headline_metric
from stellwerk.report.wording import clipped, count, duration, measure, several, share, signed, size, titled

MOST_METRICS = 5
"""Metrics at the top of a page; its tables have them all."""
MOST_LETTERS = 30
"""Of the name of a number; tables and charts have all of them."""


@dataclass(frozen=True)
class Tile:
    """One number at the top of a page."""

    name: str
    value: str
    note: str = ""


def run_tiles(report: Report) -> list[Tile]:
    """Returns the numbers of a run, as far as they are known."""
    peaks = [step.peak_memory for step in report.run.steps if step.peak_memory]
    found = [*_metrics(report, 1), *_requirements(report), *_examples(report), *_media(report), *_time(report.run)]
    if peaks:
        largest = max(report.run.steps, key=lambda step: step.peak_memory or 0)
        found.append(Tile("Peak memory", size(max(peaks)), f"in {largest.name}"))
    return found


def _metrics(report: Report, most: int) -> list[Tile]:
    """The most important metrics on the whole test split, beside the last blessed model where there was one."""
    evaluation = report.evaluation
    if isinstance(evaluation, Missing) or not evaluation.slices:
        return []
    whole = evaluation.slices[0]
    first = headline_metric(evaluation, report.blessing)
    names = ordered(evaluation, report.setting("evaluate", "metrics"), first or "")
    names = [name for name in dict.fromkeys((first or "", *names)) if whole.metrics.get(name) is not None]
    return [
        Tile(
            titled(name), measure(whole.metrics[name]), _against(whole.metrics[name], (whole.baseline or {}).get(name))
        )
        for name in names[:most]
    ]


def _against(value: float | None, before: float | None) -> str:
    return "on the test split" if value is None or before is None else f"{signed(value - before)} against the last"


def _requirements(report: Report) -> list[Tile]:
    if isinstance(report.blessing, Missing) or not report.blessing.requirements:
        return []
    asked = len(report.blessing.requirements)
    return [Tile("Requirements", f"{len(report.blessing.met):,} of {asked:,}", "met")]


def _examples(report: Report) -> list[Tile]:
    if isinstance(report.data, Missing):
        return []
    aside = report.data.quarantined
    return [Tile("Examples", count(report.data.written), f"{aside:,} set aside" if aside else "none set aside")]


def _time(run: Run) -> list[Tile]:
    if run.seconds is None:
        return []
    cached = sum(step.status == "cached" for step in run.steps)
    note = f"{cached} of {several(len(run.steps), 'step')} from the cache" if cached else "nothing from the cache"
    return [Tile("Time", duration(run.seconds), note)]


def ingest_tiles(report: Report) -> list[Tile]:
    """Returns how many rows came, from where, and how many became examples."""
    data = report.data
    if isinstance(data, Missing):
        return []
    read = [Tile("Rows read", count(data.read), f"from {several(len(data.sources), 'source')}")] if data.read else []
    aside = Tile("Set aside", count(data.quarantined), several(len(data.reasons), "reason") if data.quarantined else "")
    splits = several(len(data.rows), "split")
    return [
        *read,
        Tile("Examples", count(data.written), f"in {splits}"),
        aside,
        Tile("Columns", count(len(data.columns))),
    ]


def _media(report: Report) -> list[Tile]:
    """Returns for each column of pictures how many look like one of an earlier split."""
    if isinstance(report.repeated, Missing):
        return []
    columns = dict.fromkeys(one.column for one in report.repeated)
    return [_alike(column, [one for one in report.repeated if one.column == column]) for column in columns]


def _alike(column: str, found: Sequence[Repeated]) -> Tile:
    later = ", ".join(f"{one.alike:,} in {one.split}" for one in found[1:])
    blank = sum(one.blank for one in found)
    return Tile(
        f"Near duplicates of {column}",
        count(sum(one.alike for one in found[1:])),
        f"look like one of an earlier split: {later}; {blank:,} are blank",
    )


def validate_tiles(report: Report) -> list[Tile]:
    """Returns how many anomalies there are, in how many columns, and where most values are missing."""
    found = []
    if not isinstance(report.anomalies, Missing):
        splits = Counter(row.split for row in report.anomalies)
        note = ", ".join(f"{number:,} in {split}" for split, number in splits.items())
        found.append(Tile("Anomalies", count(len(report.anomalies)), note))
    found += _media(report)
    if isinstance(report.statistics, Missing) or not report.statistics:
        return found
    rows = {split: column.rows for feature in report.statistics for split, column in feature.splits.items()}
    found.append(Tile("Examples", count(sum(rows.values())), f"in {several(len(rows), 'split')}"))
    found.append(Tile("Columns", count(len(report.statistics))))
    most = max(report.statistics, key=lambda feature: feature.most_missing[1])
    split, part = most.most_missing
    return [*found, Tile("Most values missing", share(part), f"{most.name} in {split}" if part else "in no column")]


def train_tiles(report: Report) -> list[Tile]:
    """Returns loss and metrics of the model that was kept, and what training cost."""
    history = report.history
    if isinstance(history, Missing) or not history.epochs:
        return []
    mixed = {} if history.mixed is None else history.mixed.measures
    found = [_exported(curve, history.best_epoch, mixed) for curve in history.curves[:MOST_METRICS]]
    best = f"best is {history.best_epoch}" if history.best_epoch else ""
    found.append(Tile("Epochs", count(history.epochs), best))
    if history.seconds is not None:
        found.append(Tile("Time", duration(history.seconds), f"{count(history.rows_per_second)} rows/s"))
    return [tile for tile in found if tile is not None]


def _exported(curve: Curve, best: int | None, mixed: Mapping[str, float]) -> Tile | None:
    """The value of what was exported: the mixture with a linear model, the best epoch, else the last; on the eval split, else where there is one."""
    if curve.metric in mixed:
        return Tile(clipped(titled(curve.metric), MOST_LETTERS), measure(mixed[curve.metric]), "eval, with linear")
    split, values = ("eval", curve.eval) if curve.eval else ("train", curve.train)
    if not values:
        return None
    at = best if best and best <= len(values) else len(values)
    return Tile(clipped(titled(curve.metric), MOST_LETTERS), measure(values[at - 1]), f"{split}, epoch {at}")


def evaluate_tiles(report: Report) -> list[Tile]:
    """Returns the metrics on the test split and how many requirements are met."""
    if isinstance(report.evaluation, Missing):
        return _requirements(report)
    rows = Tile("Examples", count(report.evaluation.examples), "of the test split")
    return [*_requirements(report), *_metrics(report, MOST_METRICS), rows]


def rehearse_tiles(report: Report) -> list[Tile]:
    """Returns what was measured of the server, as far as it came."""
    seen = report.rehearsal
    if isinstance(seen, Missing) or not seen.rehearsed:
        return []
    asked, measured = len(seen.requirements), seen.measurements or Measurements(0)
    found = [Tile("Requirements", f"{asked - len(seen.refused):,} of {asked:,}", "met")]
    if measured.latency is not None and measured.latency.p99_ms is not None:
        found.append(Tile("Latency", f"{measure(measured.latency.p99_ms)} ms", "99 of 100 requests"))
        found.append(Tile("Throughput", measure(measured.latency.throughput), "examples a second"))
    if measured.startup_seconds is not None:
        found.append(Tile("Start-up", duration(measured.startup_seconds)))
    if measured.memory is not None:
        found.append(Tile("Peak memory", size(measured.memory)))
    return [*found, Tile("Model size", size(measured.model_size))] if measured.model_size else found
