"""Objects that are read where they lie give what their copies give, and are never half of one state and half of another."""

from __future__ import annotations

import gzip
import io
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.ingestion.files import origins
from stellwerk.components.ingestion.probing import probe
from stellwerk.components.ingestion.work import ingest
from stellwerk.errors import DataError, SpecError
from stellwerk.loading import load
from stellwerk.spec.data import Data, Source
from stellwerk.spec.target import Target
from stellwerk.stores import reading
from stellwerk.stores.base import Object
from stellwerk.stores.hdfs import FileSystem

ROWS = 2000


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small objects are read in as many requests as large ones."""
    monkeypatch.setattr("stellwerk.components.ingestion.files.AHEAD", dict.fromkeys(reading.AHEAD, 20_000))
    monkeypatch.setattr(reading, "FIRST", 5_000)


def _packed(content: bytes) -> bytes:
    packed: bytes = pa.compress(content, codec="zstd", asbytes=True)
    return packed


@pytest.fixture(scope="module")
def formats() -> dict[str, bytes]:
    """The same rows in every format; the target is missing in some. In text a value is no number, which Parquet cannot have."""
    rows = [
        {"n": n, "x": n * 7919 % 1009 / 7, "c": f"c{n % 7}", "y": None if n % 500 == 9 else n % 2} for n in range(ROWS)
    ]
    table = pa.table({name: [row[name] for row in rows] for name in rows[0]})
    lines = ["n,x,c,y", *(f"{row['n']},{row['x']},{row['c']},{'' if row['y'] is None else row['y']}" for row in rows)]
    lines[700] = "699,none,c6,1"
    text = ("\n".join(lines) + "\n").encode()
    objects = "".join(json.dumps(row) + "\n" for row in rows).encode()
    content = {"rows.csv": text, "rows.csv.gz": gzip.compress(text), "rows.csv.zst": _packed(text)}
    content |= {"rows.jsonl": objects, "rows.jsonl.gz": gzip.compress(objects), "rows.jsonl.zst": _packed(objects)}
    stream = io.BytesIO()
    pq.write_table(table, stream, row_group_size=500)
    return content | {"rows.parquet": stream.getvalue()}


@dataclass
class Place:
    """Where objects lie, and what happens when one is read."""

    uri: str
    put: Callable[[str, bytes], None]
    delete: Callable[[str], None]
    before: Callable[[Callable[[], None]], None]
    """Has something called before each request for a part is answered."""


def _store(stored: Any) -> Place:
    def before(call: Callable[[], None]) -> None:
        def asked(method: str, path: str) -> None:
            if method == "GET" and "rows." in path and (stored.uri.startswith("s3") or "alt=media" in path):
                call()

        stored.refuse = asked

    return Place(stored.uri, stored.put, stored.delete, before)


def _site(web: Any) -> Place:
    def put(name: str, content: bytes) -> None:
        web.files[f"/{name}"] = content
        web.headers["ETag"] = f'"{hash(content)}"'

    def before(call: Callable[[], None]) -> None:
        web.before = call

    return Place(web.uri, put, lambda name: web.files.pop(f"/{name}"), before)


@pytest.fixture(params=["s3", "gcs", "web"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each kind of place in turn, with a real server."""
    found = request.getfixturevalue(request.param)
    return _site(found) if request.param == "web" else _store(found)


@dataclass
class Ingested:
    manifest: dict[str, Any]
    quarantine: list[dict[str, Any]]

    @property
    def result(self) -> tuple[Any, ...]:
        """All but where it comes from."""
        counted = [
            {key: one[key] for key in ("format", "bytes", "rows", "rejected")} for one in self.manifest["sources"]
        ]
        rows = [{key: value for key, value in row.items() if key != "file"} for row in self.quarantine]
        return self.manifest["columns"], self.manifest["splits"], self.manifest["rows"], counted, rows


@pytest.fixture
def ingested(tmp_path: Path):
    def run(path: Any, query: str | None = None, to: str = "examples", split: Any = None, **keys: Any) -> Ingested:
        data = {"sources": {"rows": {"path": path, **keys}}, "query": query} | ({"split": split} if split else {})
        ingest(
            data=Data.model_validate(data),
            directory=tmp_path,
            numbers=["x"],
            target=Target.model_validate({"column": "y", "type": "binary"}),
            examples=tmp_path / to,
        )
        bad = (tmp_path / to / "quarantine" / "rows.jsonl").read_text().splitlines()
        return Ingested(Examples.open(tmp_path / to).manifest, [json.loads(line) for line in bad])

    return run


