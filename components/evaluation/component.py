"""KFP face of the step evaluate."""

# mypy: disable-error-code="type-arg"

from stellwerk.components.facing import Artifact, Dataset, Input, Model, Output, component


@component
def evaluate(
    settings: dict,
    target: dict,
    hooks: dict,
    examples: Input[Dataset],
    model: Input[Model],
    evaluation: Output[Artifact],
    blessing: Output[Artifact],
    baseline: Input[Model] | None = None,
) -> bool:
    """Measures the exported model on the test split and says whether it is good enough.

    Args:
        settings: Section `evaluate` of the spec.
        target: Section `target` of the spec.
        hooks: Source texts of hook files by path.
        examples: Rows of each split.
        model: SavedModel to measure.
        evaluation: Metrics of every slice, as TFMA reads them.
        blessing: Whether every requirement is met, and which is not.
        baseline: The last blessed model, for `min_gain`.

    Returns:
        Whether every requirement is met, for conditions.

    """
    from stellwerk.components.answering import answer
    from stellwerk.components.calling import call

    call("evaluate", locals())
    return answer(f"{blessing.path}/blessing.json", "blessed")
