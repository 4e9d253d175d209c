"""A row that the model cannot use is named, and costs nobody else an answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from stellwerk.serving.batching import BatchedModel
from stellwerk.serving.batching_options import BatchingOptions
from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.servable import Servable


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory):
    """A model that reads numbers, and fails for a text that is none as it would for a picture."""

    class Reading(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
        def read(self, text):
            return {"number": tf.strings.to_number(text)}

    module, path = Reading(), tmp_path_factory.mktemp("reading") / "1"
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.read})
    with LoadedModel(path) as model:
        yield Servable("reading", 1, Path(path), model)


def _asked(texts: list[str]) -> dict[str, np.ndarray]:
    return {"text": np.array([text.encode() for text in texts], object)}


@pytest.mark.parametrize("place", [0, 1, 5, 10])
def test_the_row_that_cannot_be_used_is_named(reading, place):
    texts = [str(number) for number in range(11)]
    texts[place] = "none"
    with pytest.raises(
        ServingError, match=f"Failed to process element: {place} of the 11 in the request: the model"
    ) as told:
        reading.predict(_asked(texts))
    assert told.value.code is Code.INVALID_ARGUMENT
    assert "convert string: none" in str(told.value)


def test_of_several_the_first_is_named(reading):
    with pytest.raises(ServingError, match="element: 1 of the 4"):
        reading.predict(_asked(["1", "a", "2", "b"]))


def test_what_is_wrong_with_all_rows_or_with_the_only_one_is_said_as_the_model_says_it(reading):
    for texts in (["a"], ["a", "a", "a"]):
        with pytest.raises(ServingError, match=r"^the model cannot use this input"):
            reading.predict(_asked(texts))
    with pytest.raises(ServingError, match=r"^the model cannot use|takes string"):
        reading.predict({"text": np.zeros(3)})


def test_requests_that_came_with_a_bad_one_are_answered(reading):
    options = BatchingOptions(max_batch_size=64, batch_timeout_seconds=0.05, threads=1)
    batched = Servable("reading", 1, reading.path, BatchedModel(reading.model, options))

    def ask(number: int) -> float | str:
        try:
            answer = batched.predict(_asked([str(number)] * 2 if number % 7 else ["1", "none"]))
        except ServingError as error:
            return str(error)
        return float(answer["number"][1])

    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(ask, range(40)))
    for number, answer in enumerate(told):
        if number % 7:
            assert answer == number
        else:
            assert "Failed to process element: 1 of the 2" in str(answer)