NAMES = [f"rows.{end}" for end in ("csv", "csv.gz", "csv.zst", "jsonl", "jsonl.gz", "jsonl.zst", "parquet")]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_in_place_is_what_the_same_bytes_give_here(ingested, place, formats, tmp_path, name):
    (tmp_path / name).write_bytes(formats[name])
    place.put(name, formats[name])
    here, there = ingested(name), ingested(f"{place.uri}/{name}", access="in_place", to="there")
    assert there.result == here.result
    assert {row["file"] for row in there.quarantine if row["file"]} == (
        {f"{place.uri}/{name}"} if any(row["file"] for row in here.quarantine) else set()
    )
    (file,) = there.manifest["sources"][0]["files"]
    assert file.keys() == {"path", "bytes", "stored"}


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.jsonl", "rows.parquet"])
def test_a_query_and_a_split_by_time_read_in_place_too(ingested, s3, formats, tmp_path, name):
    (tmp_path / name).write_bytes(formats[name])
    s3.put(name, formats[name])
    query = "SELECT a.n, a.x, a.c, b.y FROM rows a JOIN rows b USING (n) WHERE a.n % 3 <> 0"
    given = {"query": query, "split": {"by": "time", "column": "n"}}
    assert (
        ingested(f"s3://models/{name}", access="in_place", to="there", **given).result == ingested(name, **given).result
    )


@pytest.mark.parametrize(
    ("name", "query"), [("rows.csv", None), ("rows.jsonl.gz", None), ("rows.parquet", "SELECT * FROM rows")]
)
def test_nothing_is_written_but_the_examples(ingested, place, formats, tmp_path, name, query):
    place.put(name, formats[name])
    seen: set[str] = set()
    place.before(lambda: seen.update(path.name for path in tmp_path.rglob(".scratch/**/*") if path.is_file()))
    ingested(f"{place.uri}/{name}", query, access="in_place")
    assert seen == {"held"}  # the rows that do not fit, until their lines are known


