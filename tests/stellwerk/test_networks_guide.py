"""docs/guides/networks.md is true: its data, its spec and its commands, in the order of the page; and every line of its table is one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from stellwerk.encoders import ENCODERS
from stellwerk.encoders.choosing import Encoder
from stellwerk.spec.model import NETWORKS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "networks.md").read_text(encoding="utf-8")
LINES = re.findall(r"^\| .* \| `([^`]+)` \|$", PAGE, re.MULTILINE)


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_table_is_an_encoder(line: str) -> None:
    assert TypeAdapter(Encoder).validate_python(yaml.safe_load(line)).type in ENCODERS.own


def test_every_encoder_and_every_network_is_on_the_page() -> None:
    assert [name for name in (*ENCODERS.own, *NETWORKS.own) if name != "custom" and f"`{name}`" not in PAGE] == []


def test_the_network_of_the_page_learns(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(*_blocks("yaml"))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command in ([sys.executable, "-c", _blocks("python")[0]], ["bash", "-ec", _blocks("bash")[0]]):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    model = json.loads(next(tmp_path.glob("runs/digits/*/train/model/assets.extra/stellwerk.json")).read_text())
    assert model["hyperparameters"]["encoding"]["photo"]["encoder"]["type"] == "cnn"
