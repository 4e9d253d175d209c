"""Bulk prediction: files in, files out, in process and through a server that really runs."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import fastavro
import grpc
import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from click.testing import CliRunner
from pyarrow import orc
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc
from tests.warm.asking import Warm

import stellwerk
from stellwerk.__main__ import cli
from stellwerk.errors import DataError, ModelError, StellwerkError, UsageError
from stellwerk.serving.bulk import Connection, Options, predict, running
from stellwerk.serving.bulk.choices import options_from
from stellwerk.serving.bulk.models.local import LocalModel
from stellwerk.serving.loading import LoadedModel

N = 500


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Rows with every kind of trouble that is none: missing values, unseen categories, texts to escape, an extra column."""
    random = np.random.default_rng(7)
    distance = [None if one < 0.1 else round(one * 1000, 3) for one in random.random(N)]
    carrier = random.choice(["AA", "B", "never seen", 'qu"o,te', "zwei\nZeilen", ""], N)
    day = [None if one == 0 else int(one) for one in random.integers(0, 8, N)]
    return pa.table(
        {
            "id": [f"{number:05}" for number in range(N)],
            "distance": pa.array(distance, pa.float64()),
            "carrier": pa.array(carrier.tolist()),
            "day": pa.array(day, pa.int64()),
        }
    )


@pytest.fixture(scope="module")
def expected(table, model):
    """What the loaded model answers for the whole table at once."""
    distance = np.array([np.nan if one is None else one for one in table["distance"].to_pylist()], np.float32)
    carrier = np.array([one.encode() for one in table["carrier"].to_pylist()], object)
    least = np.iinfo(np.int64).min
    day = np.array([least if one is None else one for one in table["day"].to_pylist()], np.int64)
    return model.predict({"distance": distance, "carrier": carrier, "day": day})["predictions"][:, 0]


def write(table: pa.Table, path: Path) -> Path:
    """Writes a table by other means than those under test."""
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=150)
        return path
    with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as file:
        if ".csv" in path.name:
            writer = csv.writer(file)
            writer.writerow(table.column_names)
            writer.writerows(["" if one is None else one for one in row.values()] for row in table.to_pylist())
        else:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in table.to_pylist())
    return path


def read(path: Path) -> pa.Table:
    """Reads a table by other means than those under test."""
    if path.suffix == ".parquet":
        return pq.read_table(path)
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        rows = list(csv.DictReader(file)) if ".csv" in path.name else [json.loads(line) for line in file]
    return pa.Table.from_pylist(rows)


def answers(table: pa.Table, name: str = "prediction") -> np.ndarray:
    return np.array([float(one) for one in table[name].to_pylist()], np.float32)


