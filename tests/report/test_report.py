"""What is written, when, how large and how fast; what a damaged or partial run folder becomes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from stellwerk.errors import UsageError
from stellwerk.report import write_report


@pytest.fixture(scope="module")
def run(make_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = make_run(tmp_path_factory.mktemp("report") / "run", steps={"ingest": "cached"})
    return path


def _text(page: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.read_text()))


def test_the_report_lies_in_the_run_folder_and_nothing_else_is_left(run: Path) -> None:
    before = {entry.name for entry in run.iterdir()}
    assert write_report(run) == run / "report.html"
    assert {entry.name for entry in run.iterdir()} == before | {"report.html"}


def test_a_report_that_cannot_be_made_leaves_the_old_one(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = write_report(run).read_text()
    record = (run / "run.json").read_text()
    (run / "run.json").write_text("{")
    with pytest.raises(UsageError, match=r"run\.json"):
        write_report(run)
    (run / "run.json").write_text(record)
    assert (run / "report.html").read_text() == old


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is not a run folder: there is no run\.json in it"):
        write_report(tmp_path)


def test_fifty_columns_and_five_hundred_slices_stay_small(make_run: Any, tmp_path: Path) -> None:
    slices = [{"carrier": f"C{index % 16}", "dest": f"D{index:03d}"} for index in range(500)]
    run = make_run(tmp_path / "run", extra=37, slices=slices)
    page = write_report(run)
    assert page.stat().st_size < 2_000_000
    assert page.read_text().count("<article") == 50


def test_the_style_and_the_script_stay_small(run: Path) -> None:
    page = write_report(run).read_text()
    assert len(re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]) < 10_000  # type: ignore[index]
    assert re.findall(r'(?:src|href)="(?!#|data:,)', page) == []
    assert "http" not in re.sub(r"<pre.*?</pre>", "", page, flags=re.DOTALL).replace("http-equiv", "")


def test_no_tensorflow_is_loaded(run: Path) -> None:
    code = f"""if True:
        import sys
        from pathlib import Path
        from stellwerk.report import write_report
        assert "tensorflow_metadata" not in sys.modules
        write_report(Path({str(run)!r}))
        print([name for name in sys.modules if name.split(".")[0] in ("tensorflow", "keras", "apache_beam", "kfp")])"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("artifact", "sentence"),
    [
        ("ingest/examples/dataset.json", "ingest/examples cannot be read"),
        ("validate/statistics/eval/FeatureStats.pb", "eval/FeatureStats.pb is damaged"),
        ("validate/anomalies/anomalies.json", "validate/anomalies cannot be read"),
        ("train/history/history.json", "train/history cannot be read"),
        ("train/model/assets.extra/stellwerk.json", "train/model cannot be read"),
        ("evaluate/evaluation/evaluation.json", "evaluate/evaluation cannot be read"),
        ("evaluate/blessing/blessing.json", "evaluate/blessing cannot be read"),
    ],
)
def test_a_damaged_artifact_costs_its_own_section_only(
    make_run: Any, tmp_path: Path, artifact: str, sentence: str
) -> None:
    run = make_run(tmp_path / "run")
    for content in (b"\xff\x00{", b'{"wrong": 1}', b"[]"):
        (run / artifact).write_bytes(content)
        text = _text(write_report(run))
        assert sentence in text
        assert "Library versions" in text


def test_a_step_that_did_not_run_says_why_its_section_is_empty(make_run: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "failed", steps={"train": "failed", "evaluate": "skipped", "push": "skipped"})
    text = _text(write_report(run))
    assert "The train step failed before it wrote this." in text
    assert "The evaluate step was skipped because an earlier step did not pass." in text


def test_the_log_of_a_failed_step_ends_the_story_without_terminal_colours(make_run: Any, tmp_path: Path) -> None:
    error = "model.py:12: build() gave a list. Return a keras.Model."
    run = make_run(tmp_path / "run", "failed", steps={"train": "failed"}, errors={"train": error})
    page = write_report(run).read_text()
    assert "End of train/log.txt" in page
    assert "\x1b" not in page
    assert f"starting\n{error}" in page


