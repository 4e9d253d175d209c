"""What the report shows of a rehearsal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from stellwerk.report import write_report
from stellwerk.report.steps import shown


@pytest.fixture
def page(make_run: Any, tmp_path: Path) -> Any:
    """`page(rehearsal, status, ...)`: the report of a run with that rehearsal, without tags."""

    def make(said: dict[str, Any] | None, status: str = "done", ran: str = "done", **more: Any) -> tuple[str, str]:
        run = make_run(tmp_path / "run", status, **more)
        record = json.loads((run / "run.json").read_text())
        step = {"name": "rehearse", "after": ["evaluate"], "status": ran, "inputs": {}, "outputs": {}}
        record["steps"].insert(-1, {**step, "started": 30.0, "seconds": 5.1})
        (run / "run.json").write_text(json.dumps(record))
        if said is not None:
            (run / "rehearse" / "rehearsal").mkdir(parents=True)
            (run / "rehearse" / "rehearsal" / "rehearsal.json").write_text(json.dumps(said))
        html = write_report(run).read_text()
        return html, re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))

    return make


def test_requirements_measurements_and_the_scaling_curve_are_shown(page, rehearsal):
    html, text = page(rehearsal())
    assert "99th percentile of latency at most 50 ms 3 ms" in text
    assert "Requests without an answer none 0" in text
    assert "asked through gRPC ready after 2.9 s" in text
    assert "peak memory 621 MB" in text
    assert "size of the model 2.2 MB" in text
    assert "latency of one client p50 1 ms, p99 3 ms" in text
    assert "Throughput by the number of clients" in html
    assert "Latency by the number of clients" in html
    assert "p99: clients 8, milliseconds 24" in text
    assert '<a href="#rehearsal">' in html


def test_a_refused_rehearsal_is_the_verdict_and_stands_first(page, rehearsal):
    html, text = page(rehearsal(p99=80.0), "refused", steps={"push": "refused"})
    assert "Did not pass its rehearsal" in text
    assert "p99_ms is 80 with one request after the other. Nothing was published." in text
    section = text[text.index("a server was started on it") :]
    assert section.index("99th percentile") < section.index("The server is ready")
    assert "Peak memory at most 2.0 GB \N{EN DASH}" in section
    assert '<span class="note alert">2</span>' in html


def test_a_model_that_was_not_rehearsed_says_why(page):
    _, text = page({"rehearsed": False, "passed": False, "requirements": []}, "refused", blessed=False)
    assert "The model is not blessed, so no server was started on it." in text


def test_a_rehearsal_under_way_is_told(page):
    _, text = page(None, "running", ran="running")
    assert "The rehearse step is still running." in text


def test_a_pipeline_without_a_rehearsal_has_no_such_section(make_run, tmp_path):
    html = write_report(make_run(tmp_path / "run")).read_text()
    assert "#rehearsal" not in html
    assert "Rehearsal" not in html


@pytest.mark.parametrize(("p99", "headline"), [(3.0, "Passed its rehearsal"), (80.0, "Did not pass its rehearsal")])
def test_the_dashboard_has_its_numbers_and_its_page(tmp_path: Path, rehearsal: Any, p99: float, headline: str) -> None:
    (tmp_path / "rehearsal.json").write_text(json.dumps(rehearsal(p99)))
    found = shown("rehearse", {"rehearsal": tmp_path}, {})
    assert found is not None
    assert found.metrics["p99_ms"] == p99
    assert found.metrics["memory"] == 620_838_912
    assert found.page.count("<figure>") == 2
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found.page.partition("<main")[2]))
    top, section = text.split("Before it is published")
    assert headline in top
    assert f"Requirements {3 + 2 * (p99 <= 50)} of 5 met Latency {p99:g} ms" in top
    assert f"99th percentile of latency at most 50 ms {p99:g} ms" in section
    ready = section.index("The server is ready")
    assert (section.index("99th percentile of latency") > ready) == (p99 <= 50), "what is not met stands first"


def test_the_dashboard_says_why_there_was_no_rehearsal(tmp_path: Path) -> None:
    (tmp_path / "rehearsal.json").write_text(json.dumps({"rehearsed": False, "passed": False, "requirements": []}))
    found = shown("rehearse", {"rehearsal": tmp_path}, {})
    assert found is not None
    assert found.metrics == {}
    assert "<h2>Not rehearsed</h2><p>The model is not blessed, so no server was started on it.</p>" in found.page
    assert '<dl class="tiles">' not in found.page
