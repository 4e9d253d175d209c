"""KFP face of the step evaluate."""

# mypy: disable-error-code="type-arg, assignment"

from typing import Optional

from stellwerk.components.face import (
    HTML,
    ClassificationMetrics,
    Dataset,
    Input,
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
    evaluation: Output[ClassificationMetrics],
    blessing: Output[Metrics],
    evaluation_page: Output[HTML],
    examples: Input[Dataset] = None,
    examples_uri: str = "",
    baseline: Input[Model] = None,
    baseline_uri: str = "",
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
        evaluation: Metrics of every slice, as TFMA reads them; ROC curve and confusion matrix are its metadata.
        blessing: Whether every requirement is met, and which is not; the metrics of the whole test split are its metadata.
        evaluation_page: Requirements, curves and slices, for the dashboard.
        baseline: The last blessed model, for `min_gain`.
        baseline_uri: Or where it lies, as `resolve` found it.
        beam: Section `beam` of the spec, to ask the model on Beam's workers.

    Returns:
        Whether every requirement is met, for conditions.

    """
    from stellwerk.components.calling import call
    from stellwerk.components.dashboard import show
    from stellwerk.components.decisions import answer

    call("evaluate", locals())
    show("evaluate", locals())
    return answer(f"{blessing.path}/blessing.json", "blessed")
