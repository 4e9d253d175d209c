"""The training section: one chart for each quantity over the epochs, train beside eval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from stellwerk.report.charts import Line, Point, key, line_chart, nice_ticks
from stellwerk.report.gathering import Report
from stellwerk.report.reading import Curve, History, Missing, Mixture
from stellwerk.report.wording import count, duration, measure, several, share, titled

MARKED_EPOCHS = 40
"""Up to so many epochs every one has a mark."""


@dataclass(frozen=True)
class Chart:
    """One picture with what stands above and below it."""

    title: str
    drawn: Markup
    note: str = ""


def training_section(report: Report) -> dict[str, Any]:
    """Returns what the training template needs."""
    history = report.history
    if isinstance(history, Missing):
        return {"curves": [], "training_key": "", "training_story": ""}
    return {
        "curves": [_chart(curve, history.best_epoch) for curve in history.curves if curve.train],
        "training_key": key((("train", "s0"), ("eval", "s1"))),
        "training_story": story(history),
    }


def story(history: History) -> str:
    """Returns how training went, in a few sentences."""
    told = several(history.epochs, "epoch")
    if history.seconds is not None:
        told += f" in {duration(history.seconds)}"
    if history.rows_per_second is not None:
        told += f", {count(history.rows_per_second)} rows a second"
    if history.parameters is not None:
        told += f", {several(history.parameters, 'parameter')}"
    sentences = [told + "."]
    if history.stopped_early:
        sentences.append("Stopped early: the loss on the eval split no longer fell.")
    if history.best_epoch:
        sentences.append(f"The ringed epoch, {history.best_epoch}, had the lowest loss on the eval split.")
    if history.mixed is not None:
        sentences.append(_mixture(history.mixed))
    if history.best_epoch == history.epochs > 1 and not history.stopped_early:
        sentences.append("It was the last one: the loss still fell, so more epochs may be worth a try.")
    if history.resumed_from_epoch:
        sentences.append(f"Resumed after epoch {history.resumed_from_epoch} of an interrupted run.")
    return " ".join(sentences)


def _mixture(mixed: Mixture) -> str:
    loss = f": the loss on the eval split is {measure(mixed.measures['loss'])}" if "loss" in mixed.measures else ""
    if mixed.linear_share == 1:
        return f"On the eval split the linear baseline was better, alone and in any mixture, so it is what is exported{loss}."
    return (
        f"It is exported mixed with the linear baseline, which has {share(mixed.linear_share)} of each score, as that was better on "
        f"the eval split{loss}."
    )


def _chart(curve: Curve, best_epoch: int | None) -> Chart:
    lines = [_line("train", curve.train, "s0"), _line("eval", curve.eval, "s1")]
    best = curve.eval[best_epoch - 1] if best_epoch and len(curve.eval) >= best_epoch else None
    drawn = line_chart(
        [line for line in lines if line.points],
        title=f"{curve.metric} by epoch, train and eval",
        labels=("epoch", titled(curve.metric)),
        x_ticks=epoch_ticks(len(curve.train)),
        ring=(float(best_epoch), best) if best_epoch and best is not None else None,
    )
    return Chart(titled(curve.metric), drawn, _last(curve))


def _line(name: str, values: tuple[float | None, ...], style: str) -> Line:
    points: list[Point] = [
        (float(epoch), value) for epoch, value in enumerate(values, 1) if value is not None and math.isfinite(value)
    ]
    return Line(name, points, style, marks=len(values) <= MARKED_EPOCHS)


def epoch_ticks(epochs: int) -> list[float]:
    """Whole epochs from the first to the last, without one that would touch the last."""
    last = float(max(2, epochs))
    inner = [value for value in nice_ticks(1, last, 6) if 1 < value < last and value.is_integer()]
    return [1.0, *(value for value in inner if last - value >= (last - 1) / 10 and value - 1 >= (last - 1) / 12), last]


def _last(curve: Curve) -> str:
    """The values after the last epoch."""
    ends = [(name, values[-1]) for name, values in (("train", curve.train), ("eval", curve.eval)) if values]
    return ", ".join(f"{name} {measure(value)}" for name, value in ends)
