"""Pictures are learned from as pixels, and the exported model takes their files' bytes."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from stellwerk.components.artifacts.examples import Examples, parquet
from stellwerk.components.conversion.formats import litert
from stellwerk.components.conversion.network import Network
from stellwerk.errors import DataError
from stellwerk.serving.bulk import Options, predict
from stellwerk.serving.loading import InputError, LoadedModel
from stellwerk.serving.runtimes.litert import without_advice
from stellwerk.tables.bounds import bearable

TARGET = {"column": "above", "type": "binary"}
FEATURES = {"picture": {"type": "image", "size": [12, 10], "colour": "grey"}}


def _half_lit(above: bool, seed: int) -> bytes:
    """Returns the file of a picture with some grain, lit in its upper or lower half."""
    pixels = np.random.default_rng(seed).integers(0, 90, (24, 20))
    pixels[: 12 if above else 24, :][0 if above else 12 :] += 120
    held = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(held, "PNG" if seed % 2 else "JPEG")
    return held.getvalue()


def _rows(first: int, many: int) -> pa.Table:
    above = [at % 3 == 0 for at in range(many)]
    pictures = [_half_lit(value, first + at) for at, value in enumerate(above)]
    return pa.table({"picture": pa.array(pictures, pa.binary()), "above": pa.array(above).cast(pa.int64())})


@pytest.fixture(scope="module")
def halves(prepare):
    return prepare(FEATURES, TARGET, train=_rows(0, 300), eval=_rows(1000, 60), test=_rows(2000, 40))


@pytest.fixture(scope="module")
def run(halves, run_train):
    return run_train(halves, {"type": "dense", "hidden": [32]}, epochs=10, batch_size=32)


def test_pixels_are_stored_as_bytes_of_a_fixed_length(halves):
    file = pq.ParquetFile(next((halves.transformed / "train").glob("*.parquet")))
    assert file.schema_arrow.field("picture").type == pa.binary(12 * 10)
    assert file.metadata.row_group(0).column(0).compression == "UNCOMPRESSED"
    assert file.metadata.row_group(0).column(1).compression == "ZSTD"


def test_what_is_learned_from_is_what_the_served_model_sees(halves, run):
    rows = halves.columns["eval"]
    given = {"picture": np.array(rows["picture"].to_pylist(), object)}
    stored = pq.read_table(halves.transformed / "eval")["picture"].to_pylist()
    with LoadedModel(run.model) as model:
        seen = model.predict(given, "transform")["picture"]
        told = model.predict(given)["probabilities"][:, 0]
    assert (seen.dtype, seen.shape) == (np.uint8, (60, 12, 10, 1))
    assert [one.tobytes() for one in seen] == stored
    assert ((told > 0.5) == rows["above"].to_numpy().astype(bool)).mean() > 0.9


def test_a_picture_that_does_not_decode_is_refused_and_leaves_no_harm(halves, run):
    good = halves.columns["eval"]["picture"].to_pylist()[:2]
    with LoadedModel(run.model) as model:
        before = model.predict({"picture": np.array(good, object)})["probabilities"]
        with pytest.raises(InputError, match="must be a JPEG, PNG or BMP file, and this one is none"):
            model.predict({"picture": np.array([good[0], b"no picture"], object)})
        with pytest.raises(InputError):
            model.predict({"picture": np.array([good[0], good[1][: len(good[1]) // 2]], object)})
        assert np.array_equal(model.predict({"picture": np.array(good, object)})["probabilities"], before)


def test_files_are_read_few_at_a_time_where_they_are_long(make_examples, tmp_path):
    long = pa.table({"file": pa.array([bytes([at]) * 200_000 for at in range(60)], pa.binary()), "y": [0, 1] * 30})
    examples = Examples.open(make_examples(tmp_path / "long", train=long, eval=long, test=long))
    with parquet(examples.shards("train")[0]) as file:
        assert bearable(file.metadata, ["y"], 1000) == 1000
        few = bearable(file.metadata, None, 10_000)
    assert few < 10_000
    assert sum(batch.num_rows for batch in examples.batches("train")) == 60


@pytest.fixture(scope="module")
def mixed(halves, tmp_path_factory):
    """A file of eleven pictures of which the fourth and the last are none."""
    files = halves.columns["test"]["picture"].to_pylist()[:11]
    files[3], files[10] = b"no picture at all", files[10][:100]
    path = tmp_path_factory.mktemp("mixed") / "in.parquet"
    pq.write_table(pa.table({"picture": pa.array(files, pa.binary()), "id": list(range(11))}), path)
    return path


def test_bad_pictures_are_set_aside_and_the_others_answered(run, mixed, tmp_path):
    done = predict(run.model, mixed, tmp_path / "out.csv", Options(on_bad_rows="quarantine"))
    assert (done.rows, done.bad_rows) == (9, 2)
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "id,probability"  # and not the pictures again
    assert [line.split(",")[0] for line in lines[1:]] == ["0", "1", "2", "4", "5", "6", "7", "8", "9"]
    aside = [json.loads(line) for line in Path(done.quarantine).read_text().splitlines()]
    assert [(one["line"], one["row"]["id"]) for one in aside] == [(4, 3), (11, 10)]
    assert "must be a JPEG, PNG or BMP file" in aside[0]["reason"]


def test_a_bad_picture_is_an_error_with_its_row_where_nothing_is_set_aside(run, mixed, tmp_path):
    with pytest.raises(DataError, match=r"in\.parquet:4: the model cannot use this input: A picture must be a JPEG"):
        predict(run.model, mixed, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_pictures_are_decoded_a_few_at_a_time(run, halves, monkeypatch):
    files = np.array(halves.columns["train"]["picture"].to_pylist(), object)
    with LoadedModel(run.model) as model:
        whole = model.predict({"picture": files})["probabilities"]
    monkeypatch.setattr("stellwerk.serving.loading._ROOM", 32 * 120)
    with LoadedModel(run.model) as model:
        assert model._most_rows == 32
        assert np.allclose(model.predict({"picture": files})["probabilities"], whole, atol=1e-6)


@pytest.fixture(scope="module")
def folder(halves, tmp_path_factory):
    """Seven pictures in two folders, one of them no picture, and a file that is none by its name."""
    root = tmp_path_factory.mktemp("photos")
    for at, content in enumerate(halves.columns["test"]["picture"].to_pylist()[:6]):
        (root / f"{at % 2}").mkdir(exist_ok=True)
        (root / f"{at % 2}" / f"{at}.{'png' if at % 2 == 0 else 'jpg'}").write_bytes(content)
    (root / "0" / "broken.jpg").write_bytes(b"no picture")
    (root / "notes.md").write_text("not looked at")
    return root


def test_a_folder_of_pictures_is_predicted_file_by_file(run, halves, folder, tmp_path):
    done = predict(run.model, folder, tmp_path / "out.csv", Options(on_bad_rows="quarantine"))
    assert (done.rows, done.bad_rows) == (6, 1)
    rows = [line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()]
    assert rows[0] == ["file", "folder", "probability"]
    assert [row[:2] for row in rows[1:3]] == [["0/0.png", "0"], ["0/2.png", "0"]]
    told = {row[0]: float(row[2]) for row in rows[1:]}
    files = np.array(halves.columns["test"]["picture"].to_pylist()[:6], object)
    with LoadedModel(run.model) as model:
        expected = model.predict({"picture": files})["probabilities"][:, 0]
    assert np.allclose([told[name] for name in sorted(told, key=lambda name: name.split("/")[1])], expected, atol=1e-5)
    (aside,) = [json.loads(line) for line in Path(done.quarantine).read_text().splitlines()]
    assert (aside["row"], aside["reason"]) == ({"file": "0/broken.jpg"}, "no picture of a known format")


def test_one_picture_and_a_pattern_are_predicted_too(run, folder, tmp_path):
    assert predict(run.model, folder / "0" / "2.png", tmp_path / "one.jsonl").rows == 1
    assert json.loads((tmp_path / "one.jsonl").read_text())["folder"] == "0"
    assert predict(run.model, folder / "*" / "*.png", tmp_path / "some.parquet").rows == 3
    assert pq.read_schema(tmp_path / "some.parquet").names == ["file", "folder", "probability"]


def test_the_client_of_the_example_gets_the_answer_of_the_model(run, halves, folder, tmp_path):
    spec = importlib.util.spec_from_file_location("edge", Path(__file__).parents[3] / "examples/edge-pictures/edge.py")
    edge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(edge)
    made = litert.convert(Network(run.model, halves.transformed)).files
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
    taken = {"picture": {"dtype": "uint8", "shape": [None, 12, 10, 1]}}
    (tmp_path / "variant.json").write_text(json.dumps({"file": next(iter(made)), "inputs": taken}))
    with LoadedModel(run.model) as model, without_advice():
        for file in (folder / "0" / "0.png", folder / "1" / "1.jpg"):
            told = model.predict({"picture": np.array([file.read_bytes()], object)})["probabilities"]
            assert np.allclose(edge.ask(tmp_path, file)["probabilities"], told, atol=0.02)
