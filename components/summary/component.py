"""KFP face of the step summarise."""

# mypy: disable-error-code="type-arg"

from typing import Optional

from stellwerk.components.facing import Markdown, Output, component


@component
def summarise(
    context: dict,
    summary: Output[Markdown],
    status: Optional[dict] = None,
    run: str = "",
    directory: Optional[str] = None,
    sources: Optional[dict] = None,
    epochs: Optional[int] = None,
    batch_size: Optional[int] = None,
    learning_rate: Optional[float] = None,
    to: Optional[str] = None,
) -> None:
    """Writes how the run ended, as the exit task of a pipeline.

    Args:
        context: What the pipeline was made from.
        summary: A page of the dashboard.
        status: How the steps ended, as KFP's final status of a task, where the backend tells it.
        run: Id of the run.
        directory: What the run was given, as all below.
        sources: See ingest.
        epochs: See train.
        batch_size: See train.
        learning_rate: See train.
        to: See push.

    """
    from stellwerk.components.calling import call

    call("summarise", {**locals(), "context": {**context, "run": run}})
