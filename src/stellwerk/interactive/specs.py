"""What the functions of `stellwerk` take for a spec: a loaded one, or the path of one."""

from __future__ import annotations

from pathlib import Path

from stellwerk.errors import UsageError
from stellwerk.loading import LoadedSpec, load

AnySpec = LoadedSpec | str | Path


def loaded(spec: AnySpec) -> LoadedSpec:
    """Returns a loaded spec; a path is read anew. Raises SpecError with every problem of the file."""
    if isinstance(spec, LoadedSpec):
        return spec
    if not isinstance(spec, (str, Path)):
        raise UsageError(
            f"a spec is the path of a YAML file, or what stellwerk.load returned. Received: {type(spec).__name__}. "
            "A table goes behind it: run(spec, data=table)."
        )
    return load(spec)
