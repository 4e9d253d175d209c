"""KFP face of the step train."""

# mypy: disable-error-code="type-arg"

from stellwerk.components.facing import Artifact, Dataset, Input, Model, Output, component


@component
def train(
    architecture: dict,
    training: dict,
    target: dict,
    hooks: dict,
    transformed: Input[Dataset],
    transform_graph: Input[Artifact],
    model: Output[Model],
    history: Output[Artifact],
) -> None:
    """Trains a Keras model and exports it with the transform inside.

    Args:
        architecture: Section `model` of the spec.
        training: Section `train` of the spec.
        target: Section `target` of the spec.
        hooks: Source texts of hook files by path.
        transformed: Rows of each split after the transform.
        transform_graph: TFT's graph.
        model: SavedModel that takes raw columns.
        history: Losses and metrics of every epoch.

    """
    from stellwerk.components.calling import call

    call("train", locals())
