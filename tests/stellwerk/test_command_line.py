"""The command line starts fast, loads no framework, and says what is wrong in one sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stellwerk.__main__ import main

FRAMEWORKS = ("tensorflow", "keras", "apache_beam", "tensorflow_data_validation", "tensorflow_transform", "pandas")


def stellwerk(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stellwerk", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "command",
    ["", "init", "check", "run", "compile", "schema", "runs", "report", "clean", "connect", "serve", "completion"],
)
def test_help_teaches_and_loads_no_framework(command: str):
    code = (
        "import sys; from stellwerk.__main__ import cli; "
        f"cli({[*command.split(), '--help']!r}, standalone_mode=False); "
        f"print([name for name in {FRAMEWORKS!r} if name in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "Usage:" in ran.stdout
    assert ran.stderr.strip() == "[]"


def test_a_missing_spec_is_one_sentence_and_exit_code_2(tmp_path):
    ran = stellwerk("run", str(tmp_path / "nothing.yaml"))
    assert ran.returncode == 2
    assert "nothing.yaml" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_unknown_command_is_exit_code_2():
    assert stellwerk("rnu").returncode == 2


def test_debug_shows_the_traceback(tmp_path):
    ran = stellwerk("--debug", "check", str(tmp_path / "nothing.yaml"))
    assert ran.returncode == 2
    assert "Traceback" in ran.stderr


def test_completion_prints_a_script_for_each_shell():
    for shell in ("bash", "zsh", "fish"):
        assert "_STELLWERK_COMPLETE" in stellwerk("completion", shell).stdout


def test_version_is_printed():
    assert stellwerk("--version").stdout.startswith("stellwerk")


def test_an_interrupt_while_a_library_is_loaded_is_still_an_interrupt(monkeypatch, capsys):
    def load(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise ImportError("numpy did not load")  # noqa: B904 - as C extensions do it

    monkeypatch.setattr("stellwerk.__main__.cli", load)
    with pytest.raises(SystemExit, match="130"):
        main()
    assert "interrupted" in capsys.readouterr().err
