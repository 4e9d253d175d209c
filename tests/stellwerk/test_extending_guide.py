"""docs/guides/extending.md is true: its files, its spec and its commands, in the order of the page."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "extending.md"
FILE = re.compile(r"^<!-- (\w+\.py) -->\n```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
DATA = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
SPEC = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMANDS = re.compile(r"^```bash\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_the_feature_the_network_the_loop_and_the_metric_of_the_page_make_a_model(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, text in FILE.findall(page):
        (tmp_path / name).write_text(text)
    (tmp_path / "pipeline.yaml").write_text(*SPEC.findall(page))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    (commands,) = COMMANDS.findall(page)
    for command in ([sys.executable, "-c", DATA.findall(page)[0]], ["bash", "-ec", commands]):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    (written,) = tmp_path.glob("runs/diabetes/*/evaluate/evaluation/evaluation.json")
    metrics = json.loads(written.read_text())["slices"][0]["metrics"]
    assert 0.3 <= metrics["metrics.py:WithinFifty"] <= 1
    graph = json.loads(next(tmp_path.glob("runs/diabetes/*/transform/transform_graph/features.json")).read_text())
    assert "pressure" in {feature["name"] for feature in graph["features"]}
    model = json.loads(next(tmp_path.glob("runs/diabetes/*/train/model/assets.extra/stellwerk.json")).read_text())
    assert model["hyperparameters"]["model"]["parameters"] == {"units": 16}
    assert model["hyperparameters"]["train"]["loop"] == "train.py:fit"
