"""Requests that arrive together are asked of the model as one, and answered each with its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from stellwerk.errors import ModelError, UsageError
from stellwerk.serving.batching import BatchedModel
from stellwerk.serving.batching_options import BatchingOptions, read_batching_options
from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.loading import InputError, LoadedModel

SLOW_S = 30.0
"""A timeout that no test reaches: a batch that runs before it is over was full, or its model was closed."""

Ask = Callable[..., Future[dict[str, Any]]]


@pytest.fixture(scope="module")
def odd_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that shows the size of its batch, refuses negative numbers, sums a matrix, and has a signature without rows."""

    class Odd(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def shown(self, x):
            checked = tf.debugging.assert_non_negative(x, "negative numbers are not taken")
            with tf.control_dependencies([checked]):
                return {"same": tf.identity(x), "batch": tf.fill(tf.shape(x), tf.size(x))}

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, "x")])
        def wide(self, x):
            return {"sum": tf.reduce_sum(x, 1), "batch": tf.fill(tf.shape(x)[:1], tf.shape(x)[0])}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def total(self, x):
            return {"total": tf.reduce_sum(x)}

        @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, "x")])
        def unique(self, x):
            return {"values": tf.unique(tf.reshape(x, [-1]))[0]}

    module, path = Odd(), tmp_path_factory.mktemp("odd") / "1"
    signatures = {"serving_default": module.shown, "wide": module.wide, "total": module.total, "unique": module.unique}
    tf.saved_model.save(module, str(path), signatures=signatures)
    return path


