"""The comparison of two runs as a page that needs nothing else."""

from __future__ import annotations

from markupsafe import Markup

from stellwerk.report.charts import Line, Point, key, line_chart
from stellwerk.report.comparing import Comparison
from stellwerk.report.judging import Curves
from stellwerk.report.page import environment, policy, text_of
from stellwerk.report.reading import History, Missing
from stellwerk.report.training import Chart, epoch_ticks
from stellwerk.report.wording import titled

UNIT = [0.0, 0.25, 0.5, 0.75, 1.0]


def comparison_page(found: Comparison) -> str:
    """Returns the page as HTML."""
    style, script = text_of("page.css"), text_of("page.js")
    return (
        environment()
        .get_template("comparison.html")
        .render(
            found=found,
            policy=policy(style, script),
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            charts=_charts(found),
            chart_key=key((("first", "s1"), ("second", "s0"))),
            sections=[
                ("spec", "Spec", "The specs are the same.", found.spec),
                ("trained", "Trained with", "Both models were trained with the same settings.", found.training),
                ("data", "Data", "Both runs had the same data.", found.data),
                ("software", "Software", "Both runs had the same libraries.", found.software),
            ],
        )
    )


def _charts(found: Comparison) -> list[Chart]:
    """The learning curves, and the curves over the test split, of both."""
    charts = []
    before, after = found.histories.before, found.histories.after
    if not isinstance(before, Missing) and not isinstance(after, Missing):
        charts += _learning(before, after)
    evaluations = (found.runs.before.evaluation, found.runs.after.evaluation)
    curves = [None if isinstance(each, Missing) else each.curves for each in evaluations]
    if curves[0] is not None and curves[1] is not None:
        charts += _of_the_split(curves[0], curves[1])
    return charts


def _learning(before: History, after: History) -> list[Chart]:
    found = []
    of_before = {curve.metric: curve.eval for curve in before.curves}
    for curve in after.curves:
        lines = [_epochs("first", of_before.get(curve.metric, ()), "s1"), _epochs("second", curve.eval, "s0")]
        lines = [line for line in lines if line.points]
        if len(lines) == 2:
            longest = max(len(line.points) for line in lines)
            drawn = line_chart(
                lines,
                title=f"{curve.metric} on the eval split by epoch, both runs",
                labels=("epoch", titled(curve.metric)),
                x_ticks=epoch_ticks(longest),
            )
            found.append(Chart(f"{titled(curve.metric)} while training", drawn, "on the eval split"))
    return found


def _epochs(name: str, values: tuple[float | None, ...], style: str) -> Line:
    points: list[Point] = [(float(epoch), value) for epoch, value in enumerate(values, 1) if value is not None]
    return Line(name, points, style)


def _of_the_split(before: Curves, after: Curves) -> list[Chart]:
    found = []
    for name, title, labels in (
        ("roc", "ROC curve", ("false positive rate", "true positive rate")),
        ("pr", "Precision and recall", ("recall", "precision")),
    ):
        lines = [Line("first", getattr(before, name), "s1"), Line("second", getattr(after, name), "s0")]
        if all(line.points for line in lines):
            drawn = line_chart(lines, title=f"{title} of both runs", labels=labels, x_ticks=UNIT, y_ticks=UNIT)
            found.append(Chart(title, drawn, "on the test split"))
    return found
