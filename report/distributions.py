"""Charts of how a column is distributed in every split: histograms of numbers, shares of texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup

from stellwerk.report.charts import Scale, nice_ticks, shape, svg, tag, tick
from stellwerk.report.wording import clipped, measure, share

COLUMNS = 10
"""Invisible columns over a histogram that tell its numbers; as many as TFDV has buckets."""
MOST_LETTERS = 60
"""Of a value in a card: a text of several pages is one value, too."""


def histogram(
    splits: Sequence[tuple[str, str, Sequence[tuple[float, float, float]]]],
    *,
    title: str,
    label: str,
    written: Callable[[float], str] = measure,
    time: bool = False,
) -> Markup:
    """Draws the distribution of each split, (name, style, buckets) with buckets (low, high, rows).

    Heights are densities relative to the highest bucket, so that splits of different sizes and bounds may be compared:
    the first split is filled, the others are outlines. `written` says how a value reads; points in `time` have no round
    numbers, so their axis shows both ends.
    """
    shapes = [(name, style, _densities(buckets)) for name, style, buckets in splits if buckets]
    lows = [low for _, _, bars in shapes for low, _, _, _ in bars]
    highs = [high for _, _, bars in shapes for _, high, _, _ in bars]
    top = max((density for _, _, bars in shapes for _, _, density, _ in bars), default=0.0)
    if not lows or not top:
        return Markup("")
    size = (320, 128)
    low, high = min(lows), max(highs)
    ticks = [value for value in nice_ticks(low, high, 4) if low <= value <= high] or [low, high]
    if all(len(bars) == 3 and bars[0][3] == 0 for _, _, bars in shapes):
        ticks = [(low + high) / 2]
    elif time:
        ticks = [low, high]
    x, y = Scale(low, high, 4, 316), Scale(0, top * 1.04, 106, 6)
    parts = [_outline(shapes[0], x, y, filled=True)]
    parts += [_outline(entry, x, y, filled=False) for entry in shapes[1:]]
    step = (high - low) / COLUMNS
    edges = [(low + step * index, low + step * (index + 1)) for index in range(COLUMNS)]
    parts += [_bar_target(shapes, ends, (x, y), label, written) for ends in edges]
    parts.append(tag("line", class_="axis", x1=4, x2=316, y1=106, y2=106))
    for value in ticks:
        at = x(value)
        place = "start" if at < 18 else "end" if at > 302 else "mid"
        parts.append(tag("line", class_="axis", x1=at, x2=at, y1=106, y2=110))
        parts.append(tag("text", written(value) if time else tick(value), class_=f"tick {place}", x=at, y=122))
    return svg(title, *parts, size=size)


Bar = tuple[float, float, float, float]
"""(low, high, density, share)."""


def _densities(buckets: Sequence[tuple[float, float, float]]) -> list[Bar]:
    """A column with one value has buckets without width: it becomes one narrow bar in the middle of an axis."""
    rows = sum(entry[2] for entry in buckets) or 1.0
    finite = [entry for entry in buckets if math.isfinite(entry[0]) and math.isfinite(entry[1])]
    if finite and finite[0][0] == finite[-1][1]:
        value = finite[0][0]
        half = abs(value) * 0.05 or 0.5
        thin = half * 0.08
        return [
            (value - half, value - thin, 0.0, 0.0),
            (value - thin, value + thin, 0.5 / thin, 1.0),
            (value + thin, value + half, 0.0, 0.0),
        ]
    return [(low, high, part / rows / (high - low), part / rows) for low, high, part in finite if high > low]


def _outline(entry: tuple[str, str, list[Bar]], x: Scale, y: Scale, *, filled: bool) -> Markup:
    _, style, bars = entry
    steps = [f"M{x(bars[0][0]):.1f} {y(0):.1f}"]
    for low, high, density, _ in bars:
        steps.append(f"L{x(low):.1f} {y(density):.1f}H{x(high):.1f}")
    steps.append(f"V{y(0):.1f}")
    return tag("path", class_=f"{'area' if filled else 'line'} {style}", d="".join(steps))


def _bar_target(
    shapes: Sequence[tuple[str, str, list[Bar]]],
    ends: tuple[float, float],
    scales: tuple[Scale, Scale],
    label: str,
    written: Callable[[float], str],
) -> Markup:
    """An invisible column over the picture that tells each split's share of rows between `ends`."""
    low, high = ends
    x, y = scales
    told = ", ".join(f"{name} {share(_share_between(bars, low, high))}" for name, _, bars in shapes)
    title = tag("title", f"{label} {written(low)} to {written(high)}: {told}")
    left, height = x(low), y.start - y.end
    return tag("rect", title, class_="target", x=left, y=y.end, width=x(high) - left, height=height)


def _share_between(bars: Sequence[Bar], low: float, high: float) -> float:
    """Share of the rows between two values, as if they were spread evenly inside every bucket."""
    return sum(part * max(0.0, min(end, high) - max(start, low)) / (end - start) for start, end, _, part in bars)


def top_values(rows: Sequence[tuple[str, Sequence[tuple[str, str, float]]]], *, title: str) -> Markup:
    """Draws the most frequent values, each with its share in every split: (value, [(split, style, share)]).

    The first split is a bar, the others are points on it. Values stand outside of the picture, where long ones wrap.
    """
    top = max((part for _, splits in rows for _, _, part in splits), default=0.0) or 1.0
    drawn = []
    for value, splits in rows:
        told = ", ".join(f"{split} {share(part)}" for split, _, part in splits)
        name = tag("span", clipped(value, MOST_LETTERS) or "(empty)", class_="value")
        first = tag("span", share(splits[0][2]) if splits else "", class_="num")
        drawn.append(tag("div", name, _lane(splits, top), first, title=f"{value}: {told}"))
    return tag("div", *drawn, class_="tops", role="img", aria_label=title)


def _lane(splits: Sequence[tuple[str, str, float]], top: float) -> Markup:
    """Draws one row in percent of its width, which ends at the share `top`; the last part is for what stands on its end."""
    parts = []
    for order, (_, style, part) in enumerate(splits):
        at = f"{97 * part / top:.1f}%"
        if order == 0:
            parts.append(tag("rect", class_=f"soft {style}", y=3, width=at, height=13, rx=2))
        else:
            parts.append(tag("svg", shape(style, 0, 9.5, radius=2.8), x=at, overflow="visible"))
    return tag("svg", *parts, width="100%", height=19, aria_hidden="true")
