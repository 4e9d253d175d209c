"""Pages as the dashboard of Kubeflow Pipelines shows them: the text of the artifact in a frame without an origin."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pytest

from stellwerk.report.gathering import MAKERS
from stellwerk.report.steps import run_page, shown

FRAME = "<!doctype html><title>Dashboard</title><iframe sandbox='{sandbox}' width='{width}' height='600' srcdoc='{page}'></iframe>"
ANOMALY = {"split": "eval", "column": "carrier", "kind": "X", "what": "ZZ", "examples": 3, "share": 0.01, "fix": "add"}


@pytest.fixture(scope="module")
def pages(make_run: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The page of every step that has one, and the report of a cluster."""
    run = make_run(tmp_path_factory.mktemp("dashboard") / "run", anomalies=[ANOMALY])
    paths = {artifact: run / step / artifact for artifact, step in MAKERS.items()}
    found = {step: shown(step, paths, {}) for step in ("ingest", "validate", "train", "evaluate")}
    del paths["pushed_model"], paths["rehearsal"]
    report = run_page(paths, {}, name="flight-delays", spec="name: flight-delays", source="pipeline.yaml")
    return {"report": report, **{step: one.page for step, one in found.items() if one}}


def framed(browser: Any, folder: Path, page: str, sandbox: str = "allow-scripts", width: int = 900) -> Any:
    file = folder / "dashboard.html"
    file.write_text(FRAME.format(sandbox=sandbox, width=width, page=html.escape(page)))
    return browser.open(file, dark=True)


@pytest.mark.parametrize("step", ["ingest", "validate", "train", "evaluate", "report"])
def test_a_page_works_in_the_frame_and_asks_for_nothing(browser: Any, pages: Any, tmp_path: Path, step: str):
    outer = framed(browser, tmp_path, pages[step])
    frame = outer.frame()
    assert frame.evaluate("location.href") == "about:srcdoc"
    assert frame.evaluate("origin") == "null"
    assert frame.evaluate("document.querySelectorAll('section').length") >= 1
    assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert frame.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 247, 249)", "light, as around"
    charts = frame.evaluate(
        "[...document.querySelectorAll('figure svg, .drawn > svg, .tops')].map(e => e.getBoundingClientRect().width)"
    )
    assert all(width > 100 for width in charts)
    assert frame.complaints == []
    assert outer.complaints == []
    assert frame.requests == []
    outer.screenshot(tmp_path / f"{step}.png")


def test_sorting_and_finding_work_in_the_frame(browser: Any, pages: Any, tmp_path: Path):
    frame = framed(browser, tmp_path, pages["evaluate"]).frame()
    frame.click("#slices thead th:nth-child(2) button")
    cells = frame.evaluate(
        "[...document.querySelectorAll('#slices tbody tr')].map(row => Number(row.cells[1].dataset.value))"
    )
    assert cells[1:] == sorted(cells[1:], reverse=True)
    frame = framed(browser, tmp_path, pages["validate"]).frame()
    frame.type("input[data-filter^='#cards']", "wind")
    assert frame.evaluate("document.querySelector('[data-count^=\"#cards\"]').textContent") == "1 of 13"
    frame.click(".chip.alert")
    assert frame.evaluate("document.getElementById('gates').getBoundingClientRect().top < innerHeight")
    assert frame.complaints == []


def test_everything_can_be_read_where_scripts_are_forbidden(browser: Any, pages: Any, tmp_path: Path):
    outer = framed(browser, tmp_path, pages["evaluate"], sandbox="allow-same-origin")
    inner = "document.querySelector('iframe').contentDocument"
    assert outer.evaluate(f"{inner}.querySelectorAll('#slices tbody tr').length") > 10
    assert outer.evaluate(f"{inner}.querySelector('.verdict h2').textContent") == "Blessed"


def test_the_side_panel_of_a_narrow_window_is_wide_enough(browser: Any, pages: Any, tmp_path: Path):
    for step in pages:
        frame = framed(browser, tmp_path, pages[step], width=420).frame()
        assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth"), step
