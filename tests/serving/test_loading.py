"""Loading a SavedModel as TensorFlow Serving does."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from stellwerk.errors import DataError, ModelError
from stellwerk.serving.loading import InputError, LoadedModel
from stellwerk.serving.tensors import inputs_from_batch

ROW = {"distance": np.float32([1.0]), "carrier": np.array([b"AA"], object), "day": np.int64([2])}


def test_signatures_name_inputs_with_their_types_and_shapes(model):
    assert sorted(model.signatures) == ["names", "serve_examples", "serving_default"]
    assert {name: tensor.type_name for name, tensor in model.inputs.items()} == {
        "carrier": "string",
        "day": "int64",
        "distance": "float32",
    }
    assert model.inputs["day"].shape == (None,)


def test_predict_answers_by_output_name(model):
    assert model.predict(ROW) == {"predictions": np.float32([[13.0]])}


@pytest.mark.parametrize("parallel", [True, False])
def test_a_model_may_give_back_an_input_or_the_same_output_twice(tmp_path, parallel):
    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None], "x")
        info, doubled = (v1.saved_model.utils.build_tensor_info(tensor) for tensor in (x, x * 2))
        definition = v1.saved_model.signature_def_utils.build_signature_def
        signatures = {
            "serving_default": definition({"x": info}, {"a": doubled, "b": doubled, "x": info}, "any"),
            "same": definition({"x": info}, {"y": info}, "any"),
        }
        builder = v1.saved_model.Builder(str(tmp_path / "1"))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()
    with LoadedModel(tmp_path / "1", parallel) as model:
        x = {"x": np.arange(6, dtype=np.float32)[::2]}
        found = {name: array.tolist() for name, array in model.predict(x).items()}
        assert found == {"a": [0, 4, 8], "b": [0, 4, 8], "x": [0, 2, 4]}
        assert model.predict(x, "same")["y"].tolist() == [0, 2, 4]


def test_bytes_that_tensorflow_cannot_even_quote_are_the_input_s_fault(model):
    with pytest.raises(InputError, match="it holds bytes that the model cannot read"):
        model.predict({"examples": np.array([b"\x97\xa1 no example"], object)}, "serve_examples")


def test_many_threads_ask_at_once_and_get_their_own_answers(model):
    def ask(number: int) -> float:
        return float(model.predict({**ROW, "distance": np.float32([number])})["predictions"][0, 0])

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(200))) == [number + 12 for number in range(200)]


def test_the_first_requests_of_many_threads_prepare_the_model_once(model_path, monkeypatch):
    made = []
    original = LoadedModel._callable
    monkeypatch.setattr(
        LoadedModel, "_callable", lambda self, signature: made.append(signature.name) or original(self, signature)
    )
    with LoadedModel(model_path) as fresh, ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: fresh.predict(ROW)["predictions"].item(), range(64)))
    assert answers == [13.0] * 64
    assert made == ["serving_default"]


def test_a_prepared_model_has_nothing_left_to_prepare(model_path, monkeypatch):
    with LoadedModel(model_path) as fresh:
        fresh.prepare()
        fresh.prepare("no such signature")
        monkeypatch.delattr(LoadedModel, "_callable")
        assert fresh.predict(ROW)["predictions"] == 13.0


def test_two_models_answer_side_by_side(model, model_path):
    with LoadedModel(model_path) as other:
        assert other.predict(ROW)["predictions"] == model.predict(ROW)["predictions"]
    assert model.predict(ROW)["predictions"] == 13.0


def test_a_closed_model_says_so(model_path):
    closed = LoadedModel(model_path)
    closed.close()
    with pytest.raises(ModelError, match="does not answer"):
        closed.predict(ROW)


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"distance": ROW["distance"], "carrier": ROW["carrier"]}, "input 'day' is missing"),
        ({**ROW, "dya": ROW["day"]}, "no input 'dya'"),
        ({**ROW, "day": np.array(["x"], object)}, "'day' takes int64, and got object"),
        ({**ROW, "day": np.zeros((1, 2), np.int64)}, r"takes the shape \[any\], and got \[1, 2\]"),
        ({**ROW, "day": np.zeros(4, np.int64)}, "different numbers of rows.*day has 4"),
    ],
)
def test_an_input_that_does_not_fit_is_refused_in_words(model, inputs, sentence):
    with pytest.raises(InputError, match=sentence):
        model.predict(inputs)


def test_an_unknown_signature_names_the_nearest(model):
    with pytest.raises(InputError, match="Did you mean 'serving_default'"):
        model.predict(ROW, "serving_defualt")


def test_a_folder_without_saved_model_is_no_model(tmp_path):
    with pytest.raises(ModelError, match="not a SavedModel"):
        LoadedModel(tmp_path)


@pytest.mark.parametrize("damage", ["graph", "variables"])
def test_a_damaged_model_does_not_load(tmp_path, model_path, damage):
    path = shutil.copytree(model_path, tmp_path / "damaged")
    if damage == "graph":
        (path / "saved_model.pb").write_bytes(b"\xff" * 40)
    else:
        shutil.rmtree(path / "variables")
    with pytest.raises(ModelError, match="could not load"):
        LoadedModel(path)


def test_nulls_of_examples_become_the_missing_values_of_the_model(model):
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([1.5, None, 3.0], pa.float32()),
            pa.array(["AA", "B", None]),
            pa.array([None, 2, 3]),
            pa.array(["unused"] * 3),
        ],
        names=["distance", "carrier", "day", "other"],
    )
    inputs = inputs_from_batch(batch, model.inputs)
    assert inputs["carrier"].tolist() == [b"AA", b"B", b""]
    assert inputs["day"].tolist() == [np.iinfo(np.int64).min, 2, 3]
    assert np.isnan(inputs["distance"][1])
    assert model.predict(inputs)["predictions"][:, 0].tolist() == [11.5, 2.0, 6.0]


def test_whole_numbers_with_nulls_feed_a_float_input(model):
    batch = pa.RecordBatch.from_arrays(
        [pa.array([1, None]), pa.array(["", ""]), pa.array([0.0, None], pa.float32())],
        names=["distance", "carrier", "day"],
    )
    inputs = inputs_from_batch(batch, model.inputs)
    assert inputs["distance"].dtype == np.float32
    assert np.isnan(inputs["distance"][1])
    assert inputs["day"].tolist() == [0, np.iinfo(np.int64).min]


def test_a_sliced_batch_and_an_empty_one_convert(model):
    batch = pa.RecordBatch.from_arrays(
        [pa.array([1.0, 2.0], pa.float32()), pa.array(["AA", None]), pa.array([1, None])],
        names=["distance", "carrier", "day"],
    )
    assert inputs_from_batch(batch.slice(1), model.inputs)["carrier"].tolist() == [b""]
    assert model.predict(inputs_from_batch(batch.slice(2), model.inputs))["predictions"].shape == (0, 1)


def test_a_column_the_model_needs_and_the_data_lacks_is_named(model):
    batch = pa.RecordBatch.from_arrays([pa.array([1.0])], names=["distance"])
    with pytest.raises(DataError, match="'carrier', 'day', which the examples do not have"):
        inputs_from_batch(batch, model.inputs)


def test_text_where_the_model_takes_numbers_is_refused(model):
    columns = [pa.array(["far"]), pa.array(["AA"]), pa.array([1])]
    with pytest.raises(DataError, match="column 'distance' holds string values, but the model takes float32"):
        inputs_from_batch(pa.RecordBatch.from_arrays(columns, names=["distance", "carrier", "day"]), model.inputs)


def test_a_model_with_operations_that_are_not_installed_says_what_brings_them(model_path, tmp_path):
    shutil.copytree(model_path, tmp_path / "1")
    file = tmp_path / "1" / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    saved.meta_graphs[0].graph_def.node.add(name="cut", op="CutsTexts")
    file.write_bytes(saved.SerializeToString())
    with pytest.raises(ModelError, match=r"not registered 'CutsTexts'.*pip install 'stellwerk\[text\]'"):
        LoadedModel(tmp_path / "1")
