"""Draws directed graphs as railway diagrams: stations from left to right (or from top to bottom), tracks between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from stellwerk.report.charts import svg, tag
from stellwerk.report.wording import clipped

ICONS = {
    "done": "M3.5 8.5l3 3 6-7",
    "cached": "M12.5 8a4.5 4.5 0 1 1-1.4-3.3M12.6 2.2v2.9H9.7",
    "refused": "M4 8h8",
    "failed": "M4.5 4.5l7 7M11.5 4.5l-7 7",
    "killed": "M5 5h6v6H5z",
    "skipped": "M5 4l5 4-5 4M11.5 4v8",
    "running": "M8 4v4.2l2.8 1.8",
    "waiting": "M4.5 8h.01M8 8h.01M11.5 8h.01",
}
"""A sign for every status on a 16 by 16 grid, so that none is told by colour alone."""

GAP = 34


@dataclass(frozen=True)
class Node:
    """One station: its name, what is written in it, and the stations before it."""

    name: str
    title: str
    lines: tuple[str, ...]
    after: tuple[str, ...] = ()
    status: str = ""
    tip: str = ""


def icon(status: str, size: int = 16) -> Markup:
    """Returns the sign of a status as a small picture beside text that says the same."""
    drawn = tag("path", d=ICONS[status])
    return tag("svg", drawn, class_=f"icon {status}", viewBox="0 0 16 16", width=size, height=size, aria_hidden="true")


def direct(nodes: Sequence[Node]) -> dict[str, tuple[str, ...]]:
    """Returns each node's predecessors without those that another predecessor already comes after."""
    known = {
        node.name: tuple(name for name in node.after if any(name == other.name for other in nodes)) for node in nodes
    }
    earlier: dict[str, set[str]] = {}

    def before(name: str) -> set[str]:
        if name not in earlier:
            earlier[name] = set()
            earlier[name] = {found for parent in known[name] for found in (parent, *before(parent))}
        return earlier[name]

    return {
        name: tuple(one for one in parents if not any(one in before(other) for other in parents if other != one))
        for name, parents in known.items()
    }


def places(nodes: Sequence[Node]) -> dict[str, tuple[int, int]]:
    """Returns (column, row) of each node: columns by the longest path to it, rows so that no track crosses a station."""
    parents = direct(nodes)
    columns: dict[str, int] = {}

    def column(name: str) -> int:
        if name not in columns:
            columns[name] = 0
            columns[name] = max((column(parent) + 1 for parent in parents[name]), default=0)
        return columns[name]

    taken: set[tuple[int, int]] = set()
    found: dict[str, tuple[int, int]] = {}
    for node in sorted(nodes, key=lambda node: column(node.name)):
        at = column(node.name)
        start = min((columns[parent] + 1 for parent in parents[node.name]), default=at)
        row = min((found[parent][1] for parent in parents[node.name] if parent in found), default=0)
        while any((between, row) in taken for between in range(start, at + 1)):
            row += 1
        taken.update((between, row) for between in range(start, at + 1))
        found[node.name] = (at, row)
    return found


def diagram(nodes: Sequence[Node], *, title: str, box: tuple[int, int] = (136, 74)) -> Markup:
    """Draws the graph twice, for wide and for narrow pages; the style sheet shows one of them."""
    wide, narrow = _draw(nodes, title, box, down=False), _draw(nodes, title, box, down=True)
    return tag("div", tag("div", wide, class_="wide"), tag("div", narrow, class_="narrow"), class_="diagram")


def _draw(nodes: Sequence[Node], title: str, box: tuple[int, int], *, down: bool) -> Markup:
    at = places(nodes)
    width, height = box
    column_step, row_step = (height + GAP, width + 16) if down else (width + GAP, height + 16)
    columns = 1 + max((column for column, _ in at.values()), default=0)
    rows = 1 + max((row for _, row in at.values()), default=0)

    def corner(name: str) -> tuple[float, float]:
        column, row = at[name]
        along, across = 2.0 + column * column_step, 2.0 + row * row_step
        return (across, along) if down else (along, across)

    tracks = [
        _track(corner(parent), corner(name), box, down=down)
        for name, parents in direct(nodes).items()
        for parent in parents
    ]
    stations = [_station(node, corner(node.name), box) for node in nodes]
    along, across = columns * column_step - GAP + 4, rows * row_step - 16 + 4
    size = (across, along) if down else (along, across)
    return svg(title, *tracks, *stations, size=size, class_="graph", natural=True)


def _track(start: tuple[float, float], end: tuple[float, float], box: tuple[int, int], *, down: bool) -> Markup:
    width, height = box
    if down:
        x1, y1, x2, y2 = start[0] + width / 2, start[1] + height, end[0] + width / 2, end[1]
        turn = y1 + GAP
        path = f"M{x1} {y1}C{x1} {turn} {x2} {y1} {x2} {turn}V{y2 - 5}"
        head = f"M{x2 - 4} {y2 - 7}L{x2} {y2 - 2}L{x2 + 4} {y2 - 7}"
    else:
        x1, y1, x2, y2 = start[0] + width, start[1] + height / 2, end[0], end[1] + height / 2
        turn = x1 + GAP
        path = f"M{x1} {y1}C{turn} {y1} {x1} {y2} {turn} {y2}H{x2 - 5}"
        head = f"M{x2 - 7} {y2 - 4}L{x2 - 2} {y2}L{x2 - 7} {y2 + 4}"
    straight = (x1 == x2) if down else (y1 == y2)
    if straight:
        path = f"M{x1} {y1}L{x2 - (0 if down else 3)} {y2 - (3 if down else 0)}"
    return tag("g", tag("path", d=path), tag("path", d=head), class_="track")


def _station(node: Node, corner: tuple[float, float], box: tuple[int, int]) -> Markup:
    x, y = corner
    width, height = box
    parts = [tag("title", node.tip or node.title)]
    parts.append(tag("rect", class_="box", x=x, y=y, width=width, height=height, rx=9))
    left = x + 13
    if node.status:
        sign = tag("path", d=ICONS[node.status], transform="translate(-8 -8)")
        disc = tag("circle", r=9.5)
        parts.append(tag("g", disc, sign, class_="signal", transform=f"translate({x + 20} {y + 22})"))
        left = x + 37
    limit = int((width - (left - x) - 6) / 7.4)
    parts.append(tag("text", clipped(node.title, limit), class_="title", x=left, y=y + 26.5))
    for index, line in enumerate(node.lines):
        text = clipped(line, int((width - 20) / 6.2))
        parts.append(
            tag("text", text, class_="line-of-text" + (" first" if index == 0 else ""), x=x + 13, y=y + 47 + 16 * index)
        )
    return tag("g", *parts, class_=f"station {node.status}")
