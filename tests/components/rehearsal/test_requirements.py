"""What is asked of a rehearsal, and how a refusal is said."""

from __future__ import annotations

import json

import numpy as np
import pytest

from stellwerk.components.rehearsal.apis import APIS
from stellwerk.components.rehearsal.asking import Requests, prepare
from stellwerk.components.rehearsal.comparing import Comparison, compare
from stellwerk.components.rehearsal.measuring import Measurement
from stellwerk.components.rehearsal.requirements import Observed, check_all
from stellwerk.section import bytes_of
from stellwerk.spec.rehearse import Rehearse


def observed() -> Observed:
    """A server that started in 3 s, took 600 MB, and answered 100 requests in 10 ms each but the last in 80 ms."""
    one = Measurement(1, 2, seconds=1.0, latencies=[0.01] * 97 + [0.08] * 3)
    four = Measurement(4, 2, seconds=0.5, latencies=[0.02] * 100)
    return Observed(
        model_size=20_000_000, startup_seconds=3.0, memory=600_000_000, comparison=Comparison(100, 200, 0, None),
        latency=one, scaling=(one, four), requests=200,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"max_p99_ms": 50}, "p99_ms is 80 with one request after the other, 30 above the required maximum of 50."),
        ({"min_throughput": 500}, "throughput is 400 examples a second with 4 clients, 100 below the required minimum of 500."),
        ({"max_startup_seconds": 2}, "startup_seconds is 3, 1 above the required maximum of 2."),
        ({"max_memory": "512M"}, "memory is 600M at its peak, 88M above the required maximum of 512M."),
        ({"max_model_size": "10M"}, "model_size is 20M, 10M above the required maximum of 10M."),
    ],
)  # fmt: skip
def test_what_is_above_its_limit_is_refused(asked, sentence):
    *met, refused = check_all(Rehearse(**asked), observed())
    assert [check.ok for check in met] == [True, True, True]
    assert not refused.ok
    assert refused.sentence == f"{sentence} Make the model smaller, or the limit wider."
    assert refused.as_json()["difference"] == pytest.approx(refused.value - refused.required)


def test_exactly_the_limit_is_enough():
    asked = Rehearse(max_startup_seconds=3.0, min_throughput=400, max_memory="600M", max_model_size="20M")
    assert all(check.ok for check in check_all(asked, observed()))


def test_nothing_is_asked_but_that_it_loads_and_answers_rightly_where_no_limit_is_said():
    assert [check.metric for check in check_all(Rehearse(), observed())] == [
        "loads", "failed_requests", "differing_answers",
    ]  # fmt: skip


@pytest.mark.parametrize(("size", "count"), [("512M", 512_000_000), ("1.5Gi", 1_610_612_736), ("2K", 2_000)])
def test_sizes_are_those_of_kubernetes(size, count):
    assert bytes_of(size) == count


def requests(**expected) -> Requests:
    values = {name: np.asarray(column) for name, column in expected.items()}
    rows = len(next(iter(values.values())))
    return Requests([b""], [np.arange(rows)], values)


@pytest.mark.parametrize(
    ("expected", "served", "differing"),
    [
        ({"p": np.float32([[0.2], [0.4]])}, {"outputs": [[0.2000001], [0.4]]}, 0),
        ({"p": np.float32([[0.2], [0.4]])}, {"outputs": [[0.2001], [0.4]]}, 1),
        ({"p": np.float32([[1e-9], [0.4]])}, {"outputs": [[2e-9], [0.4]]}, 0),
        ({"p": np.float32([[np.nan], [0.4]])}, {"outputs": [[float("nan")], [0.4]]}, 0),
        ({"p": np.float32([[0.2], [0.4]])}, {"outputs": [[0.2]]}, 2),
        ({"p": np.float32([[0.2], [0.4]])}, {"error": "no"}, 2),
        ({"p": np.float32([[0.2]]), "c": np.array([[b"no"]], object)}, {"outputs": {"p": [[0.2]], "c": [["yes"]]}}, 1),
        ({"p": np.float32([[0.2]]), "c": np.array([[b"no"]], object)}, {"outputs": {"p": [[0.2]], "c": [["no"]]}}, 0),
        ({"p": np.float32([[0.2]]), "c": np.array([[b"no"]], object)}, {"outputs": {"p": [[0.2]]}}, 1),
        ({"n": np.int64([3, 4])}, {"outputs": [3, 5]}, 1),
    ],
)  # fmt: skip
def test_answers_are_equal_within_what_kernels_round(expected, served, differing):
    compared = compare(APIS["rest"], requests(**expected), {0: json.dumps(served).encode()})
    assert compared.differing == differing
    assert (compared.first is None) == (differing == 0)


def test_fewer_examples_than_a_request_holds_are_asked_again(examples, models):
    made = prepare(Rehearse(requests=5, batch_size=80), APIS["rest"], examples, models["good"])
    assert [list(rows) for rows in made.examples] == [[*range(60), *range(20)]]
    assert len(json.loads(made.bodies[0])["inputs"]["distance"]) == 80


def test_bytes_that_are_no_text_travel_as_base64(make_examples, models, tmp_path):
    rows = {"distance": [1.0] * 10, "carrier": [b"AA", b"\xff"] * 5}
    made = prepare(Rehearse(), APIS["rest"], make_examples(tmp_path / "examples", rows), models["good"])
    asked = [json.loads(body)["inputs"]["carrier"] for body in made.bodies]
    assert asked == [["AA"]] or asked == [[{"b64": "/w=="}]]


def test_an_answer_that_is_no_message_has_no_outputs():
    assert APIS["grpc"].outputs(b"\xff\xff") is None
    assert APIS["rest"].outputs(b"<html>") is None
