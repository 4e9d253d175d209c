"""KFP face of the step resolve."""

# mypy: disable-error-code="type-arg"

from typing import NamedTuple, Optional

from stellwerk.components.face import component


@component
def resolve(
    data: dict,
    directory: str,
    recipe: str = "",
    sources: Optional[dict] = None,
    epochs: int = 0,
    batch_size: int = 0,
    learning_rate: float = 0.0,
    name: str = "",
    pushed_to: Optional[str] = None,
) -> NamedTuple("Resolved", [("identity", dict), ("resolved", dict), ("previous", str), ("baseline", str)]):  # type: ignore[valid-type]
    """Looks at the sources and at what is pushed, so that a step that would do the same again is taken from KFP's cache.

    Args:
        data: Section `data` of the spec.
        directory: Folder where relative paths start.
        recipe: Digest of what else decides what the model is: features, network, training, hooks.
        sources: Takes the place of `sources` in `data`.
        epochs: What the run trains with, as the two below; 0 where it trains nothing.
        batch_size: See train.
        learning_rate: See train.
        name: Name of the served model, with `pushed_to`.
        pushed_to: Where models are pushed: what the run is compared with is found there.

    Returns:
        identity: What stands for the bytes of each source.
        resolved: Digests of the data and of the whole training, for `provenance.json`.
        previous: Where the statistics of the newest pushed version lie that other data made.
        baseline: Where the newest pushed version lies that came of another training.

    """
    from stellwerk.components.calling import call

    return call("resolve", locals())
