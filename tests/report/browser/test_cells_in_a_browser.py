"""What a run shows in a cell: in the notebook's colours, and never wider than the cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from stellwerk.report import write_report
from stellwerk.report.fragment import framed, run_fragment, runs_fragment

FRONT_ENDS = {
    "jupyter-light": ('data-jp-theme-light="true"', "#ffffff", False),
    "jupyter-dark": ('data-jp-theme-light="false"', "#111111", True),
    "vscode-light": ('class="vscode-light"', "#ffffff", False),
    "vscode-dark": ('class="vscode-dark"', "#1f1f1f", True),
}


@pytest.fixture(scope="module")
def finished_run(make_run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("cells") / "20260103-101530-3f2a")


INK = "getComputedStyle(document.querySelector('.stellwerk')).color"
NARROWER = "document.documentElement.scrollWidth <= innerWidth"
FRAME = "document.querySelector('iframe')"


def cell(folder: Path, front_end: str, html: str) -> Path:
    """A page with the signs by which a front end says its colours, and with Jupyter's rules for tables."""
    attribute, ground, _ = FRONT_ENDS[front_end]
    rules = (
        ".out td, .out th { text-align: right; padding: 0.5em; } .out tbody tr:nth-child(odd) { background: #f5f5f5; }"
    )
    page = folder / f"{front_end}.html"
    page.write_text(
        f"<!doctype html><meta charset=utf-8><style>body {{ background: {ground}; font-family: sans-serif }} {rules}</style>"
        f'<body {attribute}><div class="out">{html}</div>'
    )
    return page


@pytest.mark.parametrize("width", [680, 1280])
@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_a_run_has_the_colours_of_the_front_end_and_fits(browser, finished_run, tmp_path, front_end, width):
    page = browser.open(
        cell(tmp_path, front_end, run_fragment(finished_run)), width=width, dark=not FRONT_ENDS[front_end][2]
    )
    red = int(page.evaluate(INK).removeprefix("rgb(").split(",")[0])
    assert (red > 128) is FRONT_ENDS[front_end][2]
    assert page.evaluate(NARROWER)
    assert page.complaints == []
    assert page.requests == []
    striped = page.evaluate("getComputedStyle(document.querySelector('tbody tr')).backgroundColor")
    assert striped == "rgba(0, 0, 0, 0)"


@pytest.mark.parametrize(("width", "shown"), [(680, ".steps"), (1280, ".diagram .wide")])
def test_the_graph_is_drawn_where_there_is_room_and_listed_where_not(browser, finished_run, tmp_path, width, shown):
    page = browser.open(cell(tmp_path, "jupyter-light", run_fragment(finished_run)), width=width)
    seen = {
        each: page.evaluate(f"document.querySelector('{each}').offsetHeight > 0")
        for each in (".steps", ".diagram .wide")
    }
    assert [each for each, visible in seen.items() if visible] == [shown]


def test_a_table_of_runs_fits(browser, finished_run, tmp_path):
    page = browser.open(cell(tmp_path, "vscode-dark", runs_fragment([finished_run, finished_run])), width=680)
    assert page.evaluate("document.querySelectorAll('.stellwerk tbody tr').length") == 2
    assert page.evaluate(NARROWER)


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_a_page_in_a_frame_takes_the_colours_around_it_and_its_height(browser, finished_run, tmp_path, front_end):
    report = write_report(finished_run).read_text()
    page = browser.open(
        cell(tmp_path, front_end, framed(report, "report")), width=1280, dark=not FRONT_ENDS[front_end][2]
    )
    page.evaluate(
        f"new Promise(done => {FRAME}.contentDocument.readyState === 'complete' ? done() : {FRAME}.onload = () => done())"
    )
    theme = page.evaluate(f"{FRAME}.contentDocument.documentElement.dataset.theme")
    assert theme == ("dark" if FRONT_ENDS[front_end][2] else "light")
    page.evaluate("new Promise(done => setTimeout(done, 200))")
    assert page.evaluate(f"{FRAME}.offsetHeight") == 900
