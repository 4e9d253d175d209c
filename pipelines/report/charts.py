"""Charts as inline SVG: linear scales with nice ticks, axes with labels, and a title on every mark.

Colours come from the page's style sheet by class (`s0`, `s1`, `s2` for train, eval, test), so that dark mode and print
need no second drawing. No mark is told apart by colour alone: lines have dashes, points have shapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from stellwerk.pipelines.report.wording import MINUS, clipped, count, measure, share

Point = tuple[float, float]
MOST_POINTS = 160
"""A curve is thinned to about this many points: more cannot be seen."""


COLUMNS = 10
"""Invisible columns over a histogram that tell its numbers; as many as TFDV has buckets."""


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
    middle = (left + right) / 2
    parts.append(tag("text", labels[0], class_="label mid", x=middle, y=frame.height - 5))
    turned = f"translate(11 {(frame.y.start + frame.y.end) / 2:.0f}) rotate(-90)"
    parts.append(tag("text", labels[1], class_="label mid", transform=turned))
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


def thinned(points: Sequence[Point]) -> list[Point]:
    """Returns at most about `MOST_POINTS` of the points, with the first and the last among them."""
    if len(points) <= MOST_POINTS:
        return list(points)
    step = (len(points) - 1) / (MOST_POINTS - 1)
    return [points[round(index * step)] for index in range(MOST_POINTS)]


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
        parts.append(tag("polyline", class_="reference", points=_path(reference, frame)))
    for line in lines:
        points = thinned(line.points)
        parts.append(tag("polyline", tag("title", line.name), class_=f"line {line.style}", points=_path(points, frame)))
        if line.marks:
            parts += [mark(frame, point, line, labels) for point in points]
        else:
            parts += [_target(frame, point, labels) for point in points[:: max(1, len(points) // 32)]]
    if ring is not None:
        parts.append(tag("circle", class_="ring", cx=frame.x(ring[0]), cy=frame.y(ring[1]), r=7))
    return svg(title, *parts, size=size)


def _path(points: Iterable[Point], frame: Frame) -> str:
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

    The first split is a bar, the others are points on it.
    """
    top = max((part for _, splits in rows for _, _, part in splits), default=0.0) or 1.0
    height = 19 * len(rows) + 4
    left = 12 + min(112, max((7 * len(value) for value, _ in rows), default=0))
    x = Scale(0, top, left, 266)
    parts = []
    for index, (value, splits) in enumerate(rows):
        y = 19.0 * index + 4
        told = ", ".join(f"{split} {share(part)}" for split, _, part in splits)
        group = [tag("title", f"{value}: {told}"), tag("rect", class_="target", x=0, y=y - 2, width=320, height=19)]
        group.append(tag("text", clipped(value, 17) or "(empty)", class_="value end", x=left - 8, y=y + 11))
        for order, (_, style, part) in enumerate(splits):
            if order == 0:
                wide = max(1.0, x(part) - left)
                group.append(tag("rect", class_=f"soft {style}", x=left, y=y + 1, width=wide, height=13, rx=2))
                group.append(tag("text", share(part), class_="tick end", x=318, y=y + 11))
            else:
                group.append(shape(style, x(part), y + 7.5, radius=2.8))
        parts.append(tag("g", *group))
    return svg(title, *parts, size=(320, height))


def confusion(classes: Sequence[str], counts: Sequence[Sequence[float]], *, title: str) -> Markup:
    """Draws a confusion matrix: true classes down, predicted classes across, shaded by the share of the true class."""
    number = len(classes)
    left, top = 84, 40
    cell = max(7.0, min(86.0, 260 / max(1, number)))
    size = (round(left + cell * number + 6), round(top + cell * number + 6))
    parts = [tag("text", "predicted", class_="label mid", x=left + cell * number / 2, y=12)]
    turned = f"translate(11 {top + cell * number / 2:.0f}) rotate(-90)"
    parts.append(tag("text", "true", class_="label mid", transform=turned))
    letters = max(1, int(cell / 7))
    for row, name in enumerate(classes):
        total = sum(counts[row]) or 1.0
        middle = top + cell * (row + 0.5)
        if cell >= 10:
            parts.append(tag("text", clipped(name, 10), class_="tick end", x=left - 7, y=middle + 3.5))
            at = left + cell * (row + 0.5)
            parts.append(tag("text", clipped(name, letters), class_="tick mid", x=at, y=top - 8))
        for column, predicted in enumerate(classes):
            value = counts[row][column]
            parts.append(_cell((left + cell * column, top + cell * row), cell, value, total, (name, predicted)))
    return svg(title, *parts, size=size, natural=True)


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
    parts.append(tag("polyline", class_="reference", points=_path([(low, low), (high, high)], frame)))
    return svg(title, *parts, size=size)


def sticks(low: float, high: float, value: float, reference: float, baseline: float | None) -> Markup:
    """Draws one row of a dot plot in percent of the row's width: a stick from the reference to the value, and the baseline."""
    scale = Scale(low, high, 2, 98)
    at, base = f"{scale(value):.2f}%", f"{scale(reference):.2f}%"
    parts = [tag("line", class_="reference", x1=base, x2=base, y1=0, y2=24)]
    if baseline is not None:
        parts.append(tag("circle", class_="hollow", cx=f"{scale(baseline):.2f}%", cy=12, r=4))
    parts.append(tag("line", class_="stick", x1=base, x2=at, y1=12, y2=12))
    parts.append(tag("circle", class_="point s0", cx=at, cy=12, r=4.5))
    return tag("svg", *parts, class_="sticks", width="100%", height=24, aria_hidden="true")


def deviation(part: float, *, worse: bool) -> Markup:
    """Draws a bar from the middle: to the right for a positive part (up to 1), to the left for a negative one."""
    width = 50 * min(1.0, abs(part))
    left = 50.0 if part > 0 else 50.0 - width
    bar = tag("rect", class_=f"bar {'s1' if worse else 's0'}", x=f"{left:.1f}%", width=f"{width:.1f}%", height=4)
    middle = tag("line", class_="axis", x1="50%", x2="50%", y1=0, y2=6)
    return tag("svg", bar, middle, class_="cellbar", width="100%", height=6, aria_hidden="true")
