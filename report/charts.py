"""Charts as inline SVG: linear scales with nice ticks, axes with labels, and a title on every mark.

Colours come from the page's style sheet by class (`s0`, `s1`, `s2` for train, eval, test), so that dark mode and print
need no second drawing. No mark is told apart by colour alone: lines have dashes, points have shapes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from markupsafe import Markup, escape

from stellwerk.report.wording import MINUS, clipped, measure

T = TypeVar("T")
Point = tuple[float, float]
MOST_POINTS = 160
"""A curve is thinned to about this many points: more cannot be seen."""
LETTER = 6.6
"""Width of a letter of a label, in pixels."""


def tag(name: str, *children: str, **attributes: object) -> Markup:
    """Returns one SVG or HTML element. Children and attributes are escaped unless they are Markup.

    `class_` becomes `class`, other underscores become dashes; None leaves an attribute out; floats get two decimals.
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is not None:
            text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else escape(value)
            parts.append(f' {key.rstrip("_").replace("_", "-")}="{text}"')
    inner = "".join(escape(child) for child in children)
    return Markup(f"{''.join(parts)}>{inner}</{name}>" if inner else f"{''.join(parts)}/>")  # noqa: S704 - escaped above


def nice_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Returns about `wanted` round values (1, 2 or 5 times a power of ten) that cover `low` to `high`.

    The first is not above `low` and the last not below `high`, so they may serve as the ends of an axis.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        low, high = 0.0, 1.0
    if high <= low:
        spread = abs(low) * 0.1 or 1.0
        low, high = low - spread, high + spread
    rough = (high - low) / max(1, wanted)
    if rough < max(abs(low), abs(high)) * 1e-12:
        return [low, high]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` onto pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Returns the pixel of `value`, kept inside the axis."""
        span = self.high - self.low
        part = (value - self.low) / span if span else 0.5
        return self.start + min(1.0, max(0.0, part)) * (self.end - self.start)


@dataclass(frozen=True)
class Line:
    """One curve: its name, its points in order, and the class that gives colour and dash."""

    name: str
    points: Sequence[Point]
    style: str = "s0"
    marks: bool = False
    """Whether every point gets a mark with its value."""


@dataclass(frozen=True)
class Frame:
    """The plotting area of a chart with its two scales."""

    x: Scale
    y: Scale
    width: int
    height: int

    @classmethod
    def around(cls, xs: Sequence[float], ys: Sequence[float], size: tuple[int, int]) -> Frame:
        """Returns a frame whose axes run from the first to the last tick of `xs` and `ys`."""
        width, height = size
        left = 26 + round(6.2 * max(len(tick(value)) for value in ys))
        return cls(Scale(xs[0], xs[-1], left, width - 12), Scale(ys[0], ys[-1], height - 38, 12), width, height)


def axes(frame: Frame, xs: Sequence[float], ys: Sequence[float], labels: tuple[str, str]) -> Markup:
    """Draws the grid lines, tick labels and axis labels (`x`, `y`) of a frame."""
    parts = []
    bottom, left, right = frame.y.start, frame.x.start, frame.x.end
    for value in ys:
        y = frame.y(value)
        parts.append(tag("line", class_="grid", x1=left, x2=right, y1=y, y2=y))
        parts.append(tag("text", tick(value), class_="tick end", x=left - 7, y=y + 3.5))
    for value in xs:
        x = frame.x(value)
        parts.append(tag("line", class_="axis", x1=x, x2=x, y1=bottom, y2=bottom + 4))
        parts.append(tag("text", tick(value), class_="tick mid", x=x, y=bottom + 16))
    parts.append(tag("line", class_="axis", x1=left, x2=right, y1=bottom, y2=bottom))
    middle, below = (left + right) / 2, clipped(labels[0], int((right - left) / LETTER))
    parts.append(tag("text", below, class_="label mid", x=middle, y=frame.height - 5))
    turned = f"translate(11 {(frame.y.start + frame.y.end) / 2:.0f}) rotate(-90)"
    beside = clipped(labels[1], int((frame.y.start - frame.y.end) / LETTER))
    parts.append(tag("text", beside, class_="label mid", transform=turned))
    return Markup("").join(parts)


def tick(value: float) -> str:
    """Returns an axis value without superfluous digits: `0.25`, `1500`, `2 M`."""
    if value < 0:
        return MINUS + tick(-value)
    for unit, least, factor in (("G", 1e9, 1e9), ("M", 1e6, 1e6), ("k", 1e4, 1e3)):
        if value >= least:
            return f"{value / factor:,.4g} {unit}"
    if 0 < value < 1e-3:
        return measure(value)
    return f"{value:.4g}"


def svg(title: str, *children: str, size: tuple[float, float], class_: str = "chart", natural: bool = False) -> Markup:
    """Wraps marks as one picture with a title for screen readers; `natural` keeps it from growing beyond its size."""
    box = f"0 0 {size[0]:g} {size[1]:g}"
    width = f"{size[0]:g}" if natural else None
    return tag(
        "svg",
        *children,
        class_=f"{class_} natural" if natural else class_,
        viewBox=box,
        width=width,
        role="img",
        aria_label=title,
    )


def thinned(points: Sequence[T], most: int = MOST_POINTS) -> list[T]:
    """Returns at most `most` of the points, with the first and the last among them."""
    if len(points) <= most:
        return list(points)
    step = (len(points) - 1) / (most - 1)
    return [points[round(index * step)] for index in range(most)]


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    labels: tuple[str, str],
    x_ticks: Sequence[float] | None = None,
    y_ticks: Sequence[float] | None = None,
    reference: Sequence[Point] = (),
    ring: Point | None = None,
    size: tuple[int, int] = (360, 240),
) -> Markup:
    """Draws curves over shared axes; `reference` is a faint dotted line such as the diagonal of a ROC curve.

    `ring` marks one point.
    """
    xs = [x for line in lines for x, _ in line.points] or [0.0]
    ys = [y for line in lines for _, y in line.points] or [0.0]
    x_ticks = x_ticks or nice_ticks(min(xs), max(xs))
    y_ticks = y_ticks or nice_ticks(min(ys), max(ys), 4)
    frame = Frame.around(x_ticks, y_ticks, size)
    parts = [axes(frame, x_ticks, y_ticks, labels)]
    if reference:
        parts.append(tag("polyline", class_="reference", points=path_of(reference, frame)))
    for line in lines:
        points = thinned(line.points)
        parts.append(
            tag("polyline", tag("title", line.name), class_=f"line {line.style}", points=path_of(points, frame))
        )
        if line.marks:
            parts += [mark(frame, point, line, labels) for point in points]
        else:
            parts += [_target(frame, point, labels) for point in points[:: max(1, len(points) // 32)]]
    if ring is not None:
        parts.append(tag("circle", class_="ring", cx=frame.x(ring[0]), cy=frame.y(ring[1]), r=7))
    return svg(title, *parts, size=size)


def path_of(points: Iterable[Point], frame: Frame) -> str:
    """Returns the points as pixels, as a polyline has them."""
    return " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in points)


def _target(frame: Frame, point: Point, labels: tuple[str, str]) -> Markup:
    """An invisible disc that shows the values of a point while the pointer rests on it."""
    text = f"{labels[0]} {measure(point[0])}, {labels[1]} {measure(point[1])}"
    return tag("circle", tag("title", text), class_="target", cx=frame.x(point[0]), cy=frame.y(point[1]), r=6)


def mark(frame: Frame, point: Point, line: Line, labels: tuple[str, str]) -> Markup:
    """Draws one point in the shape of its line's style, with its values as title."""
    text = f"{line.name}: {labels[0]} {measure(point[0])}, {labels[1]} {measure(point[1])}"
    return shape(line.style, frame.x(point[0]), frame.y(point[1]), text)


def shape(style: str, x: float, y: float, text: str = "", radius: float = 3.2) -> Markup:
    """Draws the point of a style: a disc for `s0`, a diamond for `s1`, a square for `s2`."""
    title = [tag("title", text)] if text else []
    if style == "s1":
        r = radius * 1.35
        return tag("path", *title, class_="point s1", d=f"M{x:.1f} {y - r:.1f}l{r} {r}l{-r} {r}l{-r} {-r}z")
    if style == "s2":
        side = 2.0 * radius
        return tag("rect", *title, class_="point s2", x=x - radius, y=y - radius, width=side, height=side)
    return tag("circle", *title, class_=f"point {style}", cx=x, cy=y, r=radius)


def key(names: Sequence[tuple[str, str]]) -> Markup:
    """Returns a legend: (name, style) pairs with their line and shape."""
    items = []
    for name, style in names:
        line = tag("line", class_=f"line {style}", x1=1, x2=23, y1=7, y2=7)
        sample = tag("svg", line, shape(style, 12, 7), width=24, height=14, aria_hidden="true")
        items.append(tag("span", sample, " ", name))
    return tag("p", *items, class_="key")
