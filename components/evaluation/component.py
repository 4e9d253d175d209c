"""KFP face of the step evaluate."""

# mypy: disable-error-code="type-arg"

from typing import Optional

from stellwerk.components.facing import (
    HTML,
    Artifact,
    ClassificationMetrics,
    Dataset,
    Input,
    Markdown,
    Metrics,
    Model,
    Output,
    component,
)


@component
def evaluate(
    settings: dict,
    target: dict,
    hooks: dict,
    model: Input[Model],
    evaluation: Output[Artifact],
    blessing: Output[Artifact],
    metrics: Output[Metrics],
    classification: Output[ClassificationMetrics],
    verdict: Output[Markdown],
    page: Output[HTML],
    examples: Input[Dataset] | None = None,
    examples_uri: str = "",
    baseline: Input[Model] | None = None,
    name: str = "",
    directory: str = "",
    pushed_to: Optional[str] = None,
    beam: Optional[dict] = None,
) -> bool:
    """Measures the exported model on the test split and says whether it is good enough.

    Args:
        settings: Section `evaluate` of the spec.
        target: Section `target` of the spec.
        hooks: Source texts of hook files by path.
        examples: Rows of each split.
        examples_uri: Or their URI, to read in place.
        model: SavedModel to measure.
        evaluation: Metrics of every slice, as TFMA reads them.
        blessing: Whether every requirement is met, and which is not.
        metrics: Those of the whole test split, for the dashboard.
        classification: ROC curve and confusion matrix, for the dashboard.
        verdict: Which requirement is met, for the dashboard.
        page: Metrics of every slice, for the dashboard.
        baseline: The last blessed model, for `min_gain`.
        name: Name of the served model, with `pushed_to`.
        directory: Folder where a relative `pushed_to` starts.
        pushed_to: Where models are pushed: `baseline` is found there, the newest version that is another model.
        beam: Section `beam` of the spec, to ask the model on Beam's workers.

    Returns:
        Whether every requirement is met, for conditions.

    """
    from stellwerk.components.answering import answer
    from stellwerk.components.calling import call
    from stellwerk.components.dashboard import show

    call("evaluate", locals())
    show("evaluate", locals())
    return answer(f"{blessing.path}/blessing.json", "blessed")
