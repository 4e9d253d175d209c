"""Holds the spec against the data, before anything runs: every problem at once, each with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec

from stellwerk.components.deployment.targets import hindrance
from stellwerk.errors import DataError, Problem
from stellwerk.loading import LoadedSpec
from stellwerk.loading.document import Keys
from stellwerk.pipelines.checking import folders
from stellwerk.spec import Data

Found = tuple[Keys, str]


def _unheard(_note: str) -> None:
    return


def check(
    loaded: LoadedSpec, data: bool = True, *, again: bool = True, noted: Callable[[str], None] = _unheard
) -> list[Problem]:
    """Returns what does not fit between a loaded spec and its data, in the order of the lines.

    Loading has already checked what the spec alone can say. With `data` the first rows of every source are looked at, and
    all of them only where the first leave a doubt. What a look cannot tell is no problem: the run decides. Needs no
    TensorFlow. TFRecord files are only looked for, as their columns show when they are read. `again=False` is for a run:
    what fitted before is not looked at again while the spec and the files are as they were. `noted` hears what is no problem but
    good to know: how a file is read, and which rows will be set aside.
    """
    if not data:
        return []
    found = [
        *folders.find_problems(loaded),
        *_installed(loaded),
        *(list(_sources(loaded)) or list(_content(loaded, noted) if again else _unseen(loaded))),
    ]
    return sorted(dict.fromkeys(loaded.problem(keys, message) for keys, message in found))


def _installed(loaded: LoadedSpec) -> Iterator[Found]:
    """Yields who cannot be asked from here: Beam's runner; features that need what is not installed; and what cannot be pushed: formats, and the place itself."""
    if loaded.spec.beam is not None:
        from stellwerk.pipelines.checking import beam  # noqa: PLC0415 - only where it is asked for

        yield from beam.find_problems(loaded)
    for name, feature in loaded.spec.features.items():
        for key, (module, extra) in feature.needs().items():
            if find_spec(module) is None:
                yield ("features", name, key), f"needs the package {module}: pip install '{extra}'."
    push = loaded.spec.push
    if push is None:
        return
    why = hindrance(push.to)
    if why is not None:
        yield ("push", "to"), why
    if push.variants:
        from stellwerk.components.conversion.formats import CONVERTERS  # noqa: PLC0415 - loads NumPy

        for place, name in enumerate(push.formats):
            refusal = CONVERTERS[name].refusal() if name in CONVERTERS else None
            if refusal:
                yield ("push", "formats", place), f"{name} {refusal}."


def _sources(loaded: LoadedSpec) -> Iterator[Found]:
    """Yields sources whose path leads nowhere, all of them."""
    from stellwerk.components.ingestion.files import origins  # noqa: PLC0415 - only where data is looked at

    for name, source in loaded.spec.data.sources.items():
        try:
            origins(name, source, loaded.directory)
        except DataError as error:
            keys, message = _where(loaded.spec.data, error)
            yield (*keys, "path") if keys[:2] == ("data", "sources") else keys, message


def _content(loaded: LoadedSpec, noted: Callable[[str], None] = _unheard) -> Iterator[Found]:
    from stellwerk.components.ingestion.meaning import Uses  # noqa: PLC0415
    from stellwerk.components.ingestion.probing import probe  # noqa: PLC0415 - only where data is looked at
    from stellwerk.pipelines.arguments import code_columns, named_columns, number_columns  # noqa: PLC0415
    from stellwerk.pipelines.checking.columns import find_problems  # noqa: PLC0415
    from stellwerk.pipelines.checking.measuring import find_empty_words  # noqa: PLC0415

    try:
        spec = loaded.spec
        numbers = number_columns(spec)
        uses = Uses.of(numbers, code_columns(spec), named_columns(spec), spec.target)
        seen = probe(spec.data, loaded.directory, numbers, spec.target.column, uses)
        found = list(find_problems(spec, seen))
        yield from found
        if seen.refusal is not None and not any(
            keys[0] == "target" or keys[:2] == ("data", "split") for keys, _ in found
        ):
            yield _where(spec.data, seen.refusal)
        elif seen.refusal is None:
            for note in (*seen.notes, *(() if found else find_empty_words(spec, seen))):
                noted(note)
    except DataError as error:
        yield _where(loaded.spec.data, error)


def _unseen(loaded: LoadedSpec) -> Iterator[Found]:
    """Yields what `_content` does, unless a look at the same files found nothing before."""
    from stellwerk.pipelines.checking.remembering import fitted_before, look, remember  # noqa: PLC0415

    this = look(loaded)
    if this is not None and fitted_before(loaded, this):
        return
    found = list(_content(loaded))
    yield from found
    if this is not None and not found:
        remember(loaded, this)


def _where(data: Data, error: DataError) -> Found:
    """Returns the keys that an error of the data is about, and what it says of them; where it does not know, the only source, or the query."""
    if error.key:
        return error.key, error.said
    only = next(iter(data.sources)) if len(data.sources) == 1 else None
    return (("data", "sources", only) if only else ("data", "query")), str(error)


__all__ = ["check"]
