"""Summarise: one page that says how a run ended, what failed, and with which parameters it ran."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ENDED = {
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "CANCELLED": "was cancelled",
    "CANCELED": "was cancelled",
}
"""States of KFP, as a sentence goes on."""

_LOG = logging.getLogger(__name__)


def summarise(
    *,
    context: dict[str, Any],
    summary: Path,
    status: dict[str, Any] | None = None,
    directory: str | None = None,
    sources: dict[str, Any] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    to: str | None = None,
) -> None:
    """Writes the Markdown file `summary`, and the same to the log. The last arguments are what the run was given, if anything.

    `status` is KFP's message of that name: `state` and `error` with `code` and `message`. Backends before 2.14 have none to give. A push that was skipped because a gate refused the model is no failure:
    what was refused, and by how much, says the page of `evaluate` or `rehearse`.
    """
    given: dict[str, Any] = {"directory": directory, "sources": sources, "epochs": epochs, "batch_size": batch_size}
    given |= {"learning_rate": learning_rate, "push_to": to}
    text = (
        "\n".join(_lines(context, {name: value for name, value in given.items() if value is not None}, status or {}))
        + "\n"
    )
    summary.parent.mkdir(parents=True, exist_ok=True)
    summary.write_text(text, encoding="utf-8")
    _LOG.info("%s", text)


def _lines(context: Mapping[str, Any], given: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[str]:
    state = str(status.get("state") or "")
    yield f"# {context.get('pipeline', 'The run')} {ENDED.get(state, f'ended as {state}' if state else 'ended')}"
    yield ""
    error = status.get("error") or {}
    message = error.get("message")
    if message:
        code = error.get("code")
        yield f"What failed{'' if code is None else f' (code {code})'}:"
        yield ""
        yield from (f"> {line}" for line in str(message).splitlines())
        yield ""
    elif state in ("FAILED", ""):
        yield "A step that failed is red in the graph, and the end of its log says why."
        yield ""
    if context.get("run"):
        yield f"- run `{context['run']}`"
    yield f"- spec `{context.get('spec')}`, digest `{str(context.get('spec_digest'))[:12]}`"
    for name, value in given.items():
        yield f"- `{name}`: `{json.dumps(value, ensure_ascii=False)}`"
