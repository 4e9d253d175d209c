"""Words of errors."""

from __future__ import annotations

from pathlib import Path

from stellwerk.errors import sentence


def test_a_path_that_the_system_refuses_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    try:
        (tmp_path / "file" / "under").mkdir()
    except OSError as error:
        said = sentence(error)
    assert said == f"{tmp_path}/file/under: Not a directory. Look at that path and its permissions, then run again."
