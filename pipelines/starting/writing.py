"""Writes the spec, with comments that say why it is as it is and what could be changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stellwerk.components.ingestion import engine
from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey
from stellwerk.kinds import KINDS
from stellwerk.kinds.base import Keys
from stellwerk.kinds.choosing import Choice
from stellwerk.pipelines.starting.series import Frame
from stellwerk.pipelines.starting.source import Opened
from stellwerk.pipelines.starting.target import Guess
from stellwerk.pipelines.starting.yaml_text import comment, flow, scalar
from stellwerk.tables.formats import FORMATS
from stellwerk.tasks import TASKS, about
from stellwerk.tasks.parts import StartPart

SMALL, TINY = 2_000, 200
"""With fewer rows more of them are kept for the tests: a tenth of 500 says little."""
FEWEST_OF_A_CLASS = 10
_WIDEST = 60
_MISSING_TARGETS = 0.05
_SLICES = 2
MOST_SERIES = 8
"""So many series are measured each on its own."""


@dataclass(frozen=True)
class Plan:
    """All that a spec is made of."""

    name: str
    data: Opened
    target: Guess
    choices: Sequence[Choice]
    key: ColumnSurvey | None
    frame: Frame | None = None
    """How rows become windows, of a target that is a list."""

    @property
    def survey(self) -> Survey:
        """What is in the data."""
        return self.data.survey

    @property
    def task(self) -> StartPart:
        """What is asked of a column by the target's task."""
        part: StartPart = TASKS.part(self.target.task, "start")
        return part


def written(plan: Plan) -> str:
    """Returns the spec as YAML."""
    parts = [_head(plan), _data(plan), _features(plan), _target(plan), _training(), _evaluate(plan), _push()]
    return "\n".join(line for part in parts for line in part) + "\n"