@pytest.mark.parametrize("target", ["csv", "jsonl.gz", "parquet"])
@pytest.mark.parametrize("source", ["csv.gz", "jsonl", "parquet"])
def test_every_format_becomes_every_format_with_the_answers_of_the_model(
    table, expected, model_path, tmp_path, source, target
):
    given = write(table, tmp_path / f"in.{source}")
    summary = predict(model_path.parent, given, tmp_path / f"out.{target}", Options(batch_size=64))
    result = read(tmp_path / f"out.{target}")
    assert summary.rows == N
    assert result.column_names == ["id", "distance", "carrier", "day", "prediction"]
    np.testing.assert_array_equal(answers(result), expected)
    assert result["id"].to_pylist() == table["id"].to_pylist()
    assert [one or "" for one in result["carrier"].to_pylist()] == table["carrier"].to_pylist()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_text_formats_keep_the_input_as_it_is_written(model_path, tmp_path):
    (tmp_path / "in.csv").write_text('distance,carrier,day,x\n01.50,AA,7.0,0x1F\nNA,,NA,"a ""b"""\n')
    predict(model_path, tmp_path / "in.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == (
        'distance,carrier,day,x,prediction\n01.50,AA,7.0,0x1F,18.5\nNA,,NA,"a ""b""",0\n'
    )
    (tmp_path / "in.jsonl").write_text('{"distance": 1.50, "carrier":"AA","day":7,"deep":{"x":[1, 2]}}\n\n{}\n')
    predict(model_path, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == (
        '{"distance": 1.50, "carrier":"AA","day":7,"deep":{"x":[1, 2]}, "prediction": 18.5}\n{"prediction": 0}\n'
    )


def test_times_become_seconds_as_in_training(model_path, tmp_path):
    (tmp_path / "in.csv").write_text("distance,carrier,day\n0,,1970-01-02\n0,,1970-01-01T00:00:05Z\n")
    predict(model_path, tmp_path / "in.csv", tmp_path / "out.jsonl", Options(keep=()))
    assert (tmp_path / "out.jsonl").read_text() == '{"prediction": 86400}\n{"prediction": 5}\n'
    times = pa.array([86_400_000_001, -1, None], pa.timestamp("us"))
    write(pa.table({"distance": [0, 0, 0], "carrier": ["", "", ""], "day": times}), tmp_path / "in.parquet")
    predict(model_path, tmp_path / "in.parquet", tmp_path / "out.jsonl", Options(keep=()))
    assert answers(read(tmp_path / "out.jsonl")).tolist() == [86400, -1, 0]


PEOPLE_WRITE = {
    "lines of an old Mac": (lambda text: text.replace("\n", "\r").encode(), Options()),
    "Excel's sep line": (lambda text: ("sep=;\n" + text.replace(",", ";")).encode(), Options()),
    "a title": (lambda text: ("Days\n\n" + text).encode(), Options()),
    "tabs in UTF-16": (lambda text: text.replace(",", "\t").encode("utf-16"), Options()),
    "cp1252": (lambda text: text.encode("cp1252"), Options(encoding="cp1252")),
    "a decimal comma": (lambda text: text.replace(",", ";").replace(".", ",").encode(), Options(decimal=",")),
    "another quote": (lambda text: text.replace("AA", "'AA'").encode(), Options(quote="'")),
}


@pytest.mark.parametrize("kind", PEOPLE_WRITE)
def test_csv_is_read_as_people_write_it(model_path, tmp_path, kind):
    plain = "distance,carrier,day\n" + "".join(f"{row}.5,{('AA', 'café')[row % 2]},{row % 7}\n" for row in range(30))
    written, options = PEOPLE_WRITE[kind]
    (tmp_path / "plain.csv").write_text(plain, encoding="utf-8")
    (tmp_path / "odd.csv").write_bytes(written(plain))
    first = predict(model_path, tmp_path / "plain.csv", tmp_path / "plain.parquet")
    second = predict(model_path, tmp_path / "odd.csv", tmp_path / "odd.parquet", options)
    assert (first.rows, second.rows) == (30, 30)
    assert pq.read_table(tmp_path / "odd.parquet") == pq.read_table(tmp_path / "plain.parquet")


@pytest.mark.parametrize("name", ["in.json", "in.avro", "in.orc", "in.xlsx"])
def test_what_ingest_reads_is_predicted_too(model_path, tmp_path, name):
    rows = [{"distance": row + 0.5, "carrier": "AA", "day": row % 7} for row in range(30)]
    _write_rows(rows, tmp_path / name)
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    predict(model_path, tmp_path / "in.jsonl", tmp_path / "plain.parquet")
    assert predict(model_path, tmp_path / name, tmp_path / "odd.parquet").rows == 30
    assert pq.read_table(tmp_path / "odd.parquet") == pq.read_table(tmp_path / "plain.parquet")


ROWS = [{"distance": row + 0.5, "carrier": "AA" if row % 2 else "B", "day": row % 7} for row in range(30)]


@pytest.fixture
def plain(model_path, tmp_path) -> pa.Table:
    """What is predicted of `ROWS`."""
    (tmp_path / "plain.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    predict(model_path, tmp_path / "plain.jsonl", tmp_path / "plain.parquet")
    return pq.read_table(tmp_path / "plain.parquet")


def _in_csv(rows, mark=","):
    return "\n".join([mark.join(rows[0]), *(mark.join(map(str, row.values())) for row in rows)]) + "\n"


def _in_parquet(rows):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    "members",
    [
        {"all.csv": _in_csv(ROWS)},
        {"part/b.csv": _in_csv(ROWS[10:], ";"), "part/a.csv": _in_csv(ROWS[:10]), "read me.md": "no data"},
        {"a.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS[:9]), "b.json": json.dumps(ROWS[9:], indent=1)},
        {"a.parquet": _in_parquet(ROWS[:29]), "b.parquet": _in_parquet(ROWS[29:]), "__MACOSX/a.parquet": b"x"},
    ],
    ids=["csv", "two csv", "json", "parquet"],
)
@pytest.mark.parametrize("output", ["out.csv", "out.jsonl", "out.parquet"])
def test_the_files_of_a_zip_are_predicted_as_one_table(model_path, tmp_path, plain, members, output):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert predict(model_path, tmp_path / "in.zip", tmp_path / output).rows == 30
    found = read(tmp_path / output)
    assert [float(one) for one in found["distance"].to_pylist()] == plain["distance"].to_pylist()
    got = np.array(found["prediction"].to_pylist(), np.float32)
    np.testing.assert_allclose(got, plain["prediction"].to_numpy(), rtol=1e-6)


def test_a_packed_parquet_file_is_predicted(model_path, tmp_path, plain):
    (tmp_path / "in.parquet.gz").write_bytes(gzip.compress(_in_parquet(ROWS)))
    predict(model_path, tmp_path / "in.parquet.gz", tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["prediction"] == plain["prediction"]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"a.csv": _in_csv(ROWS), "b.jsonl": "{}"}, r"in\.zip: formats are mixed: csv \(a\.csv\), jsonl \(b\.jsonl\)"),
        ({"a.csv": _in_csv(ROWS), "b.csv": "distance,carrier\n1,AA\n"}, "b.csv lacks the column 'day' that a.csv has"),
        ({"readme.md": "x"}, "holds no data file"),
        ({"../a.csv": "x"}, "points outside the archive"),
        ({"a.csv": 'distance,carrier,day\n1,"AA,1\n'}, r"in\.zip: a\.csv:2: a quote opens here"),
        ({"a.csv": _in_csv(ROWS), "b.csv": "distance,carrier,day\nfar,AA,1\n"}, r"b\.csv: distance: not a number"),
    ],
)
def test_what_is_wrong_with_a_zip_is_told_with_the_file_in_it(model_path, tmp_path, members, said):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(DataError, match=said):
        predict(model_path, tmp_path / "in.zip", tmp_path / "out.csv")


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """A folder with the 30 rows in three files, one of them packed, and files that are no data."""
    (tmp_path / "days" / "may").mkdir(parents=True)
    (tmp_path / "days" / "a.csv").write_text(_in_csv(ROWS[:10]))
    with zipfile.ZipFile(tmp_path / "days" / "b.csv.zip", "w") as archive:
        archive.writestr("b2.csv", _in_csv(ROWS[12:20]))
        archive.writestr("b1.csv", _in_csv(ROWS[10:12]))
    (tmp_path / "days" / "may" / "c.csv").write_text(_in_csv(ROWS[20:], ";"))
    (tmp_path / "days" / ".hidden.csv").write_text("x")
    (tmp_path / "days" / "read me.md").write_text("x")
    return tmp_path / "days"


