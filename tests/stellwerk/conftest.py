"""A spec that is right, and a way to write variations of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SPEC = """\
name: flights
data:
  sources: {flights: flights.csv}
features:
  distance: {type: number}
  carrier: {type: category}
target: {column: late, type: binary}
"""

WriteSpec = Callable[..., Path]


@pytest.fixture
def spec_text() -> str:
    """A short spec without a problem, 7 lines."""
    return SPEC


@pytest.fixture
def write_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteSpec:
    """Writes `p.yaml` beside `hook.py` in an empty working directory: the short spec, changed and with lines after it.

    `write_spec("train: {epochs: 1}", change=("number", "text"))` appends a line and replaces a word; `whole` replaces all.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hook.py").write_text("def build(inputs):\n    return inputs\n", encoding="utf-8")

    def write(more: str = "", *, change: tuple[str, str] | None = None, whole: str | bytes | None = None) -> Path:
        text = SPEC if change is None else SPEC.replace(*change)
        content = f"{text}{more}\n" if whole is None else whole
        (tmp_path / "p.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
        return Path("p.yaml")

    return write
