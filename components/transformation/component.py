"""KFP face of the step transform."""

# mypy: disable-error-code="type-arg, assignment"

from typing import Optional

from stellwerk.components.face import Artifact, Dataset, Input, Output, component


@component
def transform(
    features: dict,
    target: dict,
    hooks: dict,
    validation: Input[Artifact],
    transform_graph: Output[Artifact],
    transformed: Output[Dataset],
    examples: Input[Dataset] = None,
    examples_uri: str = "",
    stop: bool = False,
    beam: Optional[dict] = None,
) -> str:
    """Turns columns into what a network can learn from.

    Args:
        features: Section `features` of the spec.
        target: Section `target` of the spec.
        hooks: Source texts of hook files by path.
        examples: Rows of each split.
        examples_uri: Or their URI, to read in place.
        validation: What validate found: the TFDV schema of the rows, and their anomalies.
        transform_graph: TFT's graph, which is put inside the model too.
        transformed: Rows of each split after the transform.
        stop: Whether anomalies fail this step.
        beam: Section `beam` of the spec, to read the rows on Beam's workers.

    Returns:
        URI of `transformed`.

    """
    from stellwerk.components.admission import admit
    from stellwerk.components.calling import call
    from stellwerk.components.parts import opened

    given = opened(locals())
    if stop:
        admit(given["anomalies"])
    call("transform", given)
    return str(transformed.uri)
