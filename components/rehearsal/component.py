"""KFP face of the step rehearse."""

# mypy: disable-error-code="type-arg, assignment"

from stellwerk.components.face import (
    HTML,
    Artifact,
    Dataset,
    Input,
    Metrics,
    Model,
    Output,
    component,
)


@component
def rehearse(
    settings: dict,
    model: Input[Model],
    blessing: Input[Artifact],
    rehearsal: Output[Metrics],
    rehearsal_page: Output[HTML],
    examples: Input[Dataset] = None,
    examples_uri: str = "",
) -> bool:
    """Starts a server on the model, asks it real examples, and says whether it serves within its resources.

    Args:
        settings: Section `push.rehearse` of the spec.
        examples: Rows of each split.
        examples_uri: Or their URI, to read in place.
        model: SavedModel to serve.
        blessing: Whether the model is good enough; one that is not is not rehearsed.
        rehearsal: Which requirement is met, and which is not; what was measured is its metadata.
        rehearsal_page: Both, and how it scales, for the dashboard.

    Returns:
        Whether every requirement is met, for conditions.

    """
    from stellwerk.components.calling import call
    from stellwerk.components.dashboard import show
    from stellwerk.components.decisions import answer

    call("rehearse", locals())
    show("rehearse", locals())
    return answer(f"{rehearsal.path}/rehearsal.json", "passed")
