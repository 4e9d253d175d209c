"""`init` looks at data and writes a spec that fits it, says why, and runs as it is."""

from __future__ import annotations

import gzip
import os
import pty
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn import datasets

from stellwerk.__main__ import cli
from stellwerk.errors import UsageError
from stellwerk.loading import load
from stellwerk.pipelines.checking import check
from stellwerk.pipelines.starting.yaml_text import flow
from stellwerk.spec import Spec
from stellwerk.spec.data import HashSplit

Init = Callable[..., Spec]

ROWS = 400


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Init:
    """Writes rows (a dict of columns) to a CSV file, has a spec written for it, checks that it fits, and returns it."""
    monkeypatch.chdir(tmp_path)

    def start(columns: dict[str, Any] | Path, *options: str) -> Spec:
        data = columns if isinstance(columns, Path) else _csv(tmp_path / "rows.csv", columns)
        ran = CliRunner().invoke(
            cli, ["init", str(data), "--yes", *options], catch_exceptions=False, standalone_mode=False
        )
        assert ran.exit_code == 0, ran.output
        loaded = load("pipeline.yaml")
        assert [str(problem) for problem in check(loaded)] == []
        return loaded.spec

    return start


def _csv(path: Path, columns: dict[str, Any], delimiter: str = ",") -> Path:
    rows = zip(*columns.values(), strict=True)
    cells = [[*columns], *([("" if value is None else str(value)) for value in row] for row in rows)]
    quoted = [[f'"{cell}"' if delimiter in cell else cell for cell in row] for row in cells]
    path.write_text("".join(delimiter.join(row) + "\n" for row in quoted), encoding="utf-8")
    return path


def _customers() -> dict[str, list[Any]]:
    chance = random.Random(7)
    plans = [chance.choice(("basic", "plus", "pro")) for _ in range(ROWS)]
    ages = [chance.randint(18, 80) for _ in range(ROWS)]
    words = [
        "slow",
        "help",
        "again",
        "router",
        "bill",
        "line",
        "cable",
        "call",
        "late",
        "wrong",
        "nice",
        "agent",
        "price",
        "month",
        "twice",
    ]
    return {
        "row": list(range(1, ROWS + 1)),
        "customer_id": [f"C{number % 130:04}" for number in range(ROWS)],
        "age": [age if number % 10 else None for number, age in enumerate(ages)],
        "plan": plans,
        "income": [round(chance.lognormvariate(9, 2.5), 2) for _ in range(ROWS)],
        "since": [f"20{10 + number % 12}-{1 + number % 12:02}-{1 + number % 28:02}" for number in range(ROWS)],
        "complaint": [" ".join(chance.choices(words, k=6)) for _ in range(ROWS)],
        "paperless": [chance.choice(("yes", "no")) for _ in range(ROWS)],
        "version": ["v3"] * ROWS,
        "ticket": [f"T{chance.getrandbits(40):x}" for _ in range(ROWS)],
        "left": [int(age > 50) ^ int(chance.random() < 0.2) for age in ages],
    }


def _types(spec: Spec) -> dict[str, str]:
    return {name: feature.type for name, feature in spec.features.items()}


def test_each_column_becomes_what_its_values_say(init: Init):
    spec = init(_customers())
    assert _types(spec) == {
        "age": "number",
        "plan": "category",
        "income": "number",
        "since": "time",
        "complaint": "text",
        "paperless": "boolean",
    }
    age: Any = spec.features["age"]
    assert (age.missing, age.missing_indicator) == ("median", True)
    income: Any = spec.features["income"]
    assert income.scale == "log"


def test_what_is_left_out_is_named_with_the_reason(init: Init):
    init(_customers())
    lines = Path("pipeline.yaml").read_text(encoding="utf-8").splitlines()
    reasons = {line.split("#")[1].strip(): line.split("#")[2] for line in lines if line.startswith("#   ")}
    assert "counts the rows" in reasons["row"]
    assert "the same in every row" in reasons["version"]
    assert "400 different" in reasons["ticket"]
    assert "split" in reasons["customer_id"]


def test_rows_of_one_id_that_repeats_stay_together(init: Init):
    split = init(_customers()).data.split
    assert isinstance(split, HashSplit)
    assert split.key == ("customer_id",)


def test_classes_have_their_share_in_every_split_where_rows_stand_for_themselves(init: Init):
    columns = _customers()
    del columns["customer_id"]
    split = init(columns).data.split
    assert isinstance(split, HashSplit)
    assert split.stratify == "left"
    Path("pipeline.yaml").unlink()
    assert init(columns, "--target", "income").data.split.stratify is None


def test_the_target_is_the_column_with_a_name_of_targets(init: Init):
    spec = init(_customers())
    assert (spec.target.column, spec.target.type) == ("left", "binary")