def test_a_run_with_almost_nothing_in_its_record_renders(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"run": "r", "name": "n", "status": "failed", "error": "No disk."}))
    assert "No disk." in _text(write_report(tmp_path))


def test_text_that_is_no_unicode_does_not_stop_the_report(make_run: Any, tmp_path: Path) -> None:
    run = make_run(
        tmp_path / "run", texts={"name": ["\x00\x07", "a" * 5000, "שלום", ""]}, slices=[{"carrier": "\ud800"}]
    )
    assert write_report(run).stat().st_size > 1000


def test_rows_in_quarantine_are_counted_by_reason(run: Path) -> None:
    text = _text(write_report(run))
    assert "336,779 rows read, 336,776 written, 3 did not parse or fit" in text
    assert "19 columns expected, 17 found 2 rows" in text
    assert "2013,1,5,NA,630" in text


def test_columns_of_time_read_as_dates(run: Path) -> None:
    text = _text(write_report(run))
    assert "first 2013-01-01 2013-01-01 2013-01-01" in text
    assert "last 2013-12-31" in text


def test_classes_that_are_whole_numbers_are_numbers_whose_values_are_counted(make_run: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", texts={"class": ["0", "1"]})
    for file in (run / "validate" / "statistics").glob("*/FeatureStats.pb"):
        message = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
        message.datasets[0].features[-1].type = statistics_pb2.FeatureNameStatistics.INT
        file.write_bytes(message.SerializeToString())
    card = _card(run, "class")
    assert '<span class="chip">number</span>' in card
    assert "Most frequent values of class by split" in card
    assert "mean length" not in card
    assert "mean length" in _card(run, "carrier")


def _card(run: Path, column: str) -> str:
    return write_report(run).read_text().partition(f'<h3 title="{column}">')[2].partition("</article>")[0]


def test_a_share_of_missing_values_says_of_which_split_it_is(make_run: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert "missing (" not in _card(run, "temp")
    for split, missing in (("train", 0.1), ("eval", 0.3), ("test", 0.2)):
        file = run / "validate" / "statistics" / split / "FeatureStats.pb"
        message = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
        rows = message.datasets[0].num_examples
        for feature in message.datasets[0].features:
            if feature.path.step == ["temp"]:
                feature.num_stats.common_stats.num_non_missing = round(rows * (1 - missing))
            if feature.path.step == ["late"]:
                feature.num_stats.common_stats.num_non_missing = 0
        file.write_bytes(message.SerializeToString())
    assert '<span class="chip">up to 30.0 % missing (eval)</span>' in _card(run, "temp")
    assert '<span class="chip">100 % missing</span>' in _card(run, "late")


def test_a_filter_gives_a_slice_of_this_run_as_its_example(make_run: Any, tmp_path: Path) -> None:
    page = write_report(make_run(tmp_path / "run", slices=[{"colour": "red"}])).read_text()
    assert 'placeholder="colour = red"' in page


def test_loading_of_libraries_is_time_that_has_a_name(run: Path) -> None:
    page = write_report(run).read_text()
    assert "Grey is the time in which a step loads its libraries" in page
    assert "validate: done, 4.3 s after 5.0 s of loading" in page
    lane = re.search(r'<div class="name">validate</div><div class="lane">(.*?)</div>', page)
    assert lane is not None
    bars = re.findall(r'<rect class="span (\w+)" x="([\d.]+)%"[^>]* width="([\d.]+)%"', lane[1])
    assert [kind for kind, _, _ in bars] == ["loading", "done"]
    (_, start, width), (_, then, _) = bars
    assert float(start) + float(width) == pytest.approx(float(then), abs=0.02)
    record = json.loads((run / "run.json").read_text())
    for step in record["steps"]:
        step.pop("waited", None)
    old = run.parent / "old"
    shutil.copytree(run, old)
    (old / "run.json").write_text(json.dumps(record))
    assert "loads its libraries" not in write_report(old).read_text()


def test_a_run_lasts_until_its_last_step_ends_with_its_loading(make_run: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    last = json.loads((run / "run.json").read_text())["steps"][-1]
    assert f"Time {last['started'] + last['waited'] + last['seconds']:.1f} s" in _text(write_report(run))


def test_metrics_stand_in_the_order_of_the_spec(make_run: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert "Slice Examples AUC PR AUC Accuracy" in _text(write_report(run))
    spec = run / "spec.yaml"
    spec.write_text(spec.read_text().replace("evaluate:\n", "evaluate:\n  metrics: [log_loss, auc]\n"))
    assert "Slice Examples Log loss AUC PR AUC" in _text(write_report(run))


def test_formats_stand_beside_the_saved_model(make_run: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert 'id="formats"' not in write_report(run).read_text()
    path = run / "evaluate" / "evaluation" / "evaluation.json"
    evaluation = json.loads(path.read_text())
    whole = {"format": "saved_model", "bytes": 218_734, "metrics": {"auc": 0.7412}, "difference": {"max": 0, "mean": 0}}
    small = {
        "format": "litert_int8",
        "bytes": 10_944,
        "metrics": {"auc": 0.7391},
        "difference": {"max": 0.02, "mean": 4e-3},
    }
    speed = {"seconds_per_row": 8.2e-7, "seconds_one_row": 1.64e-4}
    evaluation["variants"] = [{**whole, **speed, "ok": True}, {**small, **speed, "ok": False}]
    path.write_text(json.dumps(evaluation))
    blessing = run / "evaluate" / "blessing" / "blessing.json"
    asked = {"metric": "auc", "bound": "min", "required": 0.74, "value": 0.7391, "ok": False, "variant": "litert_int8"}
    blessing.write_text(json.dumps({"blessed": False, "requirements": [asked]}))
    text = _text(write_report(run))
    assert "saved_model met 219 kB 0.7412 \N{EN DASH} \N{EN DASH} 820 ns 164 µs" in text
    assert "litert_int8 not met 10.9 kB 0.7391 \N{MINUS SIGN}0.0021 0.02" in text
    assert "litert_int8 · all examples" in text


def test_lineage_leads_from_the_sources_to_the_pushed_version(run: Path) -> None:
    page = write_report(run).read_text()
    manifest = json.loads((run / "ingest" / "examples" / "dataset.json").read_text())
    outputs = {step["name"]: step["outputs"] for step in json.loads((run / "run.json").read_text())["steps"]}
    wanted = [source["sha256"] for source in manifest["sources"]]
    wanted += [manifest["version"], outputs["validate"]["schema"], outputs["transform"]["transform_graph"]]
    wanted += [outputs["train"]["model"], "9a" * 32]
    for digest in wanted:
        assert f'data-copy="{digest}"' in page
    assert "/home/ada/flights/models/flight-delays/3" in page


def test_regression_and_many_classes_have_their_charts(make_run: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    path = run / "evaluate" / "evaluation" / "evaluation.json"
    evaluation = json.loads(path.read_text())
    edges = [0.0, 10.0, 20.0, 30.0]
    evaluation["curves"] = {"calibration": [{"mean_prediction": 5.0, "mean_label": 7.0, "examples": 3}] * 2}
    evaluation["regression"] = {
        "sampled": 100,
        "histogram": {"actual_edges": edges, "predicted_edges": edges, "counts": [[9, 1, 0], [2, 7, 1], [0, 0, 3]]},
        "residuals": {
            "mean": 0.4,
            "deviation": 3.1,
            "p05": -4.0,
            "p25": -1.0,
            "p50": 0.1,
            "p75": 1.2,
            "p95": 5.0,
            "largest": [],
        },
    }
    classes = [f"class {index}" for index in range(20)]
    counts = [[index + column for column in range(20)] for index in range(20)]
    evaluation["confusion"] = {"classes": classes, "counts": counts, "classes_left_out": 80}
    path.write_text(json.dumps(evaluation))
    text = _text(write_report(run))
    assert "Predicted and actual" in text
    assert "standard deviation 3.100" in text
    assert "80 rarer classes left out" in text
    assert "true class 3, predicted class 4: 7 examples" in text
