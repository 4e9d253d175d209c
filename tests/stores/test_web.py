"""Sources behind URLs, from a server that behaves as servers of the web do."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from stellwerk.components.ingestion.files import find, origins
from stellwerk.components.ingestion.probing import probe
from stellwerk.errors import DataError
from stellwerk.spec.data import Data, Source
from stellwerk.stores import fetching, patience
from stellwerk.stores import web as module


@pytest.fixture
def fetch(tmp_path: Path):
    """Returns the bytes that a look-up and a copy of a URL give."""

    def fetched(url: str) -> bytes:
        (item,) = origins("rows", Source(path=url), tmp_path)
        return fetching.fetched("rows", [item], tmp_path / "kept")[item].read_bytes()

    return fetched


def test_a_file_is_read_under_its_url_without_the_query(web, tmp_path, rows):
    web.files["/data/rows.csv"] = rows(60).encode()
    found = find("rows", Source(path=f"{web.uri}/data/rows.csv?signature=secret"), tmp_path, tmp_path)
    assert [file.label for file in found.files] == [f"{web.uri}/data/rows.csv"]
    assert found.files[0].readable.read_bytes() == web.files["/data/rows.csv"]


def test_what_a_query_holds_is_in_no_message(web, fetch):
    with pytest.raises(DataError) as told:
        fetch(f"{web.uri}/rows.csv?signature=secret")
    assert "rows.csv: there is no such file" in str(told.value)
    assert "secret" not in str(told.value)


def test_a_site_that_is_not_there_is_told(fetch):
    with pytest.raises(DataError, match=r"^rows: http://127\.0\.0\.1:9/rows\.csv: cannot be reached \(.*refused\)"):
        fetch("http://127.0.0.1:9/rows.csv")


@pytest.mark.parametrize(("head", "ranges"), [(True, True), (False, True), (True, False), (False, False)])
def test_servers_without_head_or_without_ranges_are_read(web, fetch, head, ranges):
    web.files["/rows.csv"], web.head, web.ranges = b"n\n" + b"1\n" * 5000, head, ranges
    assert fetch(f"{web.uri}/rows.csv") == web.files["/rows.csv"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_breaks_off_is_continued_where_it_stopped(web, fetch, ranges, monkeypatch):
    content = bytes(range(250)) * 40
    web.files["/rows.csv"], web.ranges, web.most = content, ranges, 4000 if ranges else None
    monkeypatch.setattr(module, "PIECE", 1000)
    if ranges:
        assert fetch(f"{web.uri}/rows.csv") == content
        assert [wanted for method, wanted in web.asked if method == "GET"] == ["", "bytes=4000-9999", "bytes=8000-9999"]
    else:
        (item,) = origins("rows", Source(path=f"{web.uri}/rows.csv"), Path())
        assert b"".join(item.store.stream(item, 1500, 2750)) == content[1500:2750]


def test_a_file_that_always_ends_too_early_is_told(web, fetch):
    web.files["/rows.csv"], web.most = b"n\n1\n2\n", 3
    web.ranges = False
    with pytest.raises(
        DataError, match=r"rows\.csv: ends after 3 of 6 bytes\. It is damaged, or the connection breaks off\."
    ):
        fetch(f"{web.uri}/rows.csv")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "it needs a login"),
        (404, "there is no such file. Check the URL"),
        (500, "the server answers 500"),
        (418, "the server answers 418"),
    ],
)
def test_what_a_server_refuses_is_told(web, fetch, status, sentence):
    web.statuses = [status] * 20
    with pytest.raises(DataError, match=rf"^rows: {web.uri}/rows\.csv: {sentence}"):
        fetch(f"{web.uri}/rows.csv")
    assert len(web.asked) == (patience.ATTEMPTS if status == 500 else 1)


def test_a_busy_server_is_asked_again(web, fetch):
    web.files["/rows.csv"], web.statuses = b"n\n1\n", [503, 429]
    assert fetch(f"{web.uri}/rows.csv") == b"n\n1\n"


def test_a_pattern_or_a_folder_of_the_web_is_refused(web, fetch):
    with pytest.raises(DataError, match=r"the web cannot be searched by a pattern. List the URLs"):
        fetch(f"{web.uri}/*.csv")
    with pytest.raises(DataError, match="a folder cannot be listed over the web"):
        fetch(f"{web.uri}/folder/")


def test_a_file_that_changes_while_it_is_read_is_told(web, tmp_path):
    web.files["/rows.csv"] = b"n\n1\n"
    (item,) = origins("rows", Source(path=f"{web.uri}/rows.csv"), tmp_path)
    web.headers = {"ETag": '"second"'}
    with pytest.raises(DataError, match="it was changed while it was read"):
        fetching.fetched("rows", [item], tmp_path / "kept")


def test_without_an_etag_or_a_time_nobody_knows_whether_it_is_the_same(web, tmp_path):
    web.files["/rows.csv"], web.headers = b"n\n1\n", {}
    (item,) = origins("rows", Source(path=f"{web.uri}/rows.csv"), tmp_path)
    assert item.identity is None
    kept = [fetching.fetched("rows", [item], tmp_path / "kept")[item] for _ in range(2)]
    assert kept[0] != kept[1]
    assert kept[0].read_bytes() == kept[1].read_bytes() == b"n\n1\n"


def test_a_packed_answer_is_unpacked(web, tmp_path, rows):
    web.files["/rows.csv"] = gzip.compress(rows(40).encode())
    web.headers |= {"Content-Encoding": "gzip"}
    look = Data.model_validate({"sources": {"rows": f"{web.uri}/rows.csv"}})
    assert probe(look, tmp_path, []).columns == {"n": "int64", "x": "float", "c": "string", "y": "int64"}


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.csv.zst", "rows.parquet", "rows.zip"])
def test_a_connection_that_is_lost_during_a_look_is_told_as_such(web, tmp_path, name, monkeypatch):
    monkeypatch.setattr("stellwerk.components.ingestion.probing.SAMPLE_BYTES", 10)
    web.files[f"/{name}"], web.most = b"n\n" * 500, 0
    source = Data.model_validate({"sources": {"rows": f"{web.uri}/{name}"}})
    with pytest.raises(DataError, match=rf"^rows: {web.uri}/{name}: ends after [0-9,]+ of 1,000 bytes"):
        probe(source, tmp_path, [])


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/rows.csv"])
def test_no_other_protocol_is_opened_by_a_redirect(web, fetch, target):
    web.files["/rows.csv"], web.statuses = b"n\n", [302] * 20
    web.headers |= {"Location": target}
    with pytest.raises(DataError, match=r"rows\.csv: the server answers 302"):
        fetch(f"{web.uri}/rows.csv")