def test_what_the_user_says_of_the_target_is_taken(init: Init):
    spec = init(_customers(), "--target", "income")
    assert (spec.target.column, spec.target.type) == ("income", "regression")
    assert "income" not in spec.features


def test_a_column_made_of_the_target_is_left_out_but_not_hidden(init: Init):
    columns = _customers()
    columns["refund"] = [100 + number % 50 if left else number % 50 for number, left in enumerate(columns["left"])]
    columns["reason"] = ["moved" if left else "none" for left in columns["left"]]
    columns = {name: columns[name] for name in ("age", "plan", "refund", "reason", "left")}
    spec = init(columns)
    assert set(spec.features) == {"age", "plan"}
    text = Path("pipeline.yaml").read_text(encoding="utf-8")
    assert "#   refund: {type: number}" in text
    assert "a leak?" in text


def test_a_quantity_that_follows_from_another_by_any_growing_rule_is_a_leak(init: Init):
    chance = random.Random(3)
    wage = [20 + 100 * chance.random() for _ in range(ROWS)]
    columns = {"age": [chance.randint(18, 70) for _ in wage], "log_wage": [each**0.3 for each in wage], "wage": wage}
    spec = init(columns)
    assert spec.target.type == "regression"
    assert set(spec.features) == {"age"}


PAIRS = {
    "a difference": lambda a, b, u, v: a - b,
    "a product": lambda a, b, u, v: a * b,
    "a line": lambda a, b, u, v: "yes" if a > 2 * b else "no",
    "two categories": lambda a, b, u, v: "yes" if (u == "x") != (v == "p") else "no",
}


@pytest.mark.parametrize("made", list(PAIRS))
def test_two_columns_that_tell_the_target_together_are_named(init: Init, made: str):
    chance = random.Random(11)
    columns = {name: [round(chance.random() * 10, 3) for _ in range(ROWS)] for name in ("a", "b", "c")}
    columns |= {"u": chance.choices("xyz", k=ROWS), "v": chance.choices("pqr", k=ROWS)}
    columns["y"] = [PAIRS[made](a, b, u, v) for a, b, u, v in zip(*(columns[name] for name in "abuv"), strict=True)]
    spec = init(columns, "--target", "y")
    first, second = ("u", "v") if made == "two categories" else ("a", "b")
    lines = Path("pipeline.yaml").read_text(encoding="utf-8").splitlines()
    warned = {line.split(":")[0].strip() for line in lines if "a leak? with" in line}
    assert warned == {first, second}
    assert {first, second} <= set(spec.features), "it is a suspicion: they stay"


@pytest.mark.parametrize("kind", ["quantity", "classes"])
def test_two_columns_that_nearly_tell_it_are_not(init: Init, kind: str):
    chance = random.Random(12)
    columns = {name: [chance.gauss(0, 1) for _ in range(ROWS)] for name in ("a", "b", "c")}
    noisy = [a - b + chance.gauss(0, 0.2) for a, b in zip(columns["a"], columns["b"], strict=True)]
    columns["y"] = noisy if kind == "quantity" else [int(value > 0) for value in noisy]
    init(columns, "--target", "y")
    assert "a leak?" not in Path("pipeline.yaml").read_text(encoding="utf-8")


def test_a_strong_but_honest_column_stays(init: Init):
    columns = _customers()
    chance = random.Random(5)
    columns["score"] = [left + chance.gauss(0, 0.5) for left in columns["left"]]
    columns = {name: columns[name] for name in ("age", "score", "left")}
    assert "score" in init(columns).features


def test_the_rarer_of_two_texts_is_positive_unless_a_word_says_which(init: Init):
    base = {"x": [number * 7 % 101 for number in range(ROWS)]}
    rare = ["open" if number % 5 else "shut" for number in range(ROWS)]
    assert init({**base, "class": rare}).target.positive == "shut"
    Path("pipeline.yaml").unlink()
    spam = ["ham" if number % 5 == 0 else "spam" for number in range(ROWS)]
    assert init({**base, "class": spam}).target.positive == "spam"


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%Y/%m/%d", "%m/%d/%Y %H:%M"])
def test_dates_that_are_not_iso_are_read_by_their_format(init: Init, form: str):
    from datetime import datetime, timedelta  # noqa: PLC0415

    days = [
        (datetime(2020, 1, 1, 5) + timedelta(days=7 * number, hours=number)).strftime(form) for number in range(ROWS)
    ]
    spec = init(
        {"day": days, "x": [number % 13 for number in range(ROWS)], "y": [number % 2 for number in range(ROWS)]}
    )
    assert spec.features["day"].type == "time"
    assert "month" in spec.features["day"].parts


