"""KFP face of the step report."""

# mypy: disable-error-code="type-arg, assignment"

from stellwerk.components.face import HTML, Artifact, Input, Model, Output, component


@component
def report(
    context: dict,
    spec: str,
    validation: Input[Artifact],
    history: Input[Artifact],
    model: Input[Model],
    evaluation: Input[Artifact],
    blessing: Input[Artifact],
    report: Output[HTML],
    rehearsal: Input[Artifact] = None,
) -> None:
    """Writes one page about the whole run.

    Args:
        context: Name of the pipeline, and of the file of its spec.
        spec: Text of the spec.
        validation: What validate found: where the rows came from, their statistics and anomalies.
        history: Losses and metrics of every epoch.
        model: The SavedModel.
        evaluation: Its metrics.
        blessing: Whether it is good enough.
        report: The page, for the dashboard.
        rehearsal: Whether it serves within its resources.

    """
    from stellwerk.components.calling import call
    from stellwerk.components.parts import opened

    call("report", opened({**locals(), "page": report}))
