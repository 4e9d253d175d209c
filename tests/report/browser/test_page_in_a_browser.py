"""The report in a real browser: it renders, it works, it is silent, and it asks the network for nothing."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest

from stellwerk.report import write_report

ATTACK = "<script>window.hurt = 1; console.log('hurt')</script>"
IMAGE = '<img src=x onerror="window.hurt = 1">\'"></td>{{ 7 * 7 }}'


@pytest.fixture(scope="module")
def report(make_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done") / "run"
    return write_report(make_run(folder, steps={"ingest": "cached", "validate": "cached"}))


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (1400, True), (420, False), (420, True)])
def test_the_page_is_silent_and_fits_the_window(
    browser: Any, report: Path, tmp_path: Path, width: int, dark: bool
) -> None:
    page = browser.open(report, width=width, dark=dark)
    assert page.screenshot(tmp_path / f"{width}-{'dark' if dark else 'light'}.png").stat().st_size > 50_000
    assert page.complaints == []
    assert page.requests == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.querySelector('.verdict h2').textContent") == "Blessed and pushed"


def test_dark_mode_follows_the_system_and_the_button(browser: Any, report: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    page = browser.open(report, dark=True)
    dark = page.evaluate(ground)
    page.click("#theme")
    light = page.evaluate(ground)
    assert dark != light
    assert light == browser.open(report, dark=False).evaluate(ground) or page.evaluate("localStorage.length") == 1
    page.evaluate("localStorage.clear()")


@pytest.mark.parametrize("width", [1400, 420])
def test_one_of_the_two_drawings_of_the_graph_is_shown(browser: Any, report: Path, width: int) -> None:
    page = browser.open(report, width=width)
    shown = "[...document.querySelectorAll('.diagram svg')].filter(drawn => drawn.getBoundingClientRect().width > 0)"
    assert page.evaluate(f"{shown}.length") == 2
    assert page.evaluate(f"{shown}.every(drawn => drawn.getBoundingClientRect().right <= innerWidth)")


def test_letters_in_charts_are_large_enough_to_read(browser: Any, report: Path) -> None:
    for width in (1400, 420):
        page = browser.open(report, width=width)
        heights = page.evaluate(
            "[...document.querySelectorAll('svg text')].map(text => text.getBoundingClientRect().height).filter(h => h > 0)"
        )
        assert min(heights) > 8


def test_a_click_on_a_heading_sorts_the_slices(browser: Any, report: Path) -> None:
    page = browser.open(report)
    cells = "[...document.querySelectorAll('#slices tbody tr')].map(row => Number(row.cells[1].dataset.value))"
    page.click("#slices thead th:nth-child(2) button")
    falling = page.evaluate(cells)
    assert falling[1:] == sorted(falling[1:], reverse=True)
    assert page.evaluate("document.querySelector('#slices tbody tr').cells[0].textContent") == "all examples"
    page.click("#slices thead th:nth-child(2) button")
    rising = page.evaluate(cells)
    assert rising[1:] == sorted(rising[1:])
    assert page.evaluate("document.querySelector('#slices th[aria-sort]').getAttribute('aria-sort')") == "ascending"


def test_a_metric_that_is_not_defined_sorts_last(browser: Any, report: Path) -> None:
    page = browser.open(report)
    page.evaluate("document.querySelectorAll('#slices tbody tr')[4].cells[2].dataset.value = ''")
    for _ in range(2):
        page.click("#slices thead th:nth-child(3) button")
        last = "[...document.querySelectorAll('#slices tbody tr')].at(-1).cells[2].dataset.value"
        assert page.evaluate(last) == ""


def test_typing_filters_slices_and_columns(browser: Any, report: Path) -> None:
    page = browser.open(report)
    page.type("input[data-filter^='#slices']", "ORIGIN = j")
    shown = "[...document.querySelectorAll('#slices tbody tr')].filter(row => !row.hidden).map(row => row.cells[0].textContent)"
    assert page.evaluate(shown) == ["origin = JFK"]
    page.type("input[data-filter^='#cards']", "wind")
    assert page.evaluate("document.querySelector('[data-count^=\"#cards\"]').textContent") == "1 of 13"


def test_the_navigation_marks_the_section_in_view(browser: Any, report: Path) -> None:
    page = browser.open(report)
    page.evaluate("document.getElementById('lineage').scrollIntoView({behavior: 'instant'})")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("document.querySelector('nav [aria-current]').textContent") == "Lineage"


def test_every_link_inside_the_page_has_a_target(browser: Any, report: Path) -> None:
    page = browser.open(report)
    broken = page.evaluate(
        "[...document.querySelectorAll('a[href]')].filter(a => !document.getElementById(a.hash.slice(1))).map(a => a.href)"
    )
    assert broken == []
    assert page.evaluate(
        "document.querySelectorAll('[id]').length === new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size"
    )


def test_paper_shows_everything_and_no_navigation(browser: Any, report: Path, tmp_path: Path) -> None:
    page = browser.open(report, width=800, media="print", dark=True)
    assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert page.evaluate("document.querySelector('.tall').scrollHeight <= document.querySelector('.tall').clientHeight")
    assert page.complaints == []
    page.screenshot(tmp_path / "paper.png")


def test_names_and_values_from_outside_are_only_text(browser: Any, make_run: Any, tmp_path: Path) -> None:
    run = make_run(
        tmp_path / "run",
        "failed",
        steps={"push": "failed"},
        errors={"push": f"{ATTACK} {IMAGE}"},
        texts={ATTACK: [IMAGE, ATTACK], IMAGE: ["a"]},
        slices=[{ATTACK: IMAGE}, {IMAGE: ATTACK}],
        anomalies=[{"split": ATTACK, "column": ATTACK, "kind": "X", "what": IMAGE, "fix": ATTACK}],
    )
    record = (run / "run.json").read_text()
    (run / "run.json").write_text(record.replace("/home/ada/flights", IMAGE.replace('"', '\\"')))
    (run / "spec.yaml").write_text(f"name: x # </pre>{ATTACK}{IMAGE}\n")
    manifest = run / "ingest" / "examples" / "dataset.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"rows": {"read": 1, "by_reason": {ATTACK: 1}}}))
    quarantine = run / "ingest" / "examples" / "quarantine" / "rows.jsonl"
    quarantine.write_text('{"source": "%s", "line": 1, "reason": "%s", "row": {"a": "%s"}}\n' % ((ATTACK,) * 3))
    page = browser.open(write_report(run))
    assert page.evaluate("window.hurt") is None
    assert page.evaluate("document.images.length") == 0
    assert page.evaluate("document.scripts.length") == 1
    assert (
        page.evaluate(
            "[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))"
        )
        == []
    )
    assert page.complaints == []
    assert page.requests == []
    assert page.evaluate("document.querySelector('#cards article h3').textContent") in (ATTACK, IMAGE)


def test_the_policy_stops_a_script_that_got_in_all_the_same(browser: Any, report: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.html"
    torn.write_text(report.read_text().replace("</main>", f"{ATTACK}<img src='https://example.org/x.png'></main>"))
    page = browser.open(torn)
    assert page.evaluate("window.hurt") is None
    assert any("Content Security Policy" in str(complaint) for complaint in page.complaints)


def test_the_page_works_in_the_sandboxed_frame_of_a_dashboard(browser: Any, report: Path, tmp_path: Path) -> None:
    outside = tmp_path / "dashboard.html"
    inner = html.escape(report.read_text())
    outside.write_text(
        f'<!doctype html><title>Dashboard</title><iframe sandbox="allow-scripts" width="1000" height="700" srcdoc="{inner}"></iframe>'
    )
    frame = browser.open(outside).frame()
    frame.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
    frame.click("#theme")
    frame.click('a[href="#lineage"]')
    frame.click(".digest")
    assert frame.evaluate("document.documentElement.dataset.theme") in ("dark", "light")
    assert frame.evaluate("document.getElementById('lineage').getBoundingClientRect().top < innerHeight")
    assert frame.evaluate("location.href") == "about:srcdoc"
    assert frame.complaints == []


STOPPED = {"transform": "skipped", "train": "skipped", "evaluate": "skipped", "push": "skipped"}
ANOMALY = {
    "split": "eval",
    "column": "carrier",
    "kind": "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
    "what": "ZZ",
    "fix": "add it",
}


@pytest.mark.parametrize(
    ("status", "settings", "headline"),
    [
        ("running", {"steps": {"train": "running", "evaluate": "waiting", "push": "waiting"}}, "Running"),
        ("running", {"steps": dict.fromkeys(("ingest", "validate", *STOPPED), "waiting")}, "Running"),
        ("refused", {"steps": {"push": "skipped"}, "blessed": False}, "Not blessed"),
        ("refused", {"steps": {"validate": "refused", **STOPPED}, "anomalies": [ANOMALY]}, "Refused by the data gate"),
        (
            "failed",
            {"steps": {"ingest": "failed", "validate": "skipped", **STOPPED}, "errors": {"ingest": "No."}},
            "Failed in ingest",
        ),
        ("killed", {"steps": {"train": "failed", "evaluate": "skipped", "push": "skipped"}}, "Stopped"),
    ],
)
def test_every_outcome_renders(
    browser: Any, make_run: Any, tmp_path: Path, status: str, settings: Any, headline: str
) -> None:
    page = browser.open(write_report(make_run(tmp_path / "run", status, **settings)))
    assert page.evaluate("document.querySelector('.verdict h2').textContent") == headline
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.screenshot(tmp_path / "page.png", whole=False)