@pytest.mark.parametrize("wanted", ["days", "days/**/[abc].*"])
def test_a_folder_and_a_pattern_are_predicted_as_one_table(model_path, several, plain, wanted):
    assert predict(model_path, several.parent / wanted, several.parent / "out.csv").rows == 30
    found = read(several.parent / "out.csv")
    assert [float(one) for one in found["distance"].to_pylist()] == plain["distance"].to_pylist()
    np.testing.assert_allclose(answers(found), plain["prediction"].to_numpy(), rtol=1e-6)


def test_a_row_of_a_folder_that_does_not_fit_is_told_with_its_file_and_set_aside(model_path, several):
    with (several / "may" / "c.csv").open("a") as file:
        file.write("far;AA;1\n")
    with pytest.raises(DataError, match=r"days:12: may/c\.csv: distance: not a number"):
        predict(model_path, several, several.parent / "out.csv")
    done = predict(model_path, several, several.parent / "out.csv", Options(on_bad_rows="quarantine"))
    assert (done.rows, done.bad_rows) == (30, 1)


def test_what_is_wrong_with_a_folder_or_a_pattern_is_told(model_path, several):
    with pytest.raises(UsageError, match="the output lies in the folder that is read"):
        predict(model_path, several, several / "out.csv")
    with pytest.raises(UsageError, match="the output would overwrite the input"):
        predict(model_path, several.parent / "days" / "*.csv", several / "a.csv")
    with pytest.raises(UsageError, match="no file matches the pattern"):
        predict(model_path, several / "*.parquet", several.parent / "out.csv")
    (several / "d.jsonl").write_text("{}")
    with pytest.raises(DataError, match=r"days: formats are mixed: csv \(may/c\.csv\), jsonl \(d\.jsonl\)"):
        predict(model_path, several, several.parent / "out.csv")
    (several.parent / "empty").mkdir()
    with pytest.raises(UsageError, match="the folder holds no data file"):
        predict(model_path, several.parent / "empty", several.parent / "out.csv")


def test_the_sheet_that_is_named_is_predicted(model_path, tmp_path, plain):
    book = openpyxl.Workbook()
    book.active.append(["nothing", "here"])
    sheet = book.create_sheet("sales")
    for row in [list(ROWS[0]), *(list(row.values()) for row in ROWS)]:
        sheet.append(row)
    sheet.append(["n/k", "AA", 1])
    book.save(tmp_path / "in.xlsx")
    options = Options(sheet="sales", null_values=("", "n/k"))
    assert predict(model_path, tmp_path / "in.xlsx", tmp_path / "out.parquet", options).rows == 31
    assert pq.read_table(tmp_path / "out.parquet")["prediction"][:30] == plain["prediction"]
    with pytest.raises(DataError, match=r"no sheet 'sale'\. Did you mean 'sales'"):
        predict(model_path, tmp_path / "in.xlsx", tmp_path / "out.parquet", Options(sheet="sale"))


@pytest.mark.parametrize("mark", ["\u00a0", "\u202f", " ", "'", "\u2019"])
def test_groups_of_digits_are_predicted_whatever_stands_between_them(model_path, tmp_path, mark):
    rows = [f"{row + 1}{mark}234,5;AA;{row % 7}" for row in range(9)]
    (tmp_path / "in.csv").write_text("distance;carrier;day\n" + "\n".join(rows) + "\n", encoding="utf-8")
    options = Options(decimal=",", thousands="'" if mark in "'\u2019" else " ")
    predict(model_path, tmp_path / "in.csv", tmp_path / "out.parquet", options)
    assert pq.read_table(tmp_path / "out.parquet")["distance"].to_pylist() == [row * 1000 + 1234.5 for row in range(9)]


def _write_rows(rows, path):
    if path.suffix == ".json":
        path.write_text("\ufeff" + json.dumps(rows, indent=1), encoding="utf-8")
    elif path.suffix == ".orc":
        orc.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in [list(rows[0]), *(list(row.values()) for row in rows)]:
            book.active.append(row)
        book.save(path)
    else:
        fields = [
            {"name": name, "type": kind}
            for name, kind in (("distance", "double"), ("carrier", "string"), ("day", "long"))
        ]
        with path.open("wb") as file:
            fastavro.writer(file, {"type": "record", "name": "row", "fields": fields}, rows)


