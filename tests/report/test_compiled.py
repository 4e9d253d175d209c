"""Templates stay compiled beside their sources, and nothing depends on it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader
from jinja2.environment import Environment as Compiling

from stellwerk.report.compiled import CompiledTemplates


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "page.html").write_text("Hello {{ name }}")
    return tmp_path


def _page(templates: Path) -> str:
    environment = Environment(loader=FileSystemLoader(templates), bytecode_cache=CompiledTemplates(templates))
    return environment.get_template("page.html").render(name="Ada")


def test_a_template_is_compiled_once_and_anew_when_it_changes(templates, monkeypatch):
    assert _page(templates) == "Hello Ada"
    with monkeypatch.context() as patch:
        patch.setattr(Compiling, "_compile", lambda *_: pytest.fail("compiled again"))
        assert _page(templates) == "Hello Ada"
    (templates / "page.html").write_text("Goodbye {{ name }}")
    assert _page(templates) == "Goodbye Ada"


def test_a_folder_that_cannot_be_written_is_no_problem(templates):
    (templates / "__pycache__").write_text("a file in the way")
    assert _page(templates) == "Hello Ada"


@pytest.mark.parametrize("left", [b"", b"j2", b"no bytecode at all"])
def test_what_cannot_be_read_is_compiled_anew(templates, left):
    _page(templates)
    (kept,) = (templates / "__pycache__").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(left)
    assert _page(templates) == "Hello Ada"
    kept.write_bytes(whole[:20])
    assert _page(templates) == "Hello Ada"


def test_nothing_is_written_where_python_writes_no_bytecode(templates, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert _page(templates) == "Hello Ada"
    assert not (templates / "__pycache__").exists()
