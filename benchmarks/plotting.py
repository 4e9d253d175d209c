"""Pictures of benchmarks as SVGs that a Markdown page shows: pairs of bars, TFX above Stellwerk, and dots of several models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

WIDTH, LEFT, ROW, BAR, TOP = 760, 170, 46, 15, 58
COLOURS = {"TFX": "#b0b7c3", "Stellwerk": "#0b6e54"}
MARKS = {"Stellwerk": "#0b6e54", "linear": "#b0b7c3", "HistGradientBoosting": "#c77d1e", "LightGBM": "#5b6ee1"}


def bars(path: Path, title: str, rows: Sequence[tuple[str, float, float]]) -> None:
    """Writes the picture; `rows` holds name, seconds of TFX, seconds of Stellwerk. The scale is linear."""
    longest = max(max(first, second) for _, first, second in rows)
    scale = (WIDTH - LEFT - 90) / longest
    height = TOP + ROW * len(rows) + 10
    parts = _begun(title, height)
    for number, (engine, colour) in enumerate(COLOURS.items()):
        x = LEFT + 110 * number
        parts.append(f'<rect x="{x}" y="36" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="47" fill="#1f2430">{engine}</text>')
    for number, (name, *seconds) in enumerate(rows):
        y = TOP + ROW * number + 6
        parts.append(f'<text x="{LEFT - 10}" y="{y + BAR + 4}" text-anchor="end" fill="#1f2430">{escape(name)}</text>')
        for place, (value, colour) in enumerate(zip(seconds, COLOURS.values(), strict=True)):
            top, width = y + place * (BAR + 2), max(1.0, value * scale)
            parts.append(f'<rect x="{LEFT}" y="{top}" width="{width:.1f}" height="{BAR}" rx="2" fill="{colour}"/>')
            parts.append(f'<text x="{LEFT + width + 6:.1f}" y="{top + 12}" fill="#1f2430">{value:.1f} s</text>')
    _write(path, parts)


def dots(path: Path, title: str, rows: Sequence[tuple[str, Mapping[str, float]]]) -> None:
    """Writes a dot plot: a line for each of `rows`, a dot for each model at its share of the best, 0.5 to 1."""
    height = TOP + 22 * len(rows) + 34
    across = WIDTH - LEFT - 40
    parts = _begun(title, height)
    for number, (model, colour) in enumerate(MARKS.items()):
        x = 16 + (0, 100, 170, 340)[number]
        parts.append(f'<circle cx="{x + 5}" cy="43" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{x + 16}" y="47" fill="#1f2430">{model}</text>')
    for share in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        x = LEFT + across * (share - 0.5) * 2
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - 26}" stroke="#e3e6eb"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 10}" text-anchor="middle" fill="#5b6472">{share:.0%}</text>')
    for number, (name, shares) in enumerate(rows):
        y = TOP + 22 * number + 12
        parts.append(f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end" fill="#1f2430">{escape(name)}</text>')
        for model in reversed(MARKS):
            x = LEFT + across * (shares[model] - 0.5) * 2
            parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{MARKS[model]}" fill-opacity="0.85"/>')
    _write(path, parts)


def _begun(title: str, height: int) -> list[str]:
    """Returns the beginning of a picture: its frame, and its title above all else."""
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="13" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="24" font-size="15" font-weight="600" fill="#1f2430">{escape(title)}</text>',
    ]


def _write(path: Path, parts: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")
