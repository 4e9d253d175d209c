"""KFP face of the step ingest."""

# mypy: disable-error-code="type-arg"

from typing import Optional

from stellwerk.components.facing import Dataset, Output, component


@component
def ingest(
    data: dict,
    directory: str,
    numbers: list,
    target: dict,
    examples: Output[Dataset],
    sources: Optional[dict] = None,
) -> None:
    """Reads sources, joins and splits them.

    Args:
        data: Section `data` of the spec.
        directory: Folder where the relative paths in `data` start.
        numbers: Columns that are needed as numbers.
        target: Section `target` of the spec.
        examples: Rows of each split as Parquet, with a manifest.
        sources: Takes the place of `sources` in `data`.

    """
    from stellwerk.components.calling import call

    call("ingest", locals())
