"""KFP face of the step validate."""

# mypy: disable-error-code="type-arg"

from typing import Optional

from stellwerk.components.facing import HTML, Artifact, Dataset, Input, Markdown, Output, component


@component
def validate(
    settings: dict,
    target: dict,
    statistics: Output[Artifact],
    schema: Output[Artifact],
    anomalies: Output[Artifact],
    verdict: Output[Markdown],
    page: Output[HTML],
    examples: Input[Dataset] | None = None,
    examples_uri: str = "",
    curated: str = "",
    previous: Input[Artifact] | None = None,
    stop: bool = True,
    name: str = "",
    directory: str = "",
    pushed_to: Optional[str] = None,
    beam: Optional[dict] = None,
) -> None:
    """Computes statistics and stops the run when the data is not as the schema says.

    Args:
        settings: Section `validate` of the spec.
        target: Section `target` of the spec.
        examples: Rows of each split.
        examples_uri: Or their URI, to read in place.
        statistics: TFDV statistics of each split.
        schema: TFDV schema that was used.
        anomalies: What the data does against it.
        verdict: The same for the dashboard.
        page: Every column and every anomaly, for the dashboard.
        curated: Text of the curated schema; without one it is inferred.
        previous: Statistics of the last run that passed, for drift.
        stop: Whether anomalies fail this step; else who takes `anomalies` has to.
        name: Name of the served model, with `pushed_to`.
        directory: Folder where a relative `pushed_to` starts.
        pushed_to: Where models are pushed: `previous` is found there, of the newest version that other data made.
        beam: Section `beam` of the spec, to count on Beam's workers.

    """
    from stellwerk.components.admission import refusals
    from stellwerk.components.calling import call, written
    from stellwerk.components.dashboard import show

    with refusals(stop=stop):
        call("validate", {**locals(), "curated": written(curated)})
    show("validate", locals())
