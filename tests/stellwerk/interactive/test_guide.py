"""The guide's code, as one script in the order of the page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "python.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_every_line_of_the_guide_runs(tmp_path: Path):
    blocks = BLOCK.findall(PAGE.read_text())
    assert len(blocks) == 6
    script = tmp_path / "guide.py"
    script.write_text("\n".join(blocks) + "\nprint('metrics', len(stellwerk.runs('wine.yaml')))\n")
    ran = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=500, check=False
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("done ")
    assert lines[1].startswith("True The model is not blessed")
    assert lines[-1] == "metrics 4"
    assert (tmp_path / "comparison.html").stat().st_size > 10_000
