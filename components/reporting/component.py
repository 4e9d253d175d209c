"""KFP face of the step report."""

# mypy: disable-error-code="type-arg"

from stellwerk.components.facing import HTML, Artifact, Input, Model, Output, component


@component
def report(
    context: dict,
    spec: str,
    manifest: Input[Artifact],
    statistics: Input[Artifact],
    anomalies: Input[Artifact],
    history: Input[Artifact],
    model: Input[Model],
    evaluation: Input[Artifact],
    blessing: Input[Artifact],
    page: Output[HTML],
    run: str = "",
    rehearsal: Input[Artifact] | None = None,
) -> None:
    """Writes one page about the whole run.

    Args:
        context: Name of the pipeline, and of the file of its spec.
        spec: Text of the spec.
        manifest: Where the rows came from.
        statistics: TFDV statistics of each split.
        anomalies: What the data does against the schema.
        history: Losses and metrics of every epoch.
        model: The SavedModel.
        evaluation: Its metrics.
        blessing: Whether it is good enough.
        page: The report, for the dashboard.
        run: Id of the run.
        rehearsal: Whether it serves within its resources.

    """
    from stellwerk.components.calling import call

    call("report", locals())