def test_words_that_stand_for_a_missing_number_are_told_to_the_source(init: Init):
    power = ["?" if number % 40 == 0 else number % 97 for number in range(ROWS)]
    spec = init({"power": power, "y": [number % 2 for number in range(ROWS)]})
    assert spec.features["power"].type == "number"
    assert "?" in spec.data.sources["rows"].null_values


@pytest.mark.parametrize(
    ("written", "marks"),
    [
        ("1.234,5", (",", ".")),
        ("1234,5", (",", None)),
        ("1,234.5", (".", ",")),
        ("1\u202f234,5", (",", " ")),
        ("1\u00a0234.5", (".", " ")),
        ("1\u2019234.50", (".", "'")),
    ],
)
def test_numbers_are_read_with_the_marks_they_have(
    init: Init, tmp_path: Path, written: str, marks: tuple[str, str | None]
):
    prices = [written.replace("234", f"{234 + number}") for number in range(ROWS)]
    columns = {
        "price": prices,
        "rooms": [number % 5 for number in range(ROWS)],
        "y": [number % 2 for number in range(ROWS)],
    }
    spec = init(_csv(tmp_path / "rows.csv", columns, ";"), "--target", "y")
    source = spec.data.sources["rows"]
    assert (source.decimal, source.thousands) == marks
    assert spec.features["price"].type == "number"


def test_marks_are_those_of_all_columns_together(init: Init, tmp_path: Path):
    columns = {
        "height": [f"{150 + number},5" for number in range(ROWS)],
        "price": [f"{number + 1}.{number:03}" for number in range(ROWS)],
        "y": [number % 2 for number in range(ROWS)],
    }
    source = init(_csv(tmp_path / "rows.csv", columns, ";"), "--target", "y").data.sources["rows"]
    assert (source.decimal, source.thousands) == (",", ".")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_an_encoding_that_is_not_utf_8_is_found(init: Init, tmp_path: Path, encoding: str):
    columns = {
        "Größe": [number % 31 for number in range(ROWS)],
        "Ort": ["Köln", "Ülm"] * (ROWS // 2),
        "y": [0, 1] * (ROWS // 2),
    }
    data = _csv(tmp_path / "rows.csv", columns)
    data.write_bytes(data.read_text(encoding="utf-8").encode(encoding))
    assert set(init(data).features) == {"Größe"}


def test_semicolons_are_seen(init: Init, tmp_path: Path):
    spec = init(_csv(tmp_path / "rows.csv", _customers(), ";"))
    assert "age" in spec.features


def test_rows_without_a_target_and_classes_of_a_few_rows_are_left_to_the_query(init: Init):
    kinds = [None if number % 8 == 0 else "a" if number % 3 else "b" for number in range(ROWS)]
    kinds[1:4] = ["rare"] * 3
    spec = init(
        {"x": [number % 31 for number in range(ROWS)], "kind": kinds}, "--target", "kind", "--task", "multiclass"
    )
    assert spec.data.query is not None
    assert "IS NOT NULL" in spec.data.query
    assert "'rare'" in spec.data.query


def test_packed_files_parquet_and_folders_are_looked_at_as_ingest_reads_them(init: Init, tmp_path: Path):
    columns = _customers()
    plain = _csv(tmp_path / "plain.csv", columns)
    expected = set(init(plain).features)
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    zipped = tmp_path / "zipped.csv.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(plain, "plain.csv")
    parquet = tmp_path / "table.parquet"
    pq.write_table(pa.table(columns), parquet)
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "a.csv").write_bytes(plain.read_bytes())
    for each in (packed, zipped, parquet, folder):
        Path("pipeline.yaml").unlink()
        assert set(init(each).features) == expected, each


def test_the_path_in_the_spec_starts_at_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    _csv(tmp_path / "rows.csv", _customers())
    ran = CliRunner().invoke(cli, ["init", "rows.csv", "--yes", "-o", "specs/p.yaml"], standalone_mode=False)
    assert ran.exit_code == 0
    loaded = load("specs/p.yaml")
    assert loaded.spec.data.sources["rows"].path == "../rows.csv"
    assert check(loaded) == []


def test_nothing_is_overwritten(init: Init):
    Path("pipeline.yaml").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="exists already"):
        init(_customers())
    assert Path("pipeline.yaml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--target", "lft"), "Did you mean 'left'"),
        (("--target", "plan", "--task", "regression"), "holds texts"),
        (("--target", "plan", "--task", "binary"), "has 3 values"),
        (("--target", "version"), "nothing to learn"),
    ],
)
def test_a_target_that_cannot_be_is_refused_in_words(init: Init, options: tuple[str, ...], said: str):
    with pytest.raises(UsageError, match=said):
        init(_customers(), *options)
    assert not Path("pipeline.yaml").exists()


