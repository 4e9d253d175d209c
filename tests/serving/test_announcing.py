"""What a server says when it is ready can be copied and answers."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stellwerk.serving.announcing import announcement
from stellwerk.serving.config import ModelConfig, VersionPolicy
from stellwerk.serving.security import Tokens
from stellwerk.serving.server import ModelServer, ServerOptions
from stellwerk.serving.warmup import write_warmup

NAN = float("nan")


def said(folder: Path, **options: Any) -> tuple[list[str], ModelServer]:
    config = ModelConfig("flights", folder, VersionPolicy(None), {"stable": 3})
    with ModelServer([config], ServerOptions(rest_port=0, grpc_port=0, **options)) as server:
        return list(announcement(server)), server


def tried(line: str) -> tuple[dict[str, Any], str]:
    """The body and the address of the request that a line shows."""
    command = shlex.split(line.removeprefix("try: "))
    return json.loads(command[command.index("-d") + 1]), command[-1]


@pytest.fixture
def folder(tmp_path: Path, model_path: Path) -> Path:
    shutil.copytree(model_path, tmp_path / "flights" / "3")
    shutil.copytree(model_path, tmp_path / "flights" / "7")
    return tmp_path / "flights"


def test_models_versions_and_labels_are_named(folder: Path):
    lines, _ = said(folder)
    assert lines[0] == "ready: flights, versions 7, 3 (stable is 3)"
    assert lines[-1].startswith("more: http://127.0.0.1:")


def test_the_request_is_a_real_row_without_missing_values(folder: Path):
    rows = {
        "distance": np.float32([NAN, 18.7]),
        "carrier": np.array([b"AA", b"O'Hare \xc3\xb6"], object),
        "day": np.int64([1, 5]),
    }
    write_warmup(folder / "7", [rows])
    lines, server = said(folder)
    body, address = tried(lines[1])
    assert body == {"instances": [{"distance": 18.7, "carrier": "O'Hare ö", "day": 5}]}
    assert address == f"{server.url('flights')}:predict"


def test_without_rows_values_of_the_right_types_are_made_up(folder: Path):
    lines, _ = said(folder)
    assert tried(lines[1])[0] == {"instances": [{"distance": 0.5, "carrier": "text", "day": 1}]}


def test_a_server_with_tokens_shows_where_the_token_goes(folder: Path, tmp_path: Path):
    (tmp_path / "tokens").write_text("* secret-of-the-server\n", encoding="utf-8")
    lines, _ = said(folder, tokens=Tokens.read(tmp_path / "tokens"))
    assert "Authorization: Bearer TOKEN" in lines[1]
    assert "secret-of-the-server" not in "\n".join(lines)


def test_what_serve_prints_can_be_run_as_it_stands(folder: Path, ask: Any, warm: Any):
    with warm.popen(["serve", folder, "--port", 0, "--rest-port", 0], stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            assert next(process.stderr) == f"loading flights from {folder}, version 7\n"
            body, address = tried(next(line for line in process.stderr if line.startswith("try: ")).strip())
            assert ask(address, body) == (200, {"predictions": [[1.5]]})
            assert next(line for line in process.stderr if line.startswith("answering at "))
        finally:
            process.kill()
