"""KFP face of the step ingest."""

# mypy: disable-error-code="type-arg"

from typing import Optional

from stellwerk.components.face import HTML, Dataset, Output, component


@component
def ingest(
    data: dict,
    directory: str,
    numbers: list,
    target: dict,
    examples: Output[Dataset],
    ingest_page: Output[HTML],
    sources: Optional[dict] = None,
    identity: Optional[dict] = None,
    codes: Optional[list] = None,
    named: Optional[list] = None,
) -> str:
    """Reads sources, joins and splits them.

    Args:
        data: Section `data` of the spec.
        directory: Folder where the relative paths in `data` start.
        numbers: Columns that are needed as numbers.
        target: Section `target` of the spec.
        examples: Rows of each split as Parquet, with a manifest.
        ingest_page: Where they came from, and what was set aside, for the dashboard.
        sources: Takes the place of `sources` in `data`.
        identity: What `resolve` found the sources to be; fails where they are no more.
        codes: Columns whose numbers must be whole.
        named: All columns that the spec names; the others stop nothing.

    Returns:
        URI of `examples`.

    """
    from stellwerk.components.calling import call
    from stellwerk.components.dashboard import show

    call("ingest", locals())
    show("ingest", locals())
    return str(examples.uri)
