"""KFP face of the step convert."""

# mypy: disable-error-code="type-arg, assignment"

from stellwerk.components.face import Dataset, Input, Model, Output, component


@component
def convert(
    formats: list,
    model: Input[Model],
    converted: Output[Model],
    transformed: Input[Dataset] = None,
    transformed_uri: str = "",
) -> None:
    """Copies a model and adds variants of it for other runtimes.

    Args:
        formats: Names of the formats, as in `push.formats`.
        model: SavedModel to convert.
        transformed: Rows of each split after the transform, for calibration.
        transformed_uri: Or their URI, to read in place.
        converted: The same SavedModel with `variants/<format>/` in it.

    """
    from stellwerk.components.calling import call

    call("convert", locals())