def pipeline_name(source: str) -> str:
    """Returns the name of the pipeline for a source's: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", source.lower()).strip("-")[:50].strip("-") or "data"


def _head(plan: Plan) -> Iterator[str]:
    survey = plan.survey
    many = f"{survey.rows:,} rows, {len(survey.columns)} columns"
    looked = many if survey.whole else f"the first {many}"
    yield f"# Written by `stellwerk init` after a look at {looked}. Every line may be changed;"
    yield "# `stellwerk check` says what does not fit, docs/spec.md has every key."
    yield f"name: {plan.name}"


def _data(plan: Plan) -> Iterator[str]:
    yield "data:"
    source = plan.data.source
    keys = {key: getattr(source, key) for key in SOURCE_KEYS if source.changed(key)}
    yield f"  sources: {{{plan.data.name}: {flow({'path': source.path, **keys}) if keys else flow(source.path)}}}"
    if plan.frame is not None:
        yield from _windows(plan.data.name, plan.frame, plan.survey.column(plan.frame.order))
        return
    yield from _query(plan)
    yield from _split(plan)


def _windows(table: str, frame: Frame, order: ColumnSurvey) -> Iterator[str]:
    if frame.moments:
        yield f"  query: {scalar(f'SELECT * REPLACE ({frame.moments} AS {order.quoted}) FROM {table}')}"
    of = (
        f"{frame.series:,} series of about {frame.length:,} rows"
        if frame.series > 1
        else f"a series of {frame.length:,} rows"
    )
    gaps = {
        "drop": "windows with a gap are left out",
        "last": "the last value stands for one that is missing",
        "ignore": "rows follow one another whatever time lies between",
    }
    yield f"  # {comment(f'{of}, a step is {frame.words}. From the last {frame.past:,} steps the next {frame.future:,}; {gaps[frame.gaps]}.')}"
    yield f"  windows: {flow(frame.windows)}"
    yield "  # Learned from what was first, tested on what came last; no window lies across a cut."
    yield f"  split: {flow({'by': 'time', 'column': frame.order, 'train': 0.7, 'eval': 0.15, 'test': 0.15})}"
    yield "# A trend is no anomaly: what comes later may lie outside of what was seen."
    yield "validate: {on_anomaly: warn}"


SOURCE_KEYS = ("format", *FORMATS["csv"].keys)


def _query(plan: Plan) -> Iterator[str]:
    column = plan.survey.column(plan.target.column)
    quoted = column.quoted
    replaced = [choice.sql for choice in plan.choices if choice.sql and choice.taken]
    wheres = []
    notes = []
    missing = plan.survey.rows - column.filled
    if missing > _MISSING_TARGETS * plan.survey.rows:
        wheres.append(f"{quoted} IS NOT NULL")
        notes.append(f"{missing:,} rows have no target: nothing can be learned from them")
    rare = _rare_classes(plan)
    if rare:
        listed = ", ".join(engine.text(str(value)) for value in rare)
        wheres.append(f"{quoted}::VARCHAR NOT IN ({listed})")
        notes.append(f"classes with fewer than {FEWEST_OF_A_CLASS} rows are left out: too few to learn and to test")
    begun = FORMATS[plan.survey.format].begun_with.format(plan.data.name)
    if not replaced and not wheres:
        if begun:
            yield "  # A row a picture. A table that names files joins it by `file`: docs/guides/pictures.md"
            yield f"  query: {scalar(begun)}"
        return
    chosen = f"* REPLACE ({', '.join(replaced)})" if replaced else "*"
    where = f" WHERE {' AND '.join(wheres)}" if wheres else ""
    yield from (f"  # {comment(note)}" for note in notes)
    table = f"({begun})" if begun else plan.data.name
    yield f"  query: {scalar(f'SELECT {chosen} FROM {table}{where}')}"


def _rare_classes(plan: Plan) -> list[object]:
    if not about(plan.target.task).has_classes:
        return []
    counted = plan.survey.common(plan.target.column, 1_000)
    rare = [value for value, count in counted if count < FEWEST_OF_A_CLASS]
    return rare if len(counted) - len(rare) >= 2 else []


def _split(plan: Plan) -> Iterator[str]:
    shares = {"train": 0.8, "eval": 0.1, "test": 0.1}
    if plan.survey.rows < SMALL:
        shares = {"train": 0.7, "eval": 0.15, "test": 0.15}
    if plan.survey.rows < TINY:
        shares = {"train": 0.6, "eval": 0.2, "test": 0.2}
    split: dict[str, object] = {"by": "hash", **shares}
    if plan.survey.media:
        split = {"by": "hash", "key": list(plan.survey.media), **shares}
        yield "  # Equal pictures go to one split. Where several are of one thing (a patient, a day), name its column instead."
    elif plan.key is not None:
        split = {"by": "hash", "key": [plan.key.name], **shares}
        yield f"  # All rows of one {comment(plan.key.name)} go to one split: {plan.key.distinct:,} different ones in {plan.survey.rows:,} rows."
    else:
        one_thing = "Where several rows are of one thing (a customer, a machine), name its column"
        if about(plan.target.task).has_classes:
            split["stratify"] = plan.target.column
            yield f"  # Each split has its share of every class. {one_thing} instead: key: [...]"
        else:
            yield f"  # Equal rows go to one split. {one_thing}: key: [...]"
    yield f"  split: {flow(split)}"
    times = [
        choice.column for choice in plan.choices if choice.taken and plan.survey.column(choice.column).kind == "time"
    ]
    if times:
        yield "  # To test on what came last, as in use, rather than on rows of the same days:"
        yield f"  # split: {flow({'by': 'time', 'column': times[0], **shares})}"


def _features(plan: Plan) -> Iterator[str]:
    yield ""
    yield "# What the model sees. Other types: text, cross, custom (your own function)."
    yield "features:"
    taken = [choice for choice in plan.choices if choice.taken]
    width = min(_WIDEST, max((len(_line(choice)) for choice in taken), default=0))
    for choice in taken:
        yield f"{_line(choice):<{width}}  # {comment(choice.why)}"
    out = [choice for choice in plan.choices if not choice.taken]
    if out:
        yield "# Left out:"
    for choice in out:
        line = _line(choice) if choice.settings else f"  {scalar(choice.column)}"
        yield f"# {line}  # {comment(choice.why)}"


def _line(choice: Choice) -> str:
    return f"  {scalar(choice.column)}: {flow(choice.settings)}"


def _target(plan: Plan) -> Iterator[str]:
    target, column = plan.target, plan.survey.column(plan.target.column)
    settings = {"column": target.column, "type": target.task}
    if target.positive is not None:
        settings["positive"] = target.positive
    yield ""
    yield f"# What it predicts: {comment(plan.task.described(plan.survey, column))}"
    yield f"target: {flow(settings)}"


def _training() -> Iterator[str]:
    yield ""
    yield "# Network and training follow from the data. To choose for yourself:"
    yield "# model: {type: dense, hidden: [128, 64], dropout: 0.1}"
    yield "# train: {epochs: 20, batch_size: 256, early_stopping: 3}"


def _evaluate(plan: Plan) -> Iterator[str]:
    slices = _slices(plan)
    yield ""
    yield "# What must hold before the model is pushed. min_gain compares with the last one that was."
    if slices:
        fewest = 20 if plan.survey.rows >= SMALL else 5
        yield "evaluate:"
        yield f"  slices: {flow([[name] for name in slices])}  # is it as good for each of these?"
        yield f"  min_slice_size: {fewest}"
        yield f"  # require: {{{plan.task.GATE}}}"
    else:
        yield f"# evaluate: {{require: {{{plan.task.GATE}}}}}"


def _slices(plan: Plan) -> list[str]:
    """Returns columns with a few values that are all frequent enough to be measured on their own."""
    found: list[str] = []
    if plan.frame is not None:
        return list(plan.frame.key) if 1 < plan.frame.series <= MOST_SERIES else []
    for choice in plan.choices:
        column = plan.survey.column(choice.column)
        if not choice.taken or not _groups(choice) or not 2 <= column.distinct <= 8:
            continue
        fewest = min(count for _, count in plan.survey.common(column.name, 8))
        if fewest >= max(30, 0.05 * plan.survey.rows) and column.kind != "number":
            found.append(column.name)
    return found[:_SLICES]


def _groups(choice: Choice) -> bool:
    keys: type[Keys] = KINDS.part(choice.settings["type"], "keys").KEYS
    return keys.GROUPS


def _push() -> Iterator[str]:
    yield ""
    yield "# Where it goes: models/<name>/<version>, as TensorFlow Serving takes it."
    yield "push: {to: models}"
