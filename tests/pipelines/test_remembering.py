"""A run does not look again at data that fitted, until something has changed that the look depends on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stellwerk.components.ingestion import probing
from stellwerk.loading import load
from stellwerk.pipelines.checking import check

SPEC = """\
name: flights
data: {sources: {flights: flights.csv}}
features: {distance: {type: number}}
target: {column: late, type: binary}
"""


@pytest.fixture
def looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, list[str]]]:
    """Checks as a run does; returns how often the data were looked at, and the problems."""
    (tmp_path / "flights.csv").write_text("distance,late\n" + "".join(f"{i},{i % 2}\n" for i in range(100)))
    spec = tmp_path / "pipeline.yaml"
    spec.write_text(SPEC)
    probe, times = probing.probe, []
    monkeypatch.setattr(probing, "probe", lambda *given: times.append(1) or probe(*given))

    def run(*overrides: str) -> tuple[int, list[str]]:
        times.clear()
        problems = check(load(spec, overrides), again=False)
        return len(times), [str(problem) for problem in problems]

    return run


def test_what_fitted_is_not_looked_at_again(looked):
    assert looked() == (1, [])
    assert looked() == (0, [])


def test_other_data_are_looked_at(looked, tmp_path):
    looked()
    (tmp_path / "flights.csv").write_text("far,late\n" + "".join(f"{i},{i % 2}\n" for i in range(100)))
    times, problems = looked()
    assert times == 1
    assert "distance" in problems[0]


def test_another_spec_is_looked_at(looked):
    looked()
    assert looked("target.column=delayed")[0] == 1


def test_what_did_not_fit_is_looked_at_until_it_does(looked):
    assert looked("target.column=delayed")[0] == 1
    assert looked("target.column=delayed")[0] == 1
    assert looked() == (1, [])


def test_a_source_that_is_gone_is_told_without_a_look(looked, tmp_path):
    looked()
    (tmp_path / "flights.csv").unlink()
    times, problems = looked()
    assert times == 0
    assert "no such file" in problems[0]


def test_a_memory_that_cannot_be_read_is_no_memory(looked, tmp_path):
    looked()
    (tmp_path / "runs" / "flights" / ".cache" / "checked.json").write_text("[")
    assert looked() == (1, [])


def test_who_asks_for_a_check_gets_a_look(looked, tmp_path):
    looked()
    assert check(load(tmp_path / "pipeline.yaml")) == []
