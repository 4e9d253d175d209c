"""KFP face of the step validate."""

# mypy: disable-error-code="type-arg"

from stellwerk.components.facing import Artifact, Dataset, Input, Output, component


@component
def validate(
    settings: dict,
    target: dict,
    examples: Input[Dataset],
    statistics: Output[Artifact],
    schema: Output[Artifact],
    anomalies: Output[Artifact],
    curated: str = "",
    previous: Input[Artifact] | None = None,
) -> None:
    """Computes statistics and stops the run when the data is not as the schema says.

    Args:
        settings: Section `validate` of the spec.
        target: Section `target` of the spec.
        examples: Rows of each split.
        statistics: TFDV statistics of each split.
        schema: TFDV schema that was used.
        anomalies: What the data does against it.
        curated: Text of the curated schema; without one it is inferred.
        previous: Statistics of the last run that passed, for drift.

    """
    from stellwerk.components.calling import call, written

    call("validate", {**locals(), "curated": written(curated)})