@pytest.mark.parametrize("output", ["out.jsonl", "out.csv", "out.parquet"])
def test_decimals_times_and_durations_of_parquet_come_out(model_path, tmp_path, output):
    table = pa.table({
        "distance": [1.0, 2.0], "carrier": ["AA", "B"], "day": [1, 2],
        "price": pa.array([Decimal("12.50"), None], pa.decimal128(10, 2)),
        "took": pa.array([timedelta(seconds=3), None], pa.duration("us")),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "in.parquet")
    assert predict(model_path, tmp_path / "in.parquet", tmp_path / output).rows == 2
    if output == "out.jsonl":
        first, second = map(json.loads, (tmp_path / output).read_text().splitlines())
        assert (first["price"], second["price"], first["took"]) == (12.5, None, "0:00:03")


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        (Options(keep=()), ["prediction"]),
        (Options(keep=("day", "id"), prefix="m_"), ["day", "id", "m_prediction"]),
        (Options(format="parquet", keep=("id",)), ["id", "prediction"]),
    ],
)
def test_columns_are_kept_as_asked(table, model_path, tmp_path, options, columns):
    output = tmp_path / ("out.parquet" if options.format else "out.csv")
    predict(model_path, write(table, tmp_path / "in.jsonl"), output, options)
    assert read(output).column_names == columns


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory):
    """Two SavedModels over one number: `binary` answers its sigmoid, `several` three classes."""

    class Several(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            random = np.random.default_rng(1)
            self.wide = tf.Variable(random.normal(size=(1, 200)).astype(np.float32))
            self.back = tf.Variable(random.normal(size=(200, 1)).astype(np.float32))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def deep(self, x):
            return {"predictions": tf.tanh(x[:, None] @ self.wide) @ self.back}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def several(self, x):
            x = tf.where(tf.math.is_nan(x), 0.0, x)
            probabilities = tf.nn.softmax(tf.stack([x, -x, tf.zeros_like(x)], 1))
            return {"probabilities": probabilities, "classes": tf.tile([["up", "dow\tn", "flat"]], [tf.shape(x)[0], 1])}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def binary(self, x):
            return {"probabilities": tf.sigmoid(x)[:, None]}

        @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, "x")])
        def foreign(self, x):
            return {"score": x[:, 0] * 2, "pair": tf.concat([x, -x], 1)}

    module, base = Several(), tmp_path_factory.mktemp("classifiers")
    for version, function in enumerate((module.binary, module.several), 1):
        signatures = {"serving_default": function, "foreign": module.foreign, "deep": module.deep}
        tf.saved_model.save(module, str(base / str(version)), signatures=signatures)
    return base


def test_the_columns_say_what_kind_of_target_it_is(classifiers, tmp_path):
    (tmp_path / "in.csv").write_text("x\n-1\n0\n3\n")
    out = tmp_path / "out.jsonl"
    predict(classifiers, tmp_path / "in.csv", out, Options(version=1, threshold=0.5))
    rows = read(out).to_pylist()
    assert [row["predicted"] for row in rows] == [0, 1, 1]
    assert rows[1]["probability"] == 0.5
    predict(classifiers, tmp_path / "in.csv", out, Options(all_probabilities=True, keep=()))
    rows = read(out).to_pylist()
    assert [row["predicted"] for row in rows] == ["dow\tn", "up", "up"]
    assert list(rows[0]) == ["predicted", "probability", "probability_up", "probability_dow\tn", "probability_flat"]
    assert rows[0]["probability"] == rows[0]["probability_dow\tn"]
    predict(classifiers, tmp_path / "in.csv", out, Options(signature="foreign"))
    assert read(out).to_pylist()[0] == {"x": -1, "pair_0": -1, "pair_1": 1, "score": -2}


def test_an_answer_does_not_depend_on_the_rows_around_it(classifiers, tmp_path):
    (tmp_path / "in.csv").write_text("x\n" + "".join(f"{number / 7}\n" for number in range(100)))
    for size in (7, 33, 100):
        options = Options(signature="deep", batch_size=size)
        predict(classifiers, tmp_path / "in.csv", tmp_path / f"{size}.csv", options)
    assert (
        (tmp_path / "7.csv").read_bytes() == (tmp_path / "33.csv").read_bytes() == (tmp_path / "100.csv").read_bytes()
    )


@pytest.mark.parametrize(
    ("name", "content", "columns"),
    [
        ("in.csv", "distance,carrier,day\n", ["distance", "carrier", "day", "prediction"]),
        ("in.jsonl", "", ["prediction"]),
        ("in.parquet", None, ["distance", "carrier", "day", "prediction"]),
    ],
)
@pytest.mark.parametrize("target", ["csv", "jsonl", "parquet"])
def test_an_input_without_rows_gives_an_output_without_rows(model_path, tmp_path, name, content, columns, target):
    empty = pa.table(
        {"distance": pa.array([], pa.float32()), "carrier": pa.array([], pa.string()), "day": pa.array([], pa.int32())}
    )
    if content is None:
        pq.write_table(empty, tmp_path / name)
    else:
        (tmp_path / name).write_text(content)
    assert predict(model_path, tmp_path / name, tmp_path / f"out.{target}").rows == 0
    if target != "jsonl":
        assert read(tmp_path / f"out.{target}").num_rows == 0
        header = (
            (tmp_path / "out.csv").read_text()
            if target == "csv"
            else ",".join(read(tmp_path / "out.parquet").column_names)
        )
        assert header.strip().split(",") == columns
    else:
        assert (tmp_path / "out.jsonl").read_bytes() == b""


