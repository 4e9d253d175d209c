"""One self-contained `report.html` for every run: what happened, with which data, how good the model is, and why it passed."""

from __future__ import annotations

import os
from pathlib import Path

from stellwerk.report.gathering import gather
from stellwerk.report.page import render

__all__ = ["write_report"]


def write_report(run: Path) -> Path:
    """Writes `report.html` into the run folder `run` (`runs/<name>/<run>`) and returns its path.

    Works for runs that are finished, refused, failed, stopped or still going on: what is not there is said in one
    sentence. The file appears whole, so a browser never sees half of it. Raises UsageError when `run` is no run folder.
    """
    html = render(gather(run))
    report = run / "report.html"
    aside = run / f".report.html.{os.getpid()}.part"
    try:
        aside.write_bytes(html.encode("utf-8", errors="replace"))
        aside.replace(report)
    finally:
        aside.unlink(missing_ok=True)
    return report
