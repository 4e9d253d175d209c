"""Pages at the widths of the dashboard's side panel and of windows: nothing is cut off, and only wide tables scroll sideways."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest

from stellwerk.report import write_report
from stellwerk.report.comparing import compare
from stellwerk.report.comparison_page import comparison_page
from stellwerk.report.gathering import MAKERS
from stellwerk.report.steps import run_page, shown

WIDTHS = (500, 680, 1280, 1600)
"""In a panel of 680 pixels the dashboard gives the frame 520; and windows."""
STEPS = ("ingest", "validate", "train", "evaluate", "rehearse")
LONG, VALUE = "column_" + "x" * 293, "v" * 300
FIX = f'curated.pbtxt:14: value: "{VALUE}" in string_domain carrier'
ANOMALY = {"split": "eval", "column": "carrier", "kind": "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "examples": 16}
ANOMALY |= {"what": "2 values that are not in the domain: 'ZZ' (12), 'Q7' (4)", "share": 0.0005, "line": 14}
ANOMALY |= {"fix": 'curated.pbtxt:14: value: "ZZ" value: "Q7" in string_domain carrier'}
FRAME = "<!doctype html><title>Dashboard</title><iframe sandbox='allow-scripts' width='500' height='600' srcdoc='{page}'></iframe>"

SCROLLERS = "'.scroll, nav ul'"
TROUBLE = f"""(() => {{
  const found = [], width = document.documentElement.clientWidth;
  const told = (what, e) => found.push(`${{what}} ${{e.tagName}}.${{e.getAttribute('class')}} ${{e.textContent.trim().slice(0, 40)}}`);
  for (const e of document.querySelectorAll('body *')) {{
    const box = e.getBoundingClientRect();
    if (!box.width || !box.height || e.closest('.skip')) continue;
    const scrolled = e.parentElement.closest({SCROLLERS});
    if (!scrolled && (box.right > width + 1 || box.left < -1)) told('outside', e);
    const text = !e.ownerSVGElement && e.tagName !== 'svg' && getComputedStyle(e).display !== 'inline' && e.tagName !== 'INPUT';
    if (text && e.scrollWidth > e.clientWidth + 1 && e.clientWidth && !e.matches({SCROLLERS})) told('too narrow', e);
  }}
  if (document.documentElement.scrollWidth > innerWidth) found.push('the page scrolls');
  return found;
}})()"""
SETTLED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def regress(run: Path) -> None:
    """Turns the evaluation of `run` into that of a regression in several formats."""
    path = run / "evaluate" / "evaluation" / "evaluation.json"
    slices = json.loads(path.read_text())["slices"]
    for index, entry in enumerate(slices):
        entry["metrics"] = dict.fromkeys(("rmse", "mae", "mse", "r2"), 9.0 + index)
        entry["baseline"] = dict.fromkeys(("rmse", "mae", "mse", "r2"), 9.5 + index)
    edges = [0.0, 10.0, 20.0, 30.0]
    histogram = {"actual_edges": edges, "predicted_edges": edges, "counts": [[9, 1, 0], [2, 7, 1], [0, 0, 3]]}
    variant = {"bytes": 218_734, "metrics": slices[0]["metrics"], "difference": {"max": 0.02, "mean": 4e-3}, "ok": True}
    variant |= {"seconds_per_row": 8.2e-7, "seconds_one_row": 1.64e-4}
    change(
        path,
        slices=slices,
        curves={"calibration": [{"mean_prediction": at, "mean_label": 1.1 * at, "examples": 3} for at in (2.0, 25.0)]},
        confusion=None,
        regression={"sampled": 20_000, "histogram": histogram, "residuals": {"mean": 0.4, "deviation": 3.1}},
        variants=[{"format": name, **variant} for name in ("saved_model", "litert_int8", "onnx")],
    )


def lengthen(run: Path) -> None:
    """Gives the artifacts of `run` names and values of 300 letters without a blank."""
    manifest = run / "ingest" / "examples" / "dataset.json"
    told = json.loads(manifest.read_text())
    told["sources"][0] |= {"name": LONG, "files": [{"path": f"s3://bucket/{VALUE}", "bytes": 1, "sha256": "ab" * 32}]}
    change(manifest, sources=told["sources"], rows=told["rows"] | {"by_reason": {f"{VALUE} is no number": 3}})
    row = {
        "source": "flights",
        "file": f"s3://bucket/{VALUE}",
        "line": 12,
        "reason": f"{VALUE} is no number",
        "row": VALUE,
    }
    (run / "ingest" / "examples" / "quarantine" / "rows.jsonl").write_text(json.dumps(row) + "\n")
    change(run / "train" / "model" / "assets.extra" / "stellwerk.json", hyperparameters={LONG: VALUE, "epochs": 3})
    history = run / "train" / "history" / "history.json"
    change(history, epochs=[{**epoch, LONG: 0.2} for epoch in json.loads(history.read_text())["epochs"]])
    blessing = run / "evaluate" / "blessing" / "blessing.json"
    asked = {"metric": LONG, "slice": {LONG: VALUE}, "bound": "min", "required": 0.7, "value": 0.6, "difference": -0.1}
    change(blessing, requirements=[{**asked, "ok": False, "sentence": f"{LONG} on {VALUE}"}])
    confusion = {"classes": [VALUE, LONG, "c"], "counts": [[9, 1, 0], [2, 7, 1], [0, 0, 3]]}
    change(run / "evaluate" / "evaluation" / "evaluation.json", confusion=confusion)


@pytest.fixture(scope="module")
def pages(make_run: Any, rehearsal: Any, explain: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every page of every case, by `<case> <page>`."""
    folder = tmp_path_factory.mktemp("widths")
    long = {**ANOMALY, "column": LONG, "what": f"1 value that is not in the domain: {VALUE}", "fix": FIX}
    slices = [{LONG: VALUE}, {"carrier": "AA", "origin": "JFK", "dest": "BOS"}, {"origin": "JFK " * 40}]
    cases = {
        "good": make_run(folder / "good"),
        "refused": make_run(
            folder / "refused", "refused", anomalies=[ANOMALY, {**ANOMALY, "column": None, "fix": None}]
        ),
        "unblessed": make_run(folder / "unblessed", "refused", blessed=False),
        "regression": make_run(folder / "regression"),
        "long": make_run(
            folder / "long", "refused", anomalies=[long], blessed=False, slices=slices, texts={LONG: [VALUE, "short"]}
        ),
    }
    regress(cases["regression"])
    lengthen(cases["long"])
    explain(cases["good"])
    explain(cases["long"], LONG, VALUE)
    found = {}
    for case, run in cases.items():
        path = run / "rehearse" / "rehearsal" / "rehearsal.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(rehearsal(3.0 if case == "good" else 80.0)))
        paths = {artifact: run / step / artifact for artifact, step in MAKERS.items()}
        found |= {f"{case} {step}": one.page for step in STEPS if (one := shown(step, paths, {}))}
        del paths["pushed_model"]
        spec = (run / "spec.yaml").read_text() + f"# {LONG}\n"
        found[f"{case} run"] = run_page(paths, {"model": "ab" * 32}, name="flight-delays", spec=spec, source="a.yaml")
        found[f"{case} report"] = write_report(run).read_text()
    return found


