"""Words of errors."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from stellwerk.errors import DataError, about_source, sentence


def test_a_path_that_the_system_refuses_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    try:
        (tmp_path / "file" / "under").mkdir()
    except OSError as error:
        said = sentence(error)
    assert said == f"{tmp_path}/file/under: Not a directory. Look at that path and its permissions, then run again."


def test_an_error_of_the_data_knows_what_it_is_about_also_in_another_process():
    error = pickle.loads(pickle.dumps(DataError.of_source("a.b", "is empty.")))
    assert (str(error), error.key, error.said) == ("a.b: is empty.", ("data", "sources", "a.b"), "is empty.")
    assert DataError.of_key("data.query", "gives no rows.").key == ("data", "query")


def test_an_error_that_does_not_say_what_it_is_about_is_about_the_source_that_is_read():
    with pytest.raises(DataError, match=r"^rows\.csv: is damaged\.$") as raised, about_source("rows"):
        raise DataError("rows.csv: is damaged.")
    assert (raised.value.key, raised.value.said) == (("data", "sources", "rows"), "rows.csv: is damaged.")
    with pytest.raises(DataError) as raised, about_source("rows"):
        raise DataError.of_key("data.query", "gives no rows.")
    assert raised.value.key == ("data", "query")
