"""KFP face of the step train."""

# mypy: disable-error-code="type-arg, assignment"

from typing import Optional

from stellwerk.components.face import HTML, Artifact, Dataset, Input, Metrics, Model, Output, component


@component
def train(
    architecture: dict,
    training: dict,
    target: dict,
    hooks: dict,
    transform_graph: Input[Artifact],
    model: Output[Model],
    history: Output[Metrics],
    training_page: Output[HTML],
    transformed: Input[Dataset] = None,
    transformed_uri: str = "",
    directory: str = "",
    encoding: dict = {},  # noqa: B006 - what KFP writes into the definition
    epochs: Optional[int] = None,
    batch_size: Optional[int] = None,
    learning_rate: Optional[float] = None,
) -> None:
    """Trains a Keras model and exports it with the transform inside.

    Args:
        architecture: Section `model` of the spec.
        encoding: Encoders of features by their names, as `{review: {encoder: {type: lstm}}}`; those without one are taken as their forms are.
        directory: Folder where relative paths of weights start.
        training: Section `train` of the spec.
        target: Section `target` of the spec.
        hooks: Source texts of hook files by path.
        transformed: Rows of each split after the transform.
        transformed_uri: Or their URI, to read in place.
        transform_graph: TFT's graph.
        model: SavedModel that takes raw columns.
        history: Losses and metrics of every epoch; those of the exported one are its metadata.
        training_page: Their curves, for the dashboard.
        epochs: Takes the place of `epochs` in `training`.
        batch_size: Takes the place of `batch_size` in `training`.
        learning_rate: Takes the place of `optimizer.learning_rate` in `training`.

    """
    from stellwerk.components.calling import call
    from stellwerk.components.dashboard import show

    call("train", locals())
    show("train", locals())