def framed(browser: Any, folder: Path, page: str) -> tuple[Any, Any]:
    file = folder / "dashboard.html"
    file.write_text(FRAME.format(page=html.escape(page)))
    outer = browser.open(file, width=1700)
    return outer, outer.frame()


def widen(outer: Any, frame: Any, width: int) -> None:
    outer.evaluate(f"document.querySelector('iframe').width = {width}; {SETTLED}")
    frame.evaluate(SETTLED)
    assert frame.evaluate("innerWidth") in range(width - 4, width + 1)


@pytest.mark.parametrize("case", ["good", "refused", "unblessed", "regression", "long"])
@pytest.mark.parametrize("page", [*STEPS, "run", "report"])
def test_nothing_is_cut_off_at_any_width(browser: Any, pages: Any, tmp_path: Path, case: str, page: str):
    outer, frame = framed(browser, tmp_path, pages[f"{case} {page}"])
    frame.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    for width in WIDTHS:
        widen(outer, frame, width)
        assert frame.evaluate(TROUBLE) == [], width


@pytest.mark.parametrize("case", ["good", "long"])
def test_a_comparison_is_whole_at_any_width(browser: Any, make_run: Any, tmp_path: Path, case: str):
    before, after = make_run(tmp_path / "before"), make_run(tmp_path / "after", "refused", blessed=False)
    if case == "long":
        lengthen(after)
        (after / "spec.yaml").write_text(f"{LONG}: {VALUE}\n")
    (tmp_path / "comparison.html").write_text(comparison_page(compare(before, after)), encoding="utf-8")
    for width in WIDTHS:
        page = browser.open(tmp_path / "comparison.html", width=width)
        assert page.evaluate(TROUBLE) == [], width
        assert page.complaints == []
        assert page.requests == []


