"""KFP face of the step push."""

# mypy: disable-error-code="type-arg, assignment"

from typing import Optional

from stellwerk.components.face import Artifact, Input, Model, Output, component


@component
def push(
    name: str,
    push_to: dict,
    directory: str,
    model: Input[Model],
    evaluation: Input[Artifact],
    blessing: Input[Artifact],
    context: dict,
    pushed_model: Output[Model],
    run: str = "",
    rehearsal: Input[Artifact] = None,
    validation: Input[Artifact] = None,
    resolved: Optional[dict] = None,
    to: Optional[str] = None,
) -> None:
    """Copies a blessed model to the next version of its folder.

    Args:
        name: Name of the served model.
        push_to: Section `push` of the spec.
        directory: Folder where a relative `push_to` starts.
        model: SavedModel to push.
        evaluation: Its metrics.
        blessing: Whether it is good enough; fails when it is not.
        context: What made the model, for `provenance.json`.
        pushed_model: Where the model is now.
        run: Id of the run, for `provenance.json`.
        rehearsal: Whether it serves within its resources; fails when it does not.
        validation: What validate found: the statistics go along, for the drift of later runs.
        resolved: What `resolve` says of data and training, for later runs.
        to: Takes the place of `to` in `push_to`.

    """
    from stellwerk.components.calling import call
    from stellwerk.components.parts import opened

    call("push", opened({**locals(), "context": {**context, "run": run}}))