def test_of_parquet_only_the_columns_and_row_groups_that_a_query_needs_are_asked_for(ingested, web):
    wide = {f"w{number}": [(row * 7919 + number) % 10_007 / 3 for row in range(6000)] for number in range(30)}
    stream = io.BytesIO()
    numbers = list(range(6000))
    pq.write_table(
        pa.table({"n": numbers, "y": [n % 2 for n in numbers], "x": wide["w0"], **wide}), stream, row_group_size=1200
    )
    web.files["/rows.parquet"] = stream.getvalue()
    ingested(f"{web.uri}/rows.parquet", "SELECT n, x, y FROM rows WHERE n >= 4800", access="in_place")
    ranges = [wanted.removeprefix("bytes=").split("-") for method, wanted in web.asked if method == "GET"]
    assert ranges
    assert sum(int(end) + 1 - int(start) for start, end in ranges) < len(stream.getvalue()) / 2


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.jsonl", "rows.parquet"])
def test_an_object_that_changes_while_it_is_read_is_one_error(ingested, place, formats, tmp_path, name):
    place.put(name, formats[name])
    asked: list[int] = []

    def change() -> None:
        asked.append(1)
        if len(asked) == 3:
            place.put(name, formats[name] + b"\n")

    place.before(change)
    with pytest.raises(DataError) as told:
        ingested(f"{place.uri}/{name}", access="in_place")
    assert (
        str(told.value)
        == f"rows: {place.uri}/{name}: it was changed while it was read. Run again once nobody writes it."
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_an_object_that_goes_while_it_is_read_is_one_error(ingested, place, formats, name):
    place.put(name, formats[name])
    asked: list[int] = []

    def delete() -> None:
        asked.append(1)
        if len(asked) == 2:
            place.delete(name)

    place.before(delete)
    with pytest.raises(DataError, match=rf"^rows: {place.uri}/{name}: it was changed while it was read\."):
        ingested(f"{place.uri}/{name}", access="in_place")


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_an_interrupted_read_goes_on_where_it_stopped(ingested, stored, wire, formats, tmp_path, name):
    (tmp_path / name).write_bytes(formats[name])
    stored.put(name, formats[name])
    wire.cuts, wire.after = 4, 7_000
    assert ingested(f"{stored.uri}/{name}", access="in_place").result == ingested(name, to="here").result
    assert wire.cuts == 0


def test_a_right_that_is_taken_away_while_it_is_read_is_one_error(ingested, stored, formats):
    stored.put("rows.csv", formats["rows.csv"])
    parts: list[str] = []

    def refuse(method: str, path: str) -> int | None:
        if method == "GET" and "rows.csv" in path and (stored.uri.startswith("s3") or "alt=media" in path):
            parts.append(path)
        return 403 if len(parts) > 1 else None

    stored.refuse = refuse
    with pytest.raises(DataError, match=rf"^rows: {stored.uri}/rows\.csv: these credentials have no right to read it"):
        ingested(f"{stored.uri}/rows.csv", access="in_place")


def test_what_is_not_there_is_one_error(ingested, stored):
    stored.put("row.csv", b"n\n1\n")
    with pytest.raises(DataError, match=r"there is no such object.*Did you mean 'row\.csv'\?"):
        ingested(f"{stored.uri}/rows.csv", access="in_place")
    with pytest.raises(DataError, match=r"/rows\.csv: there is no such bucket\. Check its name\.$"):
        ingested(f"{stored.uri.replace('models', 'nothing-here')}/rows.csv", access="in_place")


def test_a_wrong_key_is_one_error(ingested, s3, formats):
    s3.put("rows.csv", formats["rows.csv"])
    s3.refuse, s3.server.code = lambda method, path: 403, "SignatureDoesNotMatch"
    with pytest.raises(
        DataError, match=r"^rows: s3://models/rows\.csv: the secret key is wrong\. Set AWS_SECRET_ACCESS_KEY"
    ):
        ingested("s3://models/rows.csv", access="in_place")


def _identity(uri: str) -> list[str | None]:
    found = origins("rows", Source(path=uri, access="in_place"), Path())
    return [item.identity for item in found if isinstance(item, Object)]


def test_the_identity_and_the_version_change_with_the_object_and_only_then(ingested, stored, formats):
    stored.put("rows.csv", formats["rows.csv"])
    first, version = (
        _identity(f"{stored.uri}/rows.csv"),
        ingested(f"{stored.uri}/rows.csv", access="in_place").manifest["version"],
    )
    assert _identity(f"{stored.uri}/*.csv") == first
    again = ingested(f"{stored.uri}/*.csv", access="in_place", to="again").manifest
    assert again["version"] == version
    stored.put("rows.csv", formats["rows.csv"].replace(b"c1", b"c0"))
    assert _identity(f"{stored.uri}/rows.csv") != first
    assert ingested(f"{stored.uri}/rows.csv", access="in_place", to="other").manifest["version"] != version


def test_the_manifest_names_what_stands_for_the_bytes_as_what_it_is(ingested, stored, formats):
    stored.put("rows.csv", formats["rows.csv"])
    (source,) = ingested(f"{stored.uri}/rows.csv", access="in_place").manifest["sources"]
    assert "sha256" not in source
    known = {"gs": {"generation", "crc32c", "md5"}, "s3": {"etag"}}[stored.uri[:2]]
    assert source["files"][0]["stored"].keys() == known
    if stored.uri == "s3://models":
        client = stored.server.content
        client.put_bucket_versioning(Bucket="models", VersioningConfiguration={"Status": "Enabled"})
        version = client.put_object(Bucket="models", Key="rows.csv", Body=formats["rows.csv"])["VersionId"]
        (file,) = ingested("s3://models/*.csv", access="in_place", to="again").manifest["sources"][0]["files"]
        assert file["stored"] == {"etag": source["files"][0]["stored"]["etag"], "version_id": version}


@pytest.mark.parametrize(
    ("headers", "ranges", "sentence"),
    [
        ({}, True, "its server gives neither a version nor a checksum nor a strong ETag"),
        ({"ETag": 'W/"weak"'}, True, "its server gives neither a version nor a checksum nor a strong ETag"),
        ({"Last-Modified": "Sun, 22 Nov 2026 01:00:00 GMT"}, True, "its server gives neither"),
        ({"ETag": '"strong"'}, False, "its server gives no parts of a file"),
    ],
)
def test_a_server_that_could_not_tell_of_a_change_is_refused(web, tmp_path, headers, ranges, sentence):
    web.files["/rows.csv"], web.headers, web.ranges = b"n,y\n1,0\n", headers, ranges
    data = Data.model_validate({"sources": {"rows": {"path": f"{web.uri}/rows.csv", "access": "in_place"}}})
    with pytest.raises(
        DataError, match=rf"^rows: {web.uri}/rows\.csv: {sentence}.* Use `access: copy` for this source\.$"
    ):
        probe(data, tmp_path, [])


def test_parts_without_their_etag_are_not_put_together(web, ingested, formats):
    web.files["/rows.csv"] = formats["rows.csv"]
    web.before = lambda: web.headers.pop("ETag", None)
    with pytest.raises(DataError, match="gives parts of it without their ETag, so that they may not belong together"):
        ingested(f"{web.uri}/rows.csv", access="in_place")


@pytest.mark.parametrize(
    "name", ["rows.zip", "rows.csv.zip", "rows.parquet.gz", "rows.avro", "rows.orc", "rows.tfrecord"]
)
def test_what_needs_a_copy_on_disk_is_refused(s3, name):
    s3.put(name, b"content")
    with pytest.raises(DataError, match=rf"^rows: s3://models/{name}: .* not read in place.*\. Use `access: copy`"):
        origins("rows", Source(path=f"s3://models/{name}", access="in_place"), Path())


def test_a_file_system_that_knows_files_by_their_time_is_refused():
    item = Object("hdfs://host/rows.csv", "rows.csv", "rows.csv", 10, "17", FileSystem("hdfs://host", None))
    with pytest.raises(DataError, match=r"hdfs://host/rows\.csv: its server gives neither a version"):
        reading.settled("rows", [item], None)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ({"path": "rows.csv"}, r"access: is for gs://, s3://, minio://, http://, https:// only\. Remove it"),
        ({"path": "hdfs://host/rows.csv"}, "access: is for gs://"),
        ({"path": "gs://rows/rows.dat", "format": "tfrecord"}, "access: is for csv and jsonl and parquet files"),
    ],
)
def test_the_key_is_refused_where_it_means_nothing(tmp_path, source, sentence):
    spec = tmp_path / "pipeline.yaml"
    given = json.dumps({"sources": {"rows": {**source, "access": "in_place"}}})
    spec.write_text(f"name: a\ndata: {given}\nfeatures: {{n: {{type: number}}}}\ntarget: {{column: y, type: binary}}\n")
    with pytest.raises(SpecError, match=rf"pipeline\.yaml:2: data\.sources\.rows\.{sentence}"):
        load(spec)


def test_check_looks_at_the_same_objects(stored, formats, tmp_path):
    stored.put("days/rows.parquet", formats["rows.parquet"])
    data = Data.model_validate({"sources": {"rows": {"path": f"{stored.uri}/days", "access": "in_place"}}})
    assert probe(data, tmp_path, ["x"]).columns == {"n": "int64", "x": "float", "c": "string", "y": "int64"}


def test_threads_that_share_an_open_object_each_read_from_where_they_sought(web):
    web.files["/rows.csv"] = bytes(range(250)) * 400
    (item,) = origins("rows", Source(path=f"{web.uri}/rows.csv", access="in_place"), Path())
    assert isinstance(item, Object)
    file = reading.InPlace(item, "rows", "object://rows.csv", 1_000).open()
    wrong: list[int] = []

    def read(offset: int) -> None:
        for start in range(offset, 100_000, 4_500):
            file.seek(start)
            if file.read(700) != web.files["/rows.csv"][start : start + 700]:
                wrong.append(start)

    threads = [threading.Thread(target=read, args=(offset,)) for offset in (0, 1_300, 2_900)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    file.seek(-5, io.SEEK_END)
    assert file.read() == web.files["/rows.csv"][-5:]
    assert file.read(10) == b""
