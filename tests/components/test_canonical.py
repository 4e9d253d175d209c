"""SavedModels whose counters and folders differ become the same bytes, and answer as before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from stellwerk.components.artifacts.canonical import make_canonical
from stellwerk.components.artifacts.folders import folder_digest


def saved(folder: Path, *, before: int, words: tuple[str, ...] = ("a", "b")) -> Path:
    """Saves a model with two tables, a custom gradient and functions that call each other, after so many others were traced."""
    for _ in range(before):
        tf.function(lambda x: x + 1).get_concrete_function(tf.constant(1.0))
    (folder / "words").mkdir(parents=True)
    tables = []
    for place, word in enumerate(words):
        file = folder / "words" / f"{place}.txt"
        file.write_text(f"{word}\nx\n")
        initializer = tf.lookup.TextFileInitializer(
            str(file), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        tables.append(tf.lookup.StaticHashTable(initializer, -1))

    module: Any = tf.Module()
    module.tables, module.weight = tables, tf.Variable([2.0], name="weight")

    @tf.custom_gradient  # type: ignore[misc]
    def doubled(x: tf.Tensor) -> Any:
        return 2.0 * x, lambda upstream: 2.0 * upstream

    inner = tf.function(lambda text: tf.cast(module.tables[0].lookup(text), tf.float32) * module.weight)
    other = tf.function(lambda text: tf.cast(module.tables[1].lookup(text), tf.float32))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def answer(text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": doubled(inner(text)) + 10.0 * other(text)}

    module.answer = answer
    tf.saved_model.save(module, str(folder / "model"), signatures=answer)
    make_canonical(folder / "model")
    return folder / "model"


def test_the_same_model_traced_after_others_and_in_another_folder_is_the_same_bytes(tmp_path: Path):
    first, second = saved(tmp_path / "first", before=0), saved(tmp_path / "a second one" / "deeper", before=7)
    assert folder_digest(first) == folder_digest(second)
    assert not (first / "fingerprint.pb").exists()


def test_another_model_is_other_bytes(tmp_path: Path):
    first, second = saved(tmp_path / "1", before=0), saved(tmp_path / "2", before=0, words=("a", "c"))
    assert folder_digest(first) != folder_digest(second)


def test_what_was_made_canonical_answers_as_before_and_stays_as_it_is(tmp_path: Path):
    folder = saved(tmp_path, before=3)
    before = folder_digest(folder)
    make_canonical(folder)
    assert folder_digest(folder) == before
    loaded = tf.saved_model.load(str(folder))
    (answers,) = loaded.signatures["serving_default"](tf.constant(["a", "x", "b"])).values()
    assert answers.numpy().tolist() == [0.0 - 10.0, 4.0 + 10.0, -4.0 + 0.0]
    assert loaded.answer(tf.constant(["x"]))["sum"].numpy().tolist() == [14.0]


def test_no_folder_of_this_machine_is_left_in_the_graph_and_every_name_is_known(tmp_path: Path):
    folder = saved(tmp_path, before=1)
    content = (folder / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0]
    functions = [function.signature.name for function in graph.graph_def.library.function]
    assert len(set(functions)) == len(functions) > 5
    assert set(graph.object_graph_def.concrete_functions) <= set(functions)
    tables = {
        node.attr["shared_name"].s
        for function in graph.graph_def.library.function
        for node in function.node_def
        if node.op == "HashTableV2"
    }
    assert len(tables) == 2
    assert not any(str(tmp_path).encode() in table for table in tables)


def test_two_models_with_tables_of_one_name_do_not_share_them_in_a_process(tmp_path: Path):
    one, other = (
        tf.saved_model.load(str(saved(tmp_path / name, before=0, words=words)))
        for name, words in (("1", ("a", "b")), ("2", ("c", "d")))
    )
    assert one.answer(tf.constant(["a"]))["sum"].numpy().tolist() == [-10.0]
    assert other.answer(tf.constant(["a", "c"]))["sum"].numpy().tolist() == [-14.0, -10.0]
