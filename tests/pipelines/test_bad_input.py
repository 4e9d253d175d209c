"""Bad input through the command line: one clear paragraph, the right exit code, nothing half-written."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

Edit = Callable[[Path], None]


def _data(edit: Callable[[str], str]) -> Edit:
    def apply(spec: Path) -> None:
        data = spec.parent / "flights.csv"
        data.write_text(edit(data.read_text()))

    return apply


def _spec(old: str, new: str) -> Edit:
    def apply(spec: Path) -> None:
        text = spec.read_text()
        assert old in text
        spec.write_text(text.replace(old, new))

    return apply


def _first_line(change: Callable[[str], str]) -> Edit:
    def edit(text: str) -> str:
        first, _, rest = text.partition("\n")
        return change(first) + "\n" + rest

    return _data(edit)


def _one_class(text: str) -> str:
    return "\n".join(line[:-1] + "0" if line.endswith("1") else line for line in text.splitlines()) + "\n"


REFUSED_BEFORE_ANYTHING_RUNS: dict[str, tuple[Edit, str]] = {
    "no such file": (lambda spec: (spec.parent / "flights.csv").unlink(), "pipeline.yaml:3"),
    "empty file": (_data(lambda _: ""), "empty"),
    "header only": (_data(lambda text: text.splitlines()[0] + "\n"), "pipeline.yaml:3"),
    "one column missing": (_first_line(lambda line: line.replace("distance", "distanse")), "Did you mean 'distanse'?"),
    "duplicate column names": (_first_line(lambda line: line.replace("month", "year")), "year"),
    "target with one class": (_data(_one_class), "late"),
    "YAML syntax error": (_spec("target: {", "target: {{"), "pipeline.yaml:"),
    "a tab": (_spec("  sources", "\tsources"), "tab"),
    "a duplicate key": (_spec("train: {", "model: {type: dense}\ntrain: {"), "model"),
    "an unknown key": (_spec("epochs: 2", "epoch: 2"), "Did you mean 'epochs'?"),
    "a hook file that is not there": (
        _spec("model: {type: dense, hidden: [16]}", "model: {build: net.py:build}"),
        "net.py",
    ),
    "an unknown slice column": (_spec("[[origin]]", "[[orign]]"), "Did you mean 'origin'?"),
}


@pytest.mark.parametrize("case", REFUSED_BEFORE_ANYTHING_RUNS)
def test_a_wrong_spec_or_data_is_refused_before_anything_runs(case: str, tmp_path, make_project, stellwerk):
    edit, expected = REFUSED_BEFORE_ANYTHING_RUNS[case]
    spec = make_project(tmp_path / "project")
    edit(spec)
    ran = stellwerk("run", spec)
    assert ran.returncode == 2, ran.stderr
    assert expected in ran.stderr
    assert "pipeline.yaml" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (spec.parent / "runs").exists()
    assert not (spec.parent / "models").exists()


def _newest(spec: Path) -> Path:
    return sorted((spec.parent / "runs" / "small-flights").glob("[0-9]*"))[-1]


def _ingested(spec: Path) -> dict[str, object]:
    manifest: dict[str, object] = json.loads((_newest(spec) / "ingest" / "examples" / "dataset.json").read_text())
    return manifest


def _line(number: int, change: Callable[[str], str]) -> Edit:
    def edit(text: str) -> str:
        lines = text.splitlines()
        lines[number - 1] = change(lines[number - 1])
        return "\n".join(lines) + "\n"

    return _data(edit)


BAD_ROWS: dict[str, Edit] = {
    "a string in a numeric column": _line(5000, lambda line: line.rsplit(",", 2)[0] + ",far away,0"),
    "a row with too few columns": _line(70, lambda line: line.rsplit(",", 1)[0]),
    "a row with too many columns": _line(70, lambda line: line + ",1,2"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_row_is_set_aside_with_its_line_and_reason(case: str, tmp_path, make_project, stellwerk):
    spec = make_project(tmp_path / "project")
    BAD_ROWS[case](spec)
    ran = stellwerk("run", spec, "--until", "ingest")
    assert ran.returncode == 0, ran.stderr
    (row,) = (_newest(spec) / "ingest" / "examples" / "quarantine" / "rows.jsonl").read_text().splitlines()
    assert json.loads(row)["line"] in (70, 5000)
    assert json.loads(row)["reason"]


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_row_fails_the_run_where_the_spec_says_so(case: str, tmp_path, make_project, stellwerk):
    spec = make_project(tmp_path / "project")
    BAD_ROWS[case](spec)
    _spec("  split:", "  on_bad_rows: fail\n  split:")(spec)
    ran = stellwerk("run", spec, "--until", "ingest")
    assert ran.returncode == 2, ran.stderr
    assert "70" in ran.stderr or "5000" in ran.stderr
    assert not list((spec.parent / "runs").glob("*/*/ingest/examples"))
    assert "Traceback" not in ran.stderr


def test_a_wrong_encoding_is_told_and_latin_1_is_read_when_asked_for(tmp_path, make_project, stellwerk):
    spec = make_project(tmp_path / "project")
    data = spec.parent / "flights.csv"
    data.write_bytes(data.read_text().replace("EWR", "Zürich").encode("latin-1"))
    ran = stellwerk("run", spec, "--until", "ingest")
    assert ran.returncode in (2, 3), ran.stderr
    assert "utf-8" in ran.stderr.lower()
    _spec("{flights: flights.csv}", "{flights: {path: flights.csv, encoding: latin-1}}")(spec)
    ran = stellwerk("run", spec, "--until", "ingest")
    assert ran.returncode == 0, ran.stderr


def test_a_split_that_leaves_eval_empty_is_told(tmp_path, make_project, stellwerk):
    spec = make_project(tmp_path / "project")
    _spec("key: [year, month, day]", "key: [year]")(spec)
    ran = stellwerk("run", spec)
    assert ran.returncode in (2, 3)
    assert "split" in ran.stderr
    assert "no rows" in ran.stderr or "empty" in ran.stderr
    assert not (spec.parent / "models").exists()


def test_a_hook_file_that_does_not_import_is_told_with_its_line(project: Path, stellwerk):
    _spec("model: {type: dense, hidden: [16]}", "model: {build: net.py:build}")(project)
    (project.parent / "net.py").write_text("import no_such_module\n\ndef build(inputs):\n    return None\n")
    ran = stellwerk("run", project)
    assert ran.returncode == 3
    assert "net.py:1" in ran.stderr
    assert "no_such_module" in ran.stderr
    assert not (_newest(project) / "train" / "model").exists()


def test_a_hook_that_does_not_end_is_ended_and_told(project: Path, stellwerk):
    _spec("model: {type: dense, hidden: [16]}", "model: {build: net.py:build}\nhooks: {timeout_seconds: 2}")(project)
    (project.parent / "net.py").write_text("def build(inputs):\n    while True:\n        pass\n")
    ran = stellwerk("run", project)
    assert ran.returncode == 3
    assert "model.build: net.py:build has not ended after 2 s. Mend it, or raise hooks.timeout_seconds." in ran.stderr


QUIET = "    while True:\n        try:\n            time.sleep(60)\n        except BaseException:\n            pass\n"


def _is_ended(project: Path, ran: subprocess.CompletedProcess[str], step: str, what: str) -> None:
    said = f"step {step}: {what} has not ended after 2 s. Mend it, or raise hooks.timeout_seconds."
    assert ran.returncode == 3, ran.stderr
    assert ran.stderr.count(said) == 1
    assert "Traceback" not in ran.stderr
    record = json.loads((_newest(project) / "run.json").read_text())
    assert record["error"] == said
    assert [one["status"] for one in record["steps"] if one["name"] == step] == ["failed"]


def test_a_hook_that_catches_every_exception_does_not_outlive_its_time(project: Path, stellwerk):
    _spec("model: {type: dense, hidden: [16]}", "model: {build: net.py:build}\nhooks: {timeout_seconds: 2}")(project)
    (project.parent / "net.py").write_text(f"import time\n\ndef build(inputs):\n{QUIET}")
    _is_ended(project, stellwerk("run", project), "train", "model.build: net.py:build")


METRICS = {
    "one that never ends": ("    while True:\n        pass\n", "update_state"),
    "one that catches every exception": (QUIET, "update_state"),
}


@pytest.mark.parametrize(("body", "function"), METRICS.values(), ids=METRICS)
def test_a_metric_of_ones_own_that_does_not_end_is_ended_and_told(project: Path, stellwerk, body: str, function: str):
    _spec("  slices: [[origin]]", "  metrics: [auc, metrics.py:Slow]")(project)
    project.write_text(project.read_text() + "hooks: {timeout_seconds: 2}\n")
    body = body.replace("\n    ", "\n        ").replace("    ", "        ", 1)
    (project.parent / "metrics.py").write_text(
        "import time\n\nimport tf_keras\n\n\nclass Slow(tf_keras.metrics.Metric):\n"
        f"    def update_state(self, label, prediction, sample_weight=None):\n{body}\n"
        "    def result(self):\n        return 0.0\n"
    )
    _is_ended(project, stellwerk("run", project), "evaluate", f"evaluate: metrics.py: {function}")


def test_a_name_of_5_000_letters_is_told_at_a_readable_length(project: Path, stellwerk):
    name = "n" * 5_000
    _spec("carrier: {type: category}", f"carrier: {{type: category, column: {name}}}")(project)
    ran = stellwerk("run", project)
    assert ran.returncode == 2
    assert "pipeline.yaml:8: features.carrier.column: there is no column 'nnn" in ran.stderr
    assert len(ran.stderr) < 1_000
    _first_line(lambda line: line.replace("carrier", f"{'a title ' * 600}"))(project)
    ran = stellwerk("check", project)
    assert ran.returncode == 2
    assert "a title a title" in ran.stderr
    assert len(ran.stderr) < 1_500


def test_a_column_with_100_000_categories_runs_through(tmp_path, stellwerk):
    rows = 100_000
    codes = pa.array([f"code-{number}" for number in range(rows)])
    table = pa.table({"code": codes, "late": pa.array([number % 2 for number in range(rows)])})
    pyarrow.csv.write_csv(table, tmp_path / "rows.csv")
    (tmp_path / "pipeline.yaml").write_text(
        "name: many\ndata: {sources: {rows: rows.csv}}\n"
        "features: {code: {type: category, embedding: 2}}\n"
        "target: {column: late, type: binary}\n"
        "model: {type: dense, hidden: [4]}\ntrain: {epochs: 1, batch_size: 8192}\n"
        "evaluate: {over: nothing}\n"
    )
    ran = stellwerk("run", tmp_path / "pipeline.yaml")
    assert ran.returncode == 0, ran.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 600 kilobytes: enough for the data, too small for the model."""
    assert os.geteuid() == 0, "this test mounts a tmpfs: run it as root"
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_told_leaves_nothing_half_written_and_the_run_goes_on_later(
    small_disk: Path, make_project, stellwerk
):
    spec = make_project(small_disk / "project")
    ran = stellwerk("run", spec)
    assert ran.returncode == 3, ran.stderr
    assert "disk is full" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(small_disk.rglob("*.part"))
    done = [
        step["name"]
        for step in json.loads((_newest(spec) / "run.json").read_text())["steps"]
        if step["status"] == "done"
    ]
    assert "ingest" in done
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    ran = stellwerk("run", spec)
    assert ran.returncode == 0, ran.stderr
    record = json.loads((_newest(spec) / "run.json").read_text())
    assert record["steps"][0]["status"] == "cached"
