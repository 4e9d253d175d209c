"""What an engine outside the container hears of a step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stellwerk.components.step_events import EVENTS, told
from stellwerk.errors import GateRefused


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(EVENTS, str(tmp_path / "events"))
    return tmp_path / "events"


def test_how_far_a_step_is_and_what_it_took_is_told(events):
    with told() as progress:
        for row in range(1, 1001):
            progress(row, 1000)
    first, *rest, last = [json.loads(line) for line in events.read_text().splitlines()]
    assert first == {"progress": [1, 1000, "rows"]}
    assert rest[-1] == {"progress": [1000, 1000, "rows"]}
    assert last["done"]["peak_memory"] > 1_000_000


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (GateRefused("auc is 0.6"), "GateRefused", "auc is 0.6"),
        (ZeroDivisionError("by zero"), None, "unexpected ZeroDivisionError: by zero"),
    ],
)
def test_an_error_is_told_and_goes_on(events, error, kind, message):
    with pytest.raises(type(error)), told():
        raise error
    assert json.loads(events.read_text()) == {"error": {"type": kind, "message": message}}


def test_nothing_is_told_where_nobody_listens(monkeypatch):
    monkeypatch.delenv(EVENTS, raising=False)
    with told() as progress:
        assert progress is None
