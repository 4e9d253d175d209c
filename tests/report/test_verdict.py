"""The one sentence at the top of the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from stellwerk.report import write_report
from stellwerk.report.wording import MINUS

SKIPPED = {"transform": "skipped", "train": "skipped", "evaluate": "skipped", "push": "skipped"}
ANOMALY = {
    "split": "eval",
    "column": "carrier",
    "kind": "X",
    "what": "ZZ is new",
    "examples": 2,
    "share": 0.1,
    "fix": "add it",
}
WHOLE = {**ANOMALY, "column": None, "split": "test"}


@pytest.mark.parametrize(
    ("status", "settings", "sentence"),
    [
        ("done", {}, "The model met all 4 requirements and is published as version 3."),
        ("done", {"steps": {"push": "skipped"}}, "It was not published: the push step was skipped"),
        (
            "refused",
            {"steps": {"push": "skipped"}, "blessed": False},
            "auc is 0.6834, required is at least 0.7000. Nothing",
        ),
        (
            "refused",
            {"steps": {"validate": "refused", **SKIPPED}, "anomalies": [ANOMALY]},
            "The data has 1 anomaly, in column carrier of the eval split.",
        ),
        (
            "refused",
            {"steps": {"validate": "refused", **SKIPPED}, "anomalies": [WHOLE, ANOMALY]},
            "2 anomalies, the first in the test split.",
        ),
        (
            "failed",
            {"steps": {"train": "failed"}, "errors": {"train": "GPU is gone\nsecond line"}},
            "GPU is gone. The end of the log of train is under Pipeline. Once that is mended, run the same spec again:",
        ),
        ("killed", {"steps": {"train": "failed"}}, "Start it again and it continues where it stopped."),
        (
            "running",
            {"steps": {"train": "running", "evaluate": "waiting", "push": "waiting"}},
            "3 of 6 steps finished, now in train.",
        ),
    ],
)
def test_the_sentence_says_what_happened(
    make_run: Any, tmp_path: Path, status: str, settings: Any, sentence: str
) -> None:
    page = write_report(make_run(tmp_path / "run", status, **settings)).read_text()
    told = re.search(r'class="verdict .*?<p>(.*?)</p>', page, re.DOTALL)
    assert told is not None
    assert sentence in told[1]


def test_a_lost_comparison_is_told_as_a_difference(make_run: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "refused", steps={"push": "skipped"})
    path = run / "evaluate" / "blessing" / "blessing.json"
    requirement = {
        "metric": "auc",
        "slice": {},
        "bound": "min_gain",
        "required": -0.005,
        "value": 0.71,
        "difference": -0.02,
    }
    path.write_text(json.dumps({"blessed": False, "requirements": [{**requirement, "ok": False, "sentence": "worse"}]}))
    told = f"auc moved by {MINUS}0.0200 against the last blessed model, required is at least {MINUS}0.0050"
    assert told in write_report(run).read_text()


def test_a_model_that_was_there_already_is_told_so(make_run: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / "push" / "pushed_model" / "pushed.json").write_text('{"version": 3, "path": "/m/3", "new": false}')
    assert "published as version 3, which was there already." in write_report(run).read_text()