@pytest.fixture(scope="module")
def odd(odd_path: Path) -> Iterator[LoadedModel]:
    with LoadedModel(odd_path) as model:
        yield model


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Asks a model from a thread of its own."""
    with ThreadPoolExecutor(32) as callers:

        def send(model: BatchedModel, values: Any, signature: str = "serving_default") -> Future[dict[str, Any]]:
            return callers.submit(model.predict, {"x": np.asarray(values, np.float32)}, signature)

        yield send


def held(model: LoadedModel) -> tuple[LoadedModel, threading.Event]:
    """Returns the model with a gate before it: no batch is answered until the event is set."""
    gate = threading.Event()

    class Gated(LoadedModel):
        def __init__(self) -> None:
            self.__dict__.update(model.__dict__)

        def run(self, *arguments: Any) -> dict[str, Any]:
            assert gate.wait(SLOW_S)
            return model.run(*arguments)

        def close(self) -> None:
            pass

    return Gated(), gate


def waiting(model: BatchedModel, requests: int) -> None:
    """Waits until so many requests are under way."""
    end = time.monotonic() + SLOW_S
    while model.under_way < requests:
        assert time.monotonic() < end
        time.sleep(0.002)


def test_requests_that_arrive_together_run_as_one_and_get_their_own_rows(odd, ask):
    batched = BatchedModel(odd, BatchingOptions(max_batch_size=6, batch_timeout_seconds=SLOW_S))
    answers = [ask(batched, [number, number + 0.5]) for number in range(3)]
    for number, answer in enumerate(answers):
        assert answer.result()["same"].tolist() == [number, number + 0.5]
        assert answer.result()["batch"].tolist() == [6, 6]


def test_a_batch_that_is_not_full_runs_when_its_time_is_over(odd, ask):
    batched = BatchedModel(odd, BatchingOptions(batch_timeout_seconds=0.05))
    began = time.monotonic()
    assert ask(batched, [1.0]).result()["batch"].tolist() == [1]
    assert time.monotonic() - began >= 0.05


def test_batches_grow_while_another_one_runs(odd, ask):
    gated, gate = held(odd)
    batched = BatchedModel(gated, BatchingOptions(threads=1))
    first = ask(batched, [0.0])
    waiting(batched, 1)
    later = [ask(batched, [number]) for number in range(5)]
    waiting(batched, 6)
    gate.set()
    assert first.result()["batch"].tolist() == [1]
    assert [answer.result()["batch"].tolist() for answer in later] == [[5]] * 5


def test_batched_answers_are_those_of_the_model_alone(odd, ask):
    batched = BatchedModel(odd, BatchingOptions(max_batch_size=8, allowed_batch_sizes=(2, 8), max_enqueued_batches=99))
    values = [np.arange(1 + number % 3) + number for number in range(200)]
    answers = [ask(batched, value) for value in values]
    for value, answer in zip(values, answers, strict=True):
        assert answer.result()["same"].tolist() == value.tolist()


def test_a_batch_is_padded_to_an_allowed_size(odd, ask):
    batched = BatchedModel(odd, BatchingOptions(max_batch_size=8, allowed_batch_sizes=(4, 8)))
    assert ask(batched, [1, 2, 3]).result() == {"same": pytest.approx([1, 2, 3]), "batch": pytest.approx([4, 4, 4])}
    assert ask(batched, [1] * 5).result()["batch"].tolist() == [8] * 5
    assert ask(batched, [1] * 8).result()["batch"].tolist() == [8] * 8


def test_arrays_of_different_widths_are_not_put_together(odd, ask):
    options = BatchingOptions(max_batch_size=2, batch_timeout_seconds=SLOW_S)
    batched = BatchedModel(odd, options)
    answers = [ask(batched, [[1.0] * width], "wide") for width in (1, 2, 1, 2)]
    assert [answer.result()["sum"].tolist() for answer in answers] == [[1], [2], [1], [2]]
    assert {answer.result()["batch"][0] for answer in answers} == {2}


@pytest.mark.parametrize(("signature", "output"), [("total", "total"), ("unique", "values")])
def test_a_signature_whose_answer_has_no_rows_is_not_batched(odd, ask, signature, output):
    batched = BatchedModel(odd, BatchingOptions(max_batch_size=2, allowed_batch_sizes=(2,), batch_timeout_seconds=0.05))
    answers = [ask(batched, [number], signature) for number in range(4)]
    assert [answer.result()[output].item() for answer in answers] == [0, 1, 2, 3]


def test_an_empty_request_and_a_number_without_rows_are_asked_alone(odd):
    batched = BatchedModel(odd, BatchingOptions(max_batch_size=2, allowed_batch_sizes=(2,)))
    assert batched.predict({"x": np.zeros(0, np.float32)})["same"].shape == (0,)
    assert batched.predict({"x": np.float32(3)}, "unique")["values"].tolist() == [3]


def test_one_bad_request_fails_alone(odd, ask):
    batched = BatchedModel(odd, BatchingOptions(max_batch_size=7, batch_timeout_seconds=SLOW_S))
    answers = [ask(batched, [value]) for value in (0, 1, 2, -1, 4, 5, 6)]
    for value, answer in zip((0, 1, 2, -1, 4, 5, 6), answers, strict=True):
        if value < 0:
            with pytest.raises(InputError, match="negative numbers are not taken"):
                answer.result()
        else:
            assert answer.result()["same"].tolist() == [value]


def test_an_input_that_does_not_fit_never_reaches_a_batch(odd):
    batched = BatchedModel(odd, BatchingOptions(batch_timeout_seconds=SLOW_S))
    with pytest.raises(InputError, match="'x' is missing"):
        batched.predict({})
    with pytest.raises(InputError, match="no signature 'wid'"):
        batched.predict({}, "wid")


def test_a_full_queue_refuses_at_once(odd, ask):
    gated, gate = held(odd)
    batched = BatchedModel(gated, BatchingOptions(max_batch_size=1, max_enqueued_batches=2, threads=1))
    answers = [ask(batched, [0.0])]
    for number in (2, 3):
        waiting(batched, number - 1)
        answers.append(ask(batched, [0.0]))
    waiting(batched, 3)
    with pytest.raises(ServingError, match="2 batches enqueued and max_enqueued_batches is 2") as refused:
        batched.predict({"x": np.float32([0])})
    assert refused.value.code is Code.RESOURCE_EXHAUSTED
    other = ask(batched, [[1.0]], "wide")
    gate.set()
    assert [answer.result()["same"].tolist() for answer in answers] == [[0]] * 3
    assert other.result()["sum"].tolist() == [1]


def test_a_request_larger_than_a_batch_is_refused_as_tensorflow_serving_does(odd):
    batched = BatchedModel(odd, BatchingOptions(max_batch_size=4, split_large_requests=False))
    with pytest.raises(ServingError, match="Task size 5 is larger than maximum input batch size 4") as refused:
        batched.predict({"x": np.zeros(5, np.float32)})
    assert refused.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("options", [BatchingOptions(4), BatchingOptions(10, max_execution_batch_size=4)])
def test_a_large_request_is_split_where_that_is_allowed(odd, options):
    answer = BatchedModel(odd, options).predict({"x": np.arange(10, dtype=np.float32)})
    assert answer["same"].tolist() == list(range(10))
    assert answer["batch"].tolist() == [4] * 8 + [2] * 2


def test_a_request_larger_than_all_batches_of_it_may_be_is_refused(odd):
    batched = BatchedModel(odd, BatchingOptions(10, max_execution_batch_size=4))
    with pytest.raises(ServingError, match="Task size 11 is larger than maximum input batch size 10"):
        batched.predict({"x": np.zeros(11, np.float32)})


def test_close_answers_what_waits_and_leaves_no_thread(odd_path, ask):
    batched = BatchedModel(LoadedModel(odd_path), BatchingOptions(batch_timeout_seconds=SLOW_S))
    answers = [ask(batched, [number]) for number in range(4)]
    waiting(batched, 4)
    threads = threading.active_count()
    batched.close()
    assert [answer.result()["same"].tolist() for answer in answers] == [[0], [1], [2], [3]]
    assert threading.active_count() == threads
    with pytest.raises(ModelError, match="was closed"):
        batched.predict({"x": np.float32([0])})


def test_a_file_of_tensorflow_serving_is_read(tmp_path):
    path = tmp_path / "batching_parameters.txt"
    path.write_text(
        "max_batch_size { value: 128 }\nbatch_timeout_micros { value: 2500 }  # 2.5 ms\n"
        'max_enqueued_batches { value: 7 } num_batch_threads: {value: 3}\nthread_pool_name { value: "x" }\n'
        "enable_large_batch_splitting { value: true } max_execution_batch_size { value: 64 }\n"
        "allowed_batch_sizes: 16 allowed_batch_sizes: 64\npad_variable_length_inputs: false\n"
    )
    assert read_batching_options(path) == BatchingOptions(128, 0.0025, (16, 64), 7, 3, True, 64)
    path.write_text("")
    assert read_batching_options(path) == BatchingOptions(split_large_requests=False, max_execution_batch_size=1000)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("max_batch_sise { value: 1 }", 'no field named "max_batch_sise"'),
        ("max_batch_size: 1", "max_batch_size"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 4", "last entry was 4; expected 8"),
        ("max_batch_size { value: 4 } allowed_batch_sizes: [8, 4]", "must be increasing"),
        ("max_batch_size { value: 0 }", "max_batch_size must be at least 1"),
        ("batch_timeout_micros { value: -1 }", "must not be negative"),
        ("max_batch_size { value: 4 } max_execution_batch_size { value: 5 }", "between 1 and max_batch_size"),
        ("pad_variable_length_inputs: true", "pad_variable_length_inputs"),
        ("\x00", "not a file of batching parameters"),
    ],
)
def test_batching_parameters_that_are_wrong_are_refused_with_the_file(tmp_path, text, sentence):
    path = tmp_path / "batching_parameters.txt"
    path.write_text(text)
    with pytest.raises(UsageError, match=sentence) as refused:
        read_batching_options(path)
    assert str(refused.value).startswith(str(path))


def test_a_file_of_batching_parameters_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_batching_options(tmp_path / "none.txt")
