"""Charts of two quantities against each other, shaded by the number of examples."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from stellwerk.report.charts import LETTER, Frame, Point, axes, nice_ticks, path_of, svg, tag
from stellwerk.report.wording import clipped, count, measure, share

MOST_LETTERS = 22
"""Of the name of a class beside the matrix; its cells tell the whole name."""
MOST_BESIDE = 270
"""Pixels up to which a matrix can be read beside another chart on a narrow page."""


def confusion(classes: Sequence[str], counts: Sequence[Sequence[float]], *, title: str) -> Markup:
    """Draws a confusion matrix: true classes down, predicted classes across, shaded by the share of the true class."""
    number = len(classes)
    cell = max(7.0, min(86.0, 260 / max(1, number)))
    names = [clipped(name, MOST_LETTERS) if cell >= 10 else "" for name in classes]
    longest = LETTER * max(map(len, names), default=0)
    turned = longest > cell - 4
    left, top = 31 + longest, 28 + (longest if turned else 12)
    size = (round(left + cell * number + 6), round(top + cell * number + 6))
    parts = [tag("text", "predicted", class_="label mid", x=left + cell * number / 2, y=12)]
    upright = f"translate(11 {top + cell * number / 2:.0f}) rotate(-90)"
    parts.append(tag("text", "true", class_="label mid", transform=upright))
    for row, (name, written) in enumerate(zip(classes, names, strict=True)):
        total = sum(counts[row]) or 1.0
        parts += _names(written, (left, top), cell * (row + 0.5), turned=turned) if written else []
        for column, predicted in enumerate(classes):
            at = (left + cell * column, top + cell * row)
            parts.append(_cell(at, cell, counts[row][column], total, (name, predicted)))
    return svg(title, *parts, size=size, natural=True, class_="chart large" if size[0] > MOST_BESIDE else "chart")


def _names(name: str, corner: Point, along: float, *, turned: bool) -> list[Markup]:
    """Writes a class beside its row and above its column, there turned by a right angle where columns are too narrow."""
    left, top = corner
    beside = tag("text", name, class_="tick end", x=left - 7, y=top + along + 3.5)
    if not turned:
        return [beside, tag("text", name, class_="tick mid", x=left + along, y=top - 8)]
    place = f"translate({left + along + 3.5:.1f} {top - 8:.1f}) rotate(-90)"
    return [beside, tag("text", name, class_="tick", transform=place)]


def _cell(at: Point, cell: float, value: float, total: float, names: tuple[str, str]) -> Markup:
    part = value / total
    text = f"true {names[0]}, predicted {names[1]}: {count(value)} examples, {share(part)} of the true class"
    kind = "right" if names[0] == names[1] else "wrong"
    opacity = 0.06 + 0.5 * part
    side = cell - 2
    inner = [tag("title", text)]
    inner.append(
        tag(
            "rect", class_=f"cell {kind}", x=at[0] + 1, y=at[1] + 1, width=side, height=side, rx=3, fill_opacity=opacity
        )
    )
    if cell >= 44:
        middle = at[0] + cell / 2
        inner.append(tag("text", count(value), class_="value mid", x=middle, y=at[1] + cell / 2))
        inner.append(tag("text", share(part), class_="tick mid", x=middle, y=at[1] + cell / 2 + 15))
    return tag("g", *inner)


def grid(
    edges: tuple[Sequence[float], Sequence[float]],
    counts: Sequence[Sequence[float]],
    *,
    title: str,
    labels: tuple[str, str],
) -> Markup:
    """Draws how many examples fall into each cell of a plane; `edges` are those of x and y, `counts` rows go by y.

    Shades follow the square root of the count, so that rare cells stay visible beside crowded ones.
    """
    xs, ys = edges
    x_ticks, y_ticks = nice_ticks(xs[0], xs[-1], 4), nice_ticks(ys[0], ys[-1], 4)
    size = (360, 240)
    frame = Frame.around(x_ticks, y_ticks, size)
    most = max((value for row in counts for value in row), default=0) or 1
    parts = [axes(frame, x_ticks, y_ticks, labels)]
    for y_low, y_high, row in zip(ys, ys[1:], counts, strict=False):
        for x_low, x_high, value in zip(xs, xs[1:], row, strict=False):
            if value:
                told = f"{labels[0]} {measure(x_low)} to {measure(x_high)}, {labels[1]} {measure(y_low)} to {measure(y_high)}"
                left, top = frame.x(x_low), frame.y(y_high)
                parts.append(
                    tag(
                        "rect",
                        tag("title", f"{told}: {count(value)} examples"),
                        class_="cell right",
                        x=left,
                        y=top,
                        width=frame.x(x_high) - left,
                        height=frame.y(y_low) - top,
                        fill_opacity=0.08 + 0.92 * math.sqrt(value / most),
                    )
                )
    low, high = max(x_ticks[0], y_ticks[0]), min(x_ticks[-1], y_ticks[-1])
    parts.append(tag("polyline", class_="reference", points=path_of([(low, low), (high, high)], frame)))
    return svg(title, *parts, size=size)
