"""KFP face of the step ingest."""

# mypy: disable-error-code="type-arg"

from stellwerk.components.facing import Dataset, Output, component


@component
def ingest(data: dict, directory: str, numbers: list, target: dict, examples: Output[Dataset]) -> None:
    """Reads sources, joins and splits them.

    Args:
        data: Section `data` of the spec.
        directory: Folder where the relative paths in `data` start.
        numbers: Columns that are needed as numbers.
        target: Section `target` of the spec.
        examples: Rows of each split as Parquet, with a manifest.

    """
    from stellwerk.components.calling import call

    call("ingest", locals())
