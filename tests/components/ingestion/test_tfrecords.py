"""TFRecord files of tf.Example; apart from the other formats because it needs TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest

from stellwerk.errors import DataError

COUNT = 60


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory):
    """`records(name, rows, packed="")` writes a file of tf.Examples from dicts of lists."""
    tf = pytest.importorskip("tensorflow")
    folder = tmp_path_factory.mktemp("records")
    makers = {
        int: lambda values: tf.train.Feature(int64_list=tf.train.Int64List(value=values)),
        float: lambda values: tf.train.Feature(float_list=tf.train.FloatList(value=values)),
        bytes: lambda values: tf.train.Feature(bytes_list=tf.train.BytesList(value=values)),
    }

    def written(name: str, rows: list[dict], packed: str = "") -> Path:
        with tf.io.TFRecordWriter(str(folder / name), packed) as writer:
            for row in rows:
                feature = {key: makers[type(values[0])](values) for key, values in row.items() if values}
                writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
        return folder / name

    return written


@pytest.mark.parametrize(("name", "packed"), [("rows.tfrecord", ""), ("rows.tfrecord.gz", "GZIP")])
def test_tfrecords_are_read(run, records, name: str, packed: str):
    rows = [
        {"n": [row], "x": [row / 4] if row % 9 else [], "c": [f"é{row % 7}".encode()], "y": [row % 2]}
        for row in range(COUNT)
    ]
    ingested = run(str(records(name, rows, packed)))
    assert ingested.examples.columns == {"n": "int64", "x": "float", "c": "string", "y": "int64"}
    found = sorted(ingested.table().to_pylist(), key=lambda row: row["n"])
    assert found == [
        {"n": row, "x": row / 4 if row % 9 else None, "c": f"é{row % 7}", "y": row % 2} for row in range(COUNT)
    ]


def test_a_feature_with_several_values_is_refused(run, records):
    path = records("several.tfrecord", [{"n": [1], "y": [0]}, {"n": [1, 2], "y": [1]}])
    with pytest.raises(DataError, match=r"several\.tfrecord: record 2: feature 'n' has 2 values"):
        run(str(path))


def test_a_damaged_record_is_told(run, records):
    path = records("damaged.tfrecord", [{"n": [row], "y": [row % 2]} for row in range(COUNT)])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged.tfrecord: is not a TFRecord of tf.Example, or damaged"):
        run(str(path))
