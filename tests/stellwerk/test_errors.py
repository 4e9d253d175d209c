"""Words of errors."""

from __future__ import annotations

from pathlib import Path

from stellwerk.errors import listed, sentence


def test_a_message_lists_thirty_names_at_most_and_none_at_length():
    assert listed(["a", "b"]) == "a, b"
    many = listed(f"c{place}" for place in range(5_003))
    assert many.endswith("c28, c29, … (5,003 in all)")
    assert len(listed(["x" * 300])) == 60


def test_a_path_that_the_system_refuses_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    try:
        (tmp_path / "file" / "under").mkdir()
    except OSError as error:
        said = sentence(error)
    assert said == f"{tmp_path}/file/under: Not a directory. Look at that path and its permissions, then run again."
