"""The prediction log: what is written, what is left out, and that it never stands in the way."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from stellwerk.errors import UsageError
from stellwerk.serving.prediction_log import LogOptions, PredictionLog
from stellwerk.serving.prediction_rows import Entry

NOT_A_NUMBER = float("nan")


def entry(rows=2, model="flights", version=3, **inputs):
    inputs = inputs or {
        "distance": np.array([1.5, NOT_A_NUMBER][:rows], np.float32),
        "carrier": np.array([b"A\xc3\xa9", b""][:rows], object),
        "day": np.array([2, np.iinfo(np.int64).min][:rows]),
        "email": np.array([b"a@example.org"] * rows, object),
    }
    outputs = {"probabilities": np.full((rows, 1), 0.25, np.float32), "scores": np.ones((rows, 3), np.float32)}
    return Entry(model, version, "serving_default", inputs, outputs)


class Counted(dict):
    def __call__(self, result, requests):
        self[result] = self.get(result, 0) + requests


def written(options, *entries):
    counted = Counted()
    with PredictionLog(options, counted) as log:
        for one in entries:
            log.add(one)
    return counted, sorted(options.directory.rglob("*.parquet"))


def test_an_example_is_a_row_with_its_inputs_answers_model_version_and_time(tmp_path):
    began = time.time()
    counted, files = written(LogOptions(tmp_path), entry(), entry())
    assert counted == {"written": 2}
    assert [file.parent.relative_to(tmp_path).as_posix() for file in files] == ["flights/3"]
    table = pq.read_table(files[0])
    rows = table.to_pylist()
    assert len(rows) == 4
    assert {name: rows[0][name] for name in ("distance", "carrier", "day", "_model", "_version", "_signature")} == {
        "distance": 1.5,
        "carrier": "Aé",
        "day": 2,
        "_model": "flights",
        "_version": 3,
        "_signature": "serving_default",
    }
    assert rows[0]["_output_probabilities"] == 0.25
    assert rows[0]["_output_scores"] == [1.0, 1.0, 1.0]
    assert began - 1 < rows[0]["_time"].timestamp() < time.time() + 1
    assert rows[0]["_request"] == rows[1]["_request"] != rows[2]["_request"]
    assert table.schema.field("_time").type == pa.timestamp("us", "UTC")


def test_missing_values_are_null_again(tmp_path):
    _, files = written(LogOptions(tmp_path), entry())
    last = pq.read_table(files[0]).to_pylist()[1]
    assert (last["distance"], last["carrier"], last["day"]) == (None, None, None)


def test_personal_columns_are_never_written(tmp_path):
    _, files = written(LogOptions(tmp_path, drop=frozenset({"email", "scores"})), entry())
    names = pq.read_table(files[0]).column_names
    assert "email" not in names
    assert "_output_scores" not in names
    assert b"a@example.org" not in files[0].read_bytes()


def example(**features):
    made = tf.train.Example()
    for name, value in features.items():
        feature = made.features.feature[name]
        {bytes: feature.bytes_list, float: feature.float_list, int: feature.int64_list}[type(value[0])].value.extend(
            value
        )
    return made.SerializeToString()


def test_serialised_examples_become_columns_so_that_personal_ones_can_be_dropped(tmp_path):
    examples = [
        example(distance=[1.5], carrier=[b"AA"], email=[b"secret@example.org"], tags=[1, 2]),
        example(distance=[2], email=[b"secret@example.org"]),
        b"",
    ]
    one = entry(3, examples=np.array(examples, object))
    _, files = written(LogOptions(tmp_path, drop=frozenset({"email"})), one)
    table = pq.read_table(files[0])
    assert table.column("distance").to_pylist() == [1.5, 2.0, None]
    assert table.column("carrier").to_pylist() == ["AA", None, None]
    assert table.column("tags").to_pylist() == [[1, 2], None, None]
    assert not {"email", "examples"} & set(table.column_names)
    assert b"secret" not in files[0].read_bytes()


def test_what_only_looks_like_examples_is_left_out(tmp_path):
    _, files = written(LogOptions(tmp_path), entry(1, inputs=np.array([b"\xff\xff"], object)))
    assert [name for name in pq.read_table(files[0]).column_names if name[0] != "_"] == []


def test_bytes_that_are_no_text_and_texts_with_nulls_are_readable(tmp_path):
    values = np.array([b"\xff\x00", b"x"], object)
    _, files = written(LogOptions(tmp_path), entry(2, image=values, flag=np.array([True, False])))
    table = pq.read_table(files[0])
    assert table.column("image").to_pylist() == ["\\xff\x00", "x"]
    assert table.column("flag").to_pylist() == [True, False]


def test_versions_and_forms_have_files_of_their_own(tmp_path):
    other = entry(1, distance=np.float32([1]))
    counted, files = written(LogOptions(tmp_path), entry(), entry(version=4), other, entry(model="..%/x"))
    assert counted == {"written": 4}
    assert {file.parent.relative_to(tmp_path).as_posix() for file in files} == {
        "flights/3",
        "flights/4",
        "%2E.%25%2Fx/3",
    }
    assert len(files) == 4
    assert all(file.is_relative_to(tmp_path) for file in files)


def test_old_files_make_room_for_new_ones(tmp_path):
    for number in range(6):
        counted, files = written(LogOptions(tmp_path, max_files=3), entry(version=number))
        assert counted == {"written": 1}
    assert [file.parent.name for file in files] == ["3", "4", "5"]
    size = sum(file.stat().st_size for file in files)
    _, files = written(LogOptions(tmp_path, max_bytes=size // 2), entry(version=9))
    assert [file.parent.name for file in files] == ["9"]


def test_requests_beyond_the_queue_are_dropped_and_counted_without_waiting(tmp_path):
    counted = Counted()
    one = entry(1, wide=np.zeros((1, 1000)))
    options = LogOptions(tmp_path, queue_bytes=3 * one.size, flush_bytes=10**9, flush_s=60)
    with PredictionLog(options, counted) as log:
        for _ in range(500):
            log.add(one)
    assert counted == {"dropped": 497, "written": 3}


def test_a_disk_that_cannot_be_written_fails_no_request(tmp_path, caplog):
    counted = Counted()
    with PredictionLog(LogOptions(tmp_path / "log"), counted) as log:
        (tmp_path / "log").rmdir()
        (tmp_path / "log").write_text("a file is in the way")
        log.add(entry())
    assert counted == {"failed": 1}
    assert "could not be written" in caplog.text


def test_what_waits_long_enough_is_written_while_serving(tmp_path):
    with PredictionLog(LogOptions(tmp_path, flush_s=0.05)) as log:
        log.add(entry())
        until = time.monotonic() + 60
        while not list(tmp_path.rglob("*.parquet")) and time.monotonic() < until:
            time.sleep(0.02)
        assert list(tmp_path.rglob("*.parquet"))


def test_a_file_that_a_killed_server_left_half_written_is_removed(tmp_path):
    left = tmp_path / "flights" / "3" / ".x.parquet.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"PAR1")
    written(LogOptions(tmp_path))
    assert not left.exists()


def test_a_tenth_is_a_tenth(tmp_path):
    with PredictionLog(LogOptions(tmp_path, sample=0.1)) as log:
        assert 800 < sum(log.chosen() for _ in range(10_000)) < 1200
    with PredictionLog(LogOptions(tmp_path, sample=0)) as log:
        assert not any(log.chosen() for _ in range(100))


def test_a_share_or_a_folder_that_cannot_be_is_told(tmp_path):
    with pytest.raises(UsageError, match="share from 0 to 1"):
        LogOptions(tmp_path, sample=2)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written there"):
        PredictionLog(LogOptions(tmp_path / "file"))