def test_what_to_change_is_read_without_scrolling_sideways(browser: Any, pages: Any, tmp_path: Path):
    for case, fix in (("refused", ANOMALY["fix"]), ("long", FIX)):
        outer, frame = framed(browser, tmp_path, pages[f"{case} validate"])
        for width in WIDTHS:
            widen(outer, frame, width)
            cell = "document.querySelector('td[data-label=\"What to change\"]')"
            assert fix in frame.evaluate(f"{cell}.textContent")
            left, right, height = frame.evaluate(
                f"(r => [r.left, r.right, r.height])((() => {{ const all = document.createRange(); "
                f"all.selectNodeContents({cell}); return all.getBoundingClientRect(); }})())"
            )
            assert 0 <= left < right <= width, (case, width)
            assert height > 10


@pytest.mark.parametrize("query", ["#slices", "#formats"])
def test_the_first_column_of_a_table_that_scrolls_stays(browser: Any, pages: Any, tmp_path: Path, query: str):
    outer, frame = framed(browser, tmp_path, pages["regression evaluate"])
    widen(outer, frame, 500)
    box = f"document.querySelector('{query}').closest('.scroll')"
    assert frame.evaluate(f"{box}.scrollWidth > {box}.clientWidth")
    frame.evaluate(f"{box}.scrollLeft = 10000")
    ends = frame.evaluate(
        f"[...document.querySelectorAll('{query} tr')].map(row => [row.cells[0], [...row.cells].at(-1)]"
        ".map(cell => cell.getBoundingClientRect()).map(r => [r.left, r.right]))"
    )
    left, right = frame.evaluate(f"(r => [r.left, r.right])({box}.getBoundingClientRect())")
    assert all(left <= first[0] <= left + 2 and last[1] <= right + 1 for first, last in ends)
    assert all(first[1] - first[0] < (right - left) / 2 for first, _ in ends), "and leaves room for the others"


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("case", ["good", "refused", "unblessed", "regression"])
def test_verdict_and_numbers_are_seen_before_anyone_scrolls(
    browser: Any, pages: Any, tmp_path: Path, case: str, step: str
):
    outer, frame = framed(browser, tmp_path, pages[f"{case} {step}"])
    widen(outer, frame, 520)
    lowest = (
        "Math.max(...[...document.querySelectorAll('.verdict, .tiles')].map(e => e.getBoundingClientRect().bottom))"
    )
    assert 100 < frame.evaluate(lowest) < 420
    assert frame.evaluate("document.querySelector('section').getBoundingClientRect().top < innerHeight - 100")


def test_anomalies_are_sorted_where_they_stand_as_cards(browser: Any, pages: Any, tmp_path: Path):
    outer, frame = framed(browser, tmp_path, pages["refused validate"])
    names = "[...document.querySelectorAll('.stack tbody .head')].map(cell => cell.textContent)"
    widen(outer, frame, 500)
    assert frame.evaluate("document.querySelector('.stack thead button').getBoundingClientRect().height > 10")
    frame.click(".stack thead th:nth-child(2) button")
    assert frame.evaluate(names) == ["(all columns)", "carrier"]
    frame.click(".stack thead th:nth-child(2) button")
    assert frame.evaluate(names) == ["carrier", "(all columns)"]