BAD = "distance,carrier,day,x\n1,AA,1,a\nfar,AA,1,b\n2,AA\n3,AA,1.5,c\n\n1e300,AA,1,d\n4,A\xc4,1,e\n5,AA,2,f\n"


def test_rows_that_do_not_fit_are_set_aside_with_line_and_reason(model_path, tmp_path):
    (tmp_path / "in.csv").write_bytes(BAD.encode("latin-1"))
    out = tmp_path / "out.csv"
    summary = predict(model_path, tmp_path / "in.csv", out, Options(on_bad_rows="quarantine", keep=("x",)))
    assert out.read_text() == "x,prediction\na,12\nf,17\n"
    aside = [json.loads(line) for line in Path(summary.quarantine).read_text().splitlines()]
    assert [(row["line"], row["reason"]) for row in aside] == [
        (3, "distance: not a number"),
        (4, "too few values"),
        (5, "day: not a whole number"),
        (7, "distance: infinite, or too large for float32"),
        (8, "not utf-8"),
    ]
    assert aside[0]["row"] == {"distance": "far", "carrier": "AA", "day": "1", "x": "b"}
    assert (summary.rows, summary.bad_rows) == (2, 5)
    (tmp_path / "in.csv").write_text("distance,carrier,day,x\n1,AA,1,a\n")
    predict(model_path, tmp_path / "in.csv", out, Options(on_bad_rows="quarantine"))
    assert not Path(summary.quarantine).exists()


def test_lines_of_jsonl_that_do_not_fit_are_set_aside(model_path, tmp_path):
    lines = [
        '{"distance": 1, "carrier": "AA", "day": 1}',
        '{"distance": ',
        "[1]",
        '{"day": 2, "distance": "far", "carrier": ""}',
    ]
    lines += ['{"distance": NaN, "carrier": null, "day": "3"}', '{"distance": 2.5, "carrier": 7, "day": 4}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    summary = predict(model_path, tmp_path / "in.jsonl", tmp_path / "out.parquet", Options(on_bad_rows="quarantine"))
    aside = [json.loads(line) for line in Path(summary.quarantine).read_text().splitlines()]
    assert [(row["line"], row["reason"]) for row in aside] == [
        (2, "not JSON"),
        (3, "not an object"),
        (4, "distance: not a number"),
    ]
    assert answers(read(tmp_path / "out.parquet")).tolist() == [12, 3, 6.5]


@pytest.mark.parametrize(
    ("name", "content", "options", "error", "sentence"),
    [
        (
            "in.csv",
            BAD.encode("latin-1"),
            Options(),
            DataError,
            r"in\.csv:3: distance: not a number.*'far'.*--on-bad-rows",
        ),
        ("in.csv", b"distance,carier,day\n1,AA,1\n", Options(), DataError, "'carrier' Did you mean 'carier'"),
        ("in.csv", b"", Options(), DataError, "0 bytes"),
        ("in.csv", b"a,a\n", Options(), DataError, "appears twice"),
        (
            "in.csv",
            b'distance,carrier,day\n1,AA,1\n2,"AA,1\n3,AA,1\n',
            Options(),
            DataError,
            r"in.csv:3: a quote opens",
        ),
        ("in.csv", b"distance,carrier,day\n1,AA,1\n", Options(keep=("dya",)), UsageError, "Did you mean 'day'"),
        ("in.csv", b"distance,carrier,day,prediction\n1,AA,1,\n", Options(), UsageError, "--prefix"),
        ("in.csv", b"distance,carrier,day\n1,AA,1\n", Options(threshold=0.5), DataError, "--threshold"),
        ("in.csv", b"distance,carrier,day\n1,AA,1\n", Options(version=9), ModelError, "no version 9. Versions: 3"),
        ("in.csv", b"distance,carrier,day\n1,AA,1\n", Options(signature="serve"), ModelError, "no signature 'serve'"),
        ("in.csv.gz", b"distance", Options(), DataError, "does not read or unpack"),
        ("in.parquet", b"PAR1", Options(), DataError, "not Parquet"),
        ("in.jsonl", b"distance\n", Options(), DataError, "no line at its beginning is a JSON object"),
        ("in.docx", b"", Options(), UsageError, "the ending does not say the format"),
    ],
)
def test_what_cannot_be_predicted_is_said_and_leaves_nothing(
    model_path, tmp_path, name, content, options, error, sentence
):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=re.compile(sentence, re.DOTALL)):
        predict(model_path, tmp_path / name, tmp_path / "out.csv", options)
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_usage_is_checked_before_anything_is_read(model_path, tmp_path):
    given = tmp_path / "in.csv"
    given.write_text("distance,carrier,day\n1,AA,1\n")
    for output, sentence in (
        (given, "overwrite the input"),
        (tmp_path, "is a folder"),
        (tmp_path / "no/out.csv", "no such folder"),
    ):
        with pytest.raises(UsageError, match=sentence):
            predict(model_path, given, output)
    with pytest.raises(UsageError, match=r"Did you mean 'in\.csv'"):
        predict(model_path, tmp_path / "inn.csv", tmp_path / "out.csv")
    nested = pa.table({"distance": [1], "carrier": ["A"], "day": [1], "tags": [[1, 2]]})
    with pytest.raises(UsageError, match="'tags' is nested"):
        predict(model_path, write(nested, tmp_path / "in.parquet"), tmp_path / "out.csv")