def test_on_a_terminal_the_guess_is_asked_for(tmp_path: Path):
    data = _csv(tmp_path / "rows.csv", _customers())
    keyboard, terminal = pty.openpty()
    command = [sys.executable, "-m", "stellwerk", "init", str(data), "-o", str(tmp_path / "p.yaml")]
    with subprocess.Popen(command, stdin=terminal, stderr=terminal, stdout=subprocess.PIPE) as started:
        os.write(keyboard, b"plan\n\n")
        assert started.wait(60) == 0
    said = os.read(keyboard, 100_000).decode()
    os.close(keyboard)
    os.close(terminal)
    assert "What is to be predicted? [left]" in said
    target = load(tmp_path / "p.yaml").spec.target
    assert (target.column, target.type) == ("plan", "multiclass")


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.csv.gz", "rows.json", "rows.txt"])
def test_check_on_data_names_init(tmp_path: Path, name: str, stellwerk):
    data = tmp_path / name
    data.write_text('{"a": 1}\n{"a": 2}\n', encoding="utf-8")
    ran = stellwerk("check", data)
    assert ran.returncode == 2
    assert "is data and no spec" in ran.stderr
    assert "stellwerk init" in ran.stderr


@pytest.mark.parametrize(
    "value", ["no", "null", "1e3", "a: b", "x #y", "${HOME}", "tab\there", "'", "Größe (m²)", "- a", "~", "{a}", "a\nb"]
)
def test_every_text_is_read_back_as_it_was(tmp_path: Path, value: str):
    path = tmp_path / "p.yaml"
    path.write_text(
        f"name: x\ndata: {{sources: {{a: a.csv}}}}\nfeatures: {{a: {flow({'type': 'number', 'column': value})}}}\n"
        "target: {column: y, type: binary}\n",
        encoding="utf-8",
    )
    assert load(path).spec.features["a"].columns_of("a") == (value,)


SETS: dict[str, Callable[..., Any]] = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
    "digits": datasets.load_digits,
}
TASKS = {
    "iris": "multiclass",
    "wine": "multiclass",
    "breast_cancer": "binary",
    "diabetes": "regression",
    "digits": "multiclass",
}


def _export(name: str, folder: Path) -> Path:
    table = SETS[name]()
    columns = {str(column): table.data[:, place].tolist() for place, column in enumerate(table.feature_names)}
    return _csv(folder / f"{name}.csv", {**columns, "target": table.target.tolist()})


@pytest.mark.parametrize("name", SETS)
def test_public_sets_get_a_spec_that_fits(init: Init, tmp_path: Path, name: str):
    spec = init(_export(name, tmp_path))
    assert (spec.target.column, spec.target.type) == ("target", TASKS[name])
    assert len(spec.features) >= 4


@pytest.mark.parametrize("name", ["iris", "breast_cancer"])
def test_public_sets_come_from_a_file_to_a_pushed_model_with_nothing_edited(tmp_path: Path, name: str, stellwerk):
    _export(name, tmp_path)
    started = stellwerk("init", tmp_path / f"{name}.csv", "--yes", "-o", tmp_path / "pipeline.yaml")
    assert started.returncode == 0, started.stderr
    ran = stellwerk("run", tmp_path / "pipeline.yaml")
    assert ran.returncode == 0, ran.stderr
    assert list((tmp_path / "models").glob("*/1/saved_model.pb"))


def _pictures(folder: Path, classes: dict[str, int]) -> Path:
    for kind, count in classes.items():
        (folder / kind).mkdir(parents=True)
        for number in range(count):
            values = np.random.default_rng([number, *kind.encode()]).integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(values).save(folder / kind / f"{number}.png")
    return folder


def test_a_folder_of_pictures_becomes_a_spec_with_a_class_a_folder(init, tmp_path):
    spec = init(_pictures(tmp_path / "photos", {"bird": 40, "cat": 40, "dog": 40, "newt": 3}))
    assert spec.data.sources["photos"].format == "images"
    assert "content AS photo" in str(spec.data.query)
    assert "NOT IN ('newt')" in str(spec.data.query), "three pictures are too few to learn and to test a class"
    assert isinstance(spec.data.split, HashSplit)
    assert spec.data.split.key == ("photo",)
    assert {name: one.type for name, one in spec.features.items()} == {"photo": "image"}
    assert (spec.target.column, spec.target.type) == ("label", "multiclass")


def test_an_archive_of_pictures_is_one_too(init, tmp_path):
    folder = _pictures(tmp_path / "photos", {"cat": 30, "dog": 30})
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, path.relative_to(folder))
    assert init(tmp_path / "photos.zip").data.sources["photos"].format == "images"


def test_a_folder_with_pictures_of_one_class_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _pictures(tmp_path / "photos", {"cat": 5})
    with pytest.raises(UsageError, match=r"photos: all 5 files are in one folder \(cat\), and folders are the classes"):
        CliRunner().invoke(cli, ["init", "photos", "--yes"], catch_exceptions=False, standalone_mode=False)
