"""The guide's code, as one script in the order of the page."""

from __future__ import annotations

import re
from pathlib import Path

from tests.warm.asking import Warm

PAGE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "python.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_every_line_of_the_guide_runs(tmp_path: Path, warm: Warm):
    blocks = BLOCK.findall(PAGE.read_text())
    assert len(blocks) == 6
    script = tmp_path / "guide.py"
    script.write_text("\n".join(blocks) + "\nprint('metrics', len(stellwerk.runs('wine.yaml')))\n")
    ran = warm.run("python", script, cwd=tmp_path, timeout=500)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("done ")
    assert lines[1].startswith("True The model is not blessed")
    assert lines[-1] == "metrics 4"
    assert (tmp_path / "comparison.html").stat().st_size > 10_000