# A process of its own that makes many small parts, so that it can be killed in between.
SMALL_PARTS = """
    import sys
    from stellwerk.serving.bulk import predict, running
    running.SERVER_BLOCK_BYTES, running.PART_ROWS = 400, 1
    predict(*sys.argv[1:])
"""


def finished(parts: Path) -> int:
    return len(list(parts.glob("[0-9]*.json")))


def until(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_a_killed_prediction_continues_and_gives_the_same_bytes(table, moody, tmp_path, warm):
    given = write(table.rename_columns(["name", "distance", "carrier", "day"]), tmp_path / "in.csv")
    predict(moody, given, tmp_path / "once.csv")
    _Moody.delay, parts = 0.4, tmp_path / ".out.csv.parts"
    run = ["python", "-c", textwrap.dedent(SMALL_PARTS), moody, given, tmp_path / "out.csv"]
    with warm.popen(run, stderr=subprocess.PIPE) as process:
        until(lambda: finished(parts) >= 3 or process.poll() is not None)
        assert process.poll() is None, process.stderr.read()
        with pytest.raises(UsageError, match="another process is writing it"):
            predict(moody, given, tmp_path / "out.csv")
        process.kill()
    assert not (tmp_path / "out.csv").exists()
    _Moody.delay = 0.0
    summary = predict(moody, given, tmp_path / "out.csv")
    assert 0 < summary.resumed_rows < N
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "once.csv").read_bytes()
    assert not parts.exists()


@pytest.fixture
def stopped(table, model_path, tmp_path, monkeypatch):
    """A function that predicts until the model fails in the middle, and returns what says the next attempt."""

    def stop(given: Path, output: Path) -> None:
        asked, ask = [], LocalModel.ask

        def failing(self, inputs):
            asked.append(1)
            if len(asked) > 8:
                raise ModelError("the model failed in the middle")
            return ask(self, inputs)

        with monkeypatch.context() as patched:
            patched.setattr(running, "BLOCK_BYTES", 800)
            patched.setattr(running, "PART_ROWS", 1)
            patched.setattr(LocalModel, "ask", failing)
            with pytest.raises(ModelError, match="in the middle"):
                predict(model_path, given, output)

    return stop


@pytest.mark.parametrize("kind", ["csv.gz", "jsonl", "parquet"])
def test_packed_and_typed_inputs_continue_too(table, expected, model_path, tmp_path, stopped, kind):
    given = write(table, tmp_path / f"in.{kind}")
    stopped(given, tmp_path / "out.parquet")
    summary = predict(model_path, given, tmp_path / "out.parquet")
    assert summary.resumed_rows > 0
    np.testing.assert_array_equal(answers(read(tmp_path / "out.parquet")), expected)


@pytest.mark.parametrize("changed", ["input", "options", "model"])
def test_what_changed_in_between_starts_anew_and_says_so(table, model_path, tmp_path, stopped, capsys, changed):
    given = write(table, tmp_path / "in.csv")
    stopped(given, tmp_path / "out.csv")
    options = Options(prefix="new_") if changed == "options" else Options()
    if changed == "input":
        given.write_text(given.read_text() + "x,1,AA,1\n")
    if changed == "model":
        options = Options(signature="names")
        given.write_text(given.read_text())
        os.utime(given)
    summary = predict(model_path, given, tmp_path / "out.csv", options, progress=sys.stderr)
    assert summary.resumed_rows == 0
    assert re.search(f"starting anew: another .*{changed}", capsys.readouterr().err)


