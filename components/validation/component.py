"""KFP face of the step validate."""

# mypy: disable-error-code="type-arg, assignment"

from typing import Optional

from stellwerk.components.face import HTML, Artifact, Dataset, Input, Output, component


@component
def validate(
    settings: dict,
    target: dict,
    validation: Output[Artifact],
    validation_page: Output[HTML],
    examples: Input[Dataset] = None,
    examples_uri: str = "",
    curated: str = "",
    previous: Input[Artifact] = None,
    previous_uri: str = "",
    stop: bool = True,
    beam: Optional[dict] = None,
    named: Optional[list] = None,
) -> None:
    """Computes statistics and stops the run when the data is not as the schema says.

    Args:
        settings: Section `validate` of the spec.
        target: Section `target` of the spec.
        examples: Rows of each split.
        examples_uri: Or their URI, to read in place.
        validation: TFDV `statistics` of each split, the `schema` that was used, and the `anomalies` of the data against it.
        validation_page: Every anomaly and every column, for the dashboard.
        curated: Text of the curated schema; without one it is inferred.
        previous: What validate found in the last run that passed, for drift.
        previous_uri: Or where its statistics lie, as `resolve` found them.
        stop: Whether anomalies fail this step; else who takes `validation` has to.
        beam: Section `beam` of the spec, to count on Beam's workers.
        named: All columns that the spec names: an inferred schema lets the others have any value.

    """
    from stellwerk.components.admission import refusals
    from stellwerk.components.calling import call, written
    from stellwerk.components.dashboard import show
    from stellwerk.components.parts import opened, part

    given = opened({**locals(), "curated": written(curated), "previous": part(previous, "statistics")})
    with refusals(stop=stop):
        call("validate", given)
    show("validate", given)
