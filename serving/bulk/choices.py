"""Options as the command line gives them: strings and flags become the frozen options of a job."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stellwerk.errors import UsageError
from stellwerk.serving.bulk.options import NULL_VALUES, Connection, Options

TOKEN_VARIABLE = "STELLWERK_TOKEN"  # noqa: S105 - the name of a variable


def options_from(chosen: Mapping[str, Any]) -> Options:
    """Returns the options for the values of `stellwerk predict`. Raises UsageError where they contradict each other."""
    given = dict(chosen)
    only, keep, nulls = given.pop("only_predictions"), given.pop("keep"), given.pop("null_values")
    if only and keep:
        raise UsageError("--only-predictions keeps no column, and --keep some. Leave one of them out.")
    token = _token(given.pop("token_file"))
    connection = Connection(
        token=token, **{name: given.pop(name) for name in ("clients", "timeout", "patience", "ca", "cert", "key")}
    )
    return Options(
        keep=() if only else keep or None,
        null_values=("", *nulls) if nulls else NULL_VALUES,
        connection=connection,
        **given,
    )


def _token(file: Path | None) -> str | None:
    """Returns the bearer token from a file or the environment. No message shows it."""
    if file is None:
        token, origin = os.environ.get(TOKEN_VARIABLE, "").strip(), f"${TOKEN_VARIABLE}"
        if not token:
            return None
    else:
        try:
            token, origin = file.read_text(encoding="utf-8").strip(), str(file)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file}: the token cannot be read: {getattr(error, 'strerror', 'not utf-8')}.") from None
        if not token:
            raise UsageError(f"{file}: there is no token in it.")
    if not token.isascii() or any(one.isspace() or not one.isprintable() for one in token):
        raise UsageError(f"{origin}: a token is one word of printable ASCII characters, and this is not.")
    return token
