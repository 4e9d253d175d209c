"""The table of formats: what each costs in quality, and what it saves in size and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stellwerk.report.judging import Variant
from stellwerk.report.wording import NOTHING, measure, signed, size

METRICS_SHOWN = 3


@dataclass(frozen=True)
class VariantRow:
    """One format as the table shows it."""

    ok: bool
    format: str
    size: str
    metrics: Mapping[str, tuple[str, str]]
    """The value, and how far it is from the SavedModel's (empty for that itself)."""
    largest: str
    mean: str
    per_row: str
    one_row: str


def variant_rows(variants: Sequence[Variant], metrics: Sequence[str]) -> list[VariantRow]:
    """Returns a row for each format, the SavedModel first; `metrics` in the order of the page, the first of them shown."""
    shown = [name for name in metrics if variants and name in variants[0].metrics][:METRICS_SHOWN]
    return [_row(variant, variants[0], shown) for variant in variants]


def _row(variant: Variant, whole: Variant, metrics: Sequence[str]) -> VariantRow:
    same = variant is whole
    return VariantRow(
        ok=variant.ok,
        format=variant.format,
        size=size(variant.bytes),
        metrics={name: _metric(name, variant, whole) for name in metrics},
        largest=NOTHING if same else measure(variant.difference["max"]),
        mean=NOTHING if same else measure(variant.difference["mean"]),
        per_row=short_time(variant.seconds_per_row),
        one_row=short_time(variant.seconds_one_row),
    )


def _metric(name: str, variant: Variant, whole: Variant) -> tuple[str, str]:
    value, before = variant.metrics.get(name), whole.metrics.get(name)
    change = "" if variant is whole or value is None or before is None else signed(value - before)
    return measure(value), change


def short_time(seconds: float) -> str:
    """Returns a time far below a second in the unit a person would use: `25 µs`, `1.2 ms`."""
    for factor, unit in ((1e9, "ns"), (1e6, "µs"), (1e3, "ms")):
        value = seconds * factor
        if value < 999.5:
            return f"{value:.0f} {unit}" if value >= 9.95 else f"{value:.1f} {unit}"
    return f"{seconds:.1f} s"