MEMORY = """
    import resource, sys
    from stellwerk.serving.bulk import predict
    for given in sys.argv[2:]:
        predict(sys.argv[1], given, given + ".parquet")
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_the_rows(model_path, tmp_path):
    row = b"%d.5,AA,%d," + b"x" * 400 + b"\n"
    lines = b"".join(row % (number, number % 7) for number in range(1000))
    for times in (30, 330):
        with (tmp_path / f"{times}.csv").open("wb") as file:
            file.write(b"distance,carrier,day,text\n")
            file.writelines(lines for _ in range(times))
    files = [tmp_path / "30.csv", tmp_path / "330.csv"]
    run = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(MEMORY), model_path, *files]
    small, large = map(int, subprocess.run(run, check=True, capture_output=True, text=True).stdout.split())
    assert pq.read_metadata(tmp_path / "330.csv.parquet").num_rows == 330_000
    assert large < small + 100, "135 MB of text may not take as much memory"


# --- through a server ---


@pytest.fixture
def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(other.getsockname()[1])


def serving(warm: Warm, model_path: Path, grpc_port: int, port: int) -> Any:
    process = warm.popen(
        ["serve", model_path.parent, "--port", grpc_port, "--rest-port", port], stderr=subprocess.DEVNULL
    )

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(answers)
    return process


def test_through_our_server_which_goes_away_and_comes_back(table, expected, model_path, tmp_path, free_ports, warm):
    given = write(table, tmp_path / "in.parquet")
    url = f"http://127.0.0.1:{free_ports[1]}/v1/models/flights"
    options = Options(batch_size=1, connection=Connection(clients=2, patience=240))
    server = serving(warm, model_path, *free_ports)
    try:
        assert predict(url, given, tmp_path / "all.jsonl", Options()).rows == N
        np.testing.assert_array_equal(answers(read(tmp_path / "all.jsonl")), expected)
        predict(f"grpc://127.0.0.1:{free_ports[0]}/flights", given, tmp_path / "all.parquet")
        np.testing.assert_array_equal(answers(read(tmp_path / "all.parquet")), expected)
        result: list[object] = []
        thread = threading.Thread(target=lambda: result.append(predict(url, given, tmp_path / "out.csv", options)))
        thread.start()
        until((tmp_path / ".out.csv.parts" / "00000.part").exists)
        server.send_signal(signal.SIGKILL)
        server.wait()
        assert thread.is_alive()
        server = serving(warm, model_path, *free_ports)
        thread.join(300)
    finally:
        server.kill()
        server.wait()
    assert result
    np.testing.assert_array_equal(answers(read(tmp_path / "out.csv")), expected)


class _Moody(BaseHTTPRequestHandler):
    """A server that answers as TensorFlow Serving does, but first refuses as `moods` says, and wants a token."""

    protocol_version = "HTTP/1.1"
    moods: ClassVar[list[int]] = []
    seen: ClassVar[list[dict[str, object]]] = []
    delay = 0.0

    def do_GET(self) -> None:
        string = {"dtype": "DT_STRING", "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}}
        score = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "1"}]}}
        signature = {"inputs": {"name": string}, "outputs": {"probabilities": score}}
        definition = {"signature_def": {"serving_default": signature}}
        model = {"name": "m", "signature_name": "", "version": "12"}
        self.reply(200, {"model_spec": model, "metadata": {"signature_def": definition}})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append({"path": self.path, "token": self.headers["Authorization"], "request": request})
        status = self.moods.pop(0) if self.moods else 200
        time.sleep(self.delay)
        scores = [[0.1]] * len(request["inputs"]["name"])
        self.reply(status, {"outputs": scores} if status == 200 else {"error": f"mood {status}"})

    def reply(self, status: int, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def moody():
    _Moody.moods, _Moody.seen, _Moody.delay = [], [], 0.0
    with ThreadingHTTPServer(("127.0.0.1", 0), _Moody) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/models/m"
        server.shutdown()
        thread.join()


@pytest.fixture
def names(tmp_path) -> Path:
    (tmp_path / "in.csv").write_text("name\nA\n\nB\n")
    (tmp_path / "in.jsonl").write_text('{"name": "A"}\n{"name": null}\n{"name": "\\u00e9"}\n')
    return tmp_path / "in.jsonl"


def test_a_busy_server_is_asked_again_and_the_version_stays(moody, names, tmp_path):
    _Moody.moods = [503, 429, 503]
    options = Options(connection=Connection(token="secret-1"), threshold=0.1)
    predict(moody, names, tmp_path / "out.jsonl", options)
    assert read(tmp_path / "out.jsonl").to_pylist()[2] == {"name": "é", "probability": 0.1, "predicted": 1}
    assert {one["path"] for one in _Moody.seen} == {"/v1/models/m/versions/12:predict"}
    assert {one["token"] for one in _Moody.seen} == {"Bearer secret-1"}
    assert _Moody.seen[-1]["request"]["inputs"] == {"name": ["A", "", "é"]}


@pytest.mark.parametrize(
    ("moods", "sentence"),
    [
        ([503] * 50, "no answer for 0.3 s: status 503: mood 503. When the server is there"),
        ([400], "refused with status 400: mood 400"),
        ([401], "--token-file"),
        ([404], "If the version was unloaded"),
        ([413], "--batch-size"),
    ],
)
def test_a_refusal_is_told_without_the_token(moody, names, tmp_path, moods, sentence):
    _Moody.moods = list(moods)
    options = Options(connection=Connection(patience=0.3, token="secret-2"))
    with pytest.raises(ModelError, match=re.escape(sentence)) as told:
        predict(moody, names, tmp_path / "out.csv", options)
    assert "secret-2" not in str(told.value) + repr(options)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("model", "error", "sentence"),
    [
        ("http://127.0.0.1:{port}/v1/models/m", ModelError, "no answer for 0.1 s"),
        ("ftp://h/v1/models/m", UsageError, "not the address of a served model"),
        ("http://user:hush@h/v1/models/m", UsageError, r"http://\.\.\.@h"),
        ("http://h:1/models/m", UsageError, "http://HOST:8501/v1/models/NAME"),
        ("http://h:99999/v1/models/m", UsageError, "[Pp]ort"),
        ("http://h:1/v1/models/m/versions/2", UsageError, "names version 2, and --version 3"),
    ],
)
def test_an_address_where_nothing_answers_is_told(names, tmp_path, free_ports, model, error, sentence):
    options = Options(version=3 if "versions" in model else None, connection=Connection(patience=0.1))
    with pytest.raises(error, match=sentence) as told:
        predict(model.format(port=free_ports[0]), names, tmp_path / "out.csv", options)
    assert "hush" not in str(told.value)


class _Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers as TensorFlow Serving does, from a loaded model; at first it refuses with the codes in `moods`."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.moods: list[grpc.StatusCode] = []
        self.seen: list[tuple[int, str]] = []

    def GetModelMetadata(self, request, context):  # noqa: N802 - gRPC's names
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.model_spec.name, answer.model_spec.version.value = request.model_spec.name, 3
        definitions = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in self.model.signatures.items():
            definitions.signature_def[name].CopyFrom(signature.definition)
        answer.metadata["signature_def"].Pack(definitions)
        return answer

    def Predict(self, request, context):  # noqa: N802
        self.seen.append((request.model_spec.version.value, dict(context.invocation_metadata()).get("authorization")))
        if self.moods:
            context.abort(self.moods.pop(0), "in a mood")
        outputs = self.model.predict({name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()})
        answer = predict_pb2.PredictResponse()
        for name, values in outputs.items():
            answer.outputs[name].CopyFrom(tf.make_tensor_proto(values))
        return answer


@pytest.fixture
def servicer(model):
    made = _Servicer(model)
    server = grpc.server(ThreadPoolExecutor(4))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(made, server)
    made.address = f"grpc://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}/flights"
    server.start()
    yield made
    server.stop(None).wait()


def test_through_grpc_with_retries_and_a_token(table, expected, tmp_path, servicer):
    codes = grpc.StatusCode
    servicer.moods = [codes.UNAVAILABLE, codes.RESOURCE_EXHAUSTED, codes.DEADLINE_EXCEEDED]
    options = Options(batch_size=100, connection=Connection(token="secret-3"))
    summary = predict(servicer.address, write(table, tmp_path / "in.csv"), tmp_path / "out.parquet", options)
    assert summary.rows == N
    np.testing.assert_array_equal(answers(read(tmp_path / "out.parquet")), expected)
    assert set(servicer.seen) == {(3, "Bearer secret-3")}


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("UNAVAILABLE", "no answer for 0.2 s: UNAVAILABLE: in a mood"),
        ("INVALID_ARGUMENT", "refused with INVALID_ARGUMENT: in a mood"),
        ("UNAUTHENTICATED", "--token-file"),
        ("NOT_FOUND", "If the version was unloaded"),
    ],
)
def test_a_refusal_over_grpc_is_told(table, tmp_path, servicer, code, sentence):
    servicer.moods = [grpc.StatusCode[code]] * 50
    given = write(table.slice(0, 5), tmp_path / "in.jsonl")
    with pytest.raises(ModelError, match=re.escape(sentence)):
        predict(servicer.address, given, tmp_path / "o.csv", Options(connection=Connection(patience=0.2)))
    with pytest.raises(ModelError, match="no signature 'serving'"):
        predict(servicer.address, given, tmp_path / "o.csv", Options(signature="serving"))


# --- the command ---


def command(*arguments: object):
    return CliRunner().invoke(cli, ["predict", *map(str, arguments)], catch_exceptions=True)


def test_the_command_says_what_it_did(table, model_path, tmp_path):
    given = write(table, tmp_path / "in.csv")
    done = command(model_path, given, "-o", tmp_path / "out.parquet", "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["rows"], summary["bad_rows"], summary["output"]) == (N, 0, str(tmp_path / "out.parquet"))


def test_stdout_gets_the_rows_and_nothing_else(table, model_path, tmp_path):
    given = write(table.slice(0, 3), tmp_path / "in.parquet")
    done = command(model_path, given, "-o", "-", "--only-predictions")
    assert [list(json.loads(line)) for line in done.stdout.splitlines()] == [["prediction"]] * 3
    done = command(model_path, write(table.slice(0, 1), tmp_path / "in.csv"), "-o", "-", "--keep", "id")
    assert done.stdout.splitlines()[0] == "id,prediction"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-o", "-", "--json"], "both want stdout"),
        (["-o", "o.csv", "--only-predictions", "--keep", "day"], "Leave one of them out"),
        (["-o", "o.csv", "--batch-size", "0"], "at least 1 row"),
        (["-o", "o.csv", "--clients", "0"], "at least 1 request"),
        (["-o", "o.csv", "--threshold", "2"], "between 0 and 1"),
        (["-o", "o.csv", "--cert", "c.pem"], "belong together"),
        (["-o", "o.csv", "--token-file", "no-such-file"], "cannot be read"),
    ],
)
def test_options_that_contradict_each_other_are_told(arguments, sentence):
    done = command("m", "in.csv", *arguments)
    assert isinstance(done.exception, UsageError)
    assert sentence in str(done.exception)


def test_the_token_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    chosen = {"only_predictions": False, "keep": (), "null_values": ("-",), "token_file": None, "clients": 1}
    chosen |= {"timeout": 1.0, "patience": 1.0, "ca": None, "cert": None, "key": None}
    monkeypatch.setenv("STELLWERK_TOKEN", "of-the-environment\n")
    assert options_from(chosen).connection.token == "of-the-environment"
    (tmp_path / "token").write_text("of the file")
    with pytest.raises(StellwerkError, match="one word") as told:
        options_from({**chosen, "token_file": tmp_path / "token"})
    assert "of the file" not in str(told.value)


def test_predict_is_there_from_python(table, model_path, tmp_path):
    assert stellwerk.predict(model_path, write(table, tmp_path / "in.jsonl"), tmp_path / "o.csv").rows == N
