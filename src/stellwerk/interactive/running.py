"""`stellwerk.run` and `stellwerk.check`."""

from __future__ import annotations

from typing import Any

from stellwerk.errors import GateRefused, Problem, SpecError
from stellwerk.interactive.results import Result
from stellwerk.interactive.specs import AnySpec, loaded
from stellwerk.interactive.tables import with_data
from stellwerk.interactive.watching import Witness, display
from stellwerk.pipelines.checking import check as find_problems
from stellwerk.pipelines.embedded.runner import run as run_here


def run(
    spec: AnySpec,
    data: Any = None,
    *,
    cache: bool = True,
    start_from: str | None = None,
    until: str | None = None,
    progress: bool | None = None,
) -> Result:
    """Runs a pipeline on this machine and returns what came of it, also where a gate refused.

    A refusal is a result: `result.refused` says so, `result.error` why, and `result.check()` makes an error of it.

    Args:
        spec: Path of a spec, or what `stellwerk.load` returned.
        data: A pandas, Polars or Arrow table in the place of the spec's source, or a mapping of sources to tables.
        cache: Whether steps whose inputs are unchanged are taken from the cache.
        start_from: This step and all after it run again.
        until: Only this step and what it needs.
        progress: Whether it is shown how far the run is; by default in notebooks and on terminals.

    Raises:
        SpecError: The spec is wrong, or does not fit the data; nothing ran.
        StepFailed: A step could not do its work; the run folder and the report are complete.

    """
    wanted = with_data(loaded(spec), data)
    problems = find_problems(wanted, again=False)
    if problems:
        raise SpecError(problems)
    witness = Witness(display(progress))
    try:
        record = run_here(wanted, cache=cache, start_from=start_from, until=until, display=witness)
    except GateRefused:
        if witness.record is None:
            raise
        record = witness.record
    return Result.of(record)


def check(spec: AnySpec, data: Any = None) -> list[Problem]:
    """Returns everything that is wrong with a spec, or does not fit between it and its data; an empty list where all is well.

    `data` is as for `run`. Each problem is a sentence with the line of the spec, as `str` shows it.
    """
    try:
        return find_problems(with_data(loaded(spec), data))
    except SpecError as error:
        return list(error.problems)
