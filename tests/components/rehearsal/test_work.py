"""The step rehearse on the embedded server: a real process, real answers, real memory."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from stellwerk.components.artifacts.folders import read_json, write_json
from stellwerk.components.calling import call
from stellwerk.errors import DataError, StepFailed

LIMITS = {
    "max_p99_ms": 5000,
    "min_throughput": 0.5,
    "max_startup_seconds": 300,
    "max_memory": "8G",
    "max_model_size": "50M",
}


@pytest.fixture(scope="module")
def done(tmp_path_factory, examples, models):
    """A good model that met every limit there is."""
    folder = tmp_path_factory.mktemp("done")
    write_json(folder / "blessing" / "blessing.json", {"blessed": True, "requirements": []})
    told = []
    call(
        "rehearse",
        {
            "settings": {**LIMITS, "requests": 30, "clients": [1, 4], "batch_size": 3, "seconds": 20},
            "examples": str(examples),
            "model": str(models["good"]),
            "blessing": str(folder / "blessing"),
            "rehearsal": str(folder / "rehearsal"),
            "progress": lambda *now: told.append(now),
        },
    )
    return folder / "rehearsal", read_json(folder / "rehearsal" / "rehearsal.json"), told


def test_a_model_that_meets_every_limit_passes(done):
    _, said, _ = done
    assert said["passed"]
    assert said["rehearsed"]
    metrics = [row["metric"] for row in said["requirements"]]
    assert metrics == [
        "loads", "failed_requests", "differing_answers",
        "p99_ms", "throughput", "startup_seconds", "memory", "model_size",
    ]  # fmt: skip
    assert all(row["ok"] and row["sentence"].endswith(".") for row in said["requirements"])


def test_every_request_is_answered_and_every_example_compared(done):
    _, said, _ = done
    assert said["measurements"]["compared"] == {"answers": 20, "examples": 60, "differing": 0, "first": None}
    row = next(row for row in said["requirements"] if row["metric"] == "failed_requests")
    assert row["sentence"] == "All 90 requests were answered."


def test_the_scaling_curve_has_a_point_for_each_number_of_clients(done):
    _, said, _ = done
    assert [(one["clients"], one["requests"], one["failed"]) for one in said["scaling"]] == [(1, 30, 0), (4, 30, 0)]
    assert all(0 < one["p50_ms"] <= one["p99_ms"] and one["throughput"] > 0 for one in said["scaling"])
    assert said["measurements"]["latency"] == said["scaling"][0], "one client is how latency is measured without a rate"


def test_start_memory_and_size_are_those_of_the_process_and_the_files(done, models):
    _, said, _ = done
    measured = said["measurements"]
    assert 0.3 < measured["startup_seconds"] < 300
    assert 100e6 < measured["memory"] < 8e9, "TensorFlow alone takes more than 100 MB"
    assert measured["model_size"] == sum(file.stat().st_size for file in models["good"].rglob("*") if file.is_file())


def test_progress_tells_how_many_requests_there_are(done):
    *_, told = done
    assert told == [(30, 90, "requests"), (60, 90, "requests"), (90, 90, "requests")]


def test_nothing_is_left_but_the_figures_and_the_servers_log(done):
    path, *_ = done
    assert sorted(item.name for item in path.iterdir()) == ["rehearsal.json", "server.log"]
    assert [item.name for item in path.parent.iterdir() if item.name.startswith(".")] == []
    assert not [line for line in _commands() if str(path.parent) in line]


def test_a_model_whose_answer_depends_on_the_other_rows_of_a_request_is_refused(rehearsed):
    seen = rehearsed({"requests": 10, "api": "rest"}, "of its batch")
    assert not seen.said["passed"]
    assert seen.refused == ["differing_answers"]
    row = seen.row("differing_answers")
    assert row["value"] >= 8, "a row without a distance is the same alone"
    assert "of 10 examples; the first, example 0 of the eval split: 'probabilities' is 0." in row["sentence"]


@pytest.mark.parametrize("damage", ["", "no SavedModel at all"])
def test_a_model_that_does_not_load_is_refused(rehearsed, tmp_path, damage):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "saved_model.pb").write_text(damage)
    seen = rehearsed({"max_p99_ms": 50, "max_model_size": "1K"}, tmp_path / "broken")
    assert seen.refused == ["loads", "p99_ms"]
    assert "could not load this SavedModel" in seen.row("loads")["sentence"]
    assert seen.row("p99_ms")["sentence"] == "p99_ms could not be measured, and a maximum of 50 is required."


def test_a_model_that_is_not_blessed_is_not_rehearsed(rehearsed, tmp_path):
    seen = rehearsed({}, tmp_path / "nothing", blessed=False)
    assert seen.said == {"rehearsed": False, "passed": False, "requirements": []}


def test_an_eval_split_without_rows_is_told(rehearsed, make_examples, tmp_path):
    none = pa.table({"distance": pa.array([], pa.float32()), "carrier": pa.array([], pa.string())})
    empty = make_examples(tmp_path / "empty", train=none, eval=none, test=none)
    with pytest.raises(DataError, match=r"the eval split has no examples.*data\.split\.eval"):
        rehearsed(examples=str(empty))
    assert not (tmp_path / "rehearsal").exists()


def test_examples_that_lack_a_column_are_told(rehearsed, make_examples, tmp_path):
    other = make_examples(tmp_path / "other", {"distance": [1.0] * 20})
    with pytest.raises(DataError, match="the model takes the columns 'carrier', which the examples do not have"):
        rehearsed(examples=str(other))


def test_tensorflow_serving_that_is_not_there_is_told(rehearsed, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StepFailed, match=r"no program 'tensorflow_model_server' on the PATH.*server: embedded"):
        rehearsed({"server": "tensorflow_model_server"})


def _commands() -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    return found
