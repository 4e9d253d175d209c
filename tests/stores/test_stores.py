"""Sources in object stores: what is read from a real S3 and a real GCS server is what is read from this machine."""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
from pathlib import Path

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from stellwerk.components.ingestion import files
from stellwerk.components.ingestion.files import find, origins
from stellwerk.components.ingestion.probing import SAMPLE_BYTES, probe
from stellwerk.components.ingestion.work import ingest
from stellwerk.errors import DataError
from stellwerk.spec.data import Data, Source
from stellwerk.spec.target import Target
from stellwerk.stores import copying, fetching, gcs, patience, sampling


@pytest.fixture
def ingested(tmp_path: Path):
    """Ingests a source with a folder of kept copies, and returns the manifest."""

    def run(path, to="examples", kept=None, **keys):
        from stellwerk.components.artifacts.examples import Examples  # noqa: PLC0415

        ingest(
            data=Data.model_validate({"sources": {"rows": {"path": path, **keys}}}),
            directory=tmp_path,
            numbers=["x"],
            target=Target.model_validate({"column": "y", "type": "binary"}),
            examples=tmp_path / to,
            kept=kept,
        )
        return Examples.open(tmp_path / to).manifest

    return run


@pytest.fixture
def look(tmp_path: Path):
    def looked(path, numbers=(), **keys):
        return probe(Data.model_validate({"sources": {"rows": {"path": path, **keys}}}), tmp_path, list(numbers))

    return looked


def test_the_same_bytes_are_the_same_data_version_wherever_they_lie(ingested, stored, tmp_path, rows):
    parts = {
        "days/b/2.csv": rows(60).encode(),
        "days/a-1.csv.gz": gzip.compress(rows(50).encode()),
        "days/a/1.csv": rows(40).encode(),
        "days/_SUCCESS": b"",
    }
    for name, content in parts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
        stored.put(name, content)
    here, there = ingested("days"), ingested(f"{stored.uri}/days", to="there")
    assert there["version"] == here["version"]
    paths = [file["path"] for file in there["sources"][0]["files"]]
    assert paths == [f"{stored.uri}/days/{name}" for name in ("a/1.csv", "a-1.csv.gz", "b/2.csv")]
    globbed = ingested([f"{stored.uri}/days/*/*.csv", f"{stored.uri}/days/a-1.csv.gz"], to="globbed")
    assert globbed["sources"][0]["rows"] == 150
    assert list(tmp_path.rglob("*objects*")) == []


def test_an_unchanged_object_is_downloaded_once(ingested, stored, tmp_path, rows):
    kept = tmp_path / "kept"
    stored.put("rows.csv", rows(80).encode())
    first = ingested(f"{stored.uri}/rows.csv", kept=kept)

    def copies() -> int:
        return len([path for path in kept.rglob("*") if path.is_file()])

    downloads = [path for method, path in stored.asked if method == "GET" and "rows.csv" in path]
    again = ingested(f"{stored.uri}/rows.csv", to="again", kept=kept)
    after = [path for method, path in stored.asked if method == "GET" and "rows.csv" in path]
    assert again == first
    assert copies() == 1
    assert not [path for path in after[len(downloads) :] if "alt=media" in path or stored.uri.startswith("s3")]
    stored.put("rows.csv", rows(90).encode())
    assert ingested(f"{stored.uri}/rows.csv", to="changed", kept=kept)["rows"]["read"] == 90
    assert copies() == 2


def test_copies_that_nobody_asks_for_are_removed_after_a_day(ingested, s3, tmp_path, rows, monkeypatch):
    s3.put("rows.csv", rows(80).encode())
    ingested("s3://models/rows.csv", kept=tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir())
    monkeypatch.setattr(fetching, "UNUSED", -60)
    ingested("s3://models/rows.csv", kept=tmp_path / "kept", to="again")
    assert list((tmp_path / "kept").iterdir()) == []


def test_an_object_changes_its_identity_with_its_bytes_and_only_then(stored, rows):
    def identity() -> str | None:
        (found,) = origins("rows", Source(path=f"{stored.uri}/rows.csv"), Path())
        return found.identity

    stored.put("rows.csv", rows(10).encode())
    first = identity()
    assert identity() == first
    stored.put("rows.csv", rows(11).encode())
    assert identity() != first


def _formats(table: pa.Table) -> dict[str, bytes]:
    content: dict[str, bytes] = {}
    for name, write in (("parquet", pq.write_table), ("orc", orc.write_table)):
        stream = io.BytesIO()
        write(table, stream, **({"row_group_size": 5_000} if name == "parquet" else {}))
        content[f"rows.{name}"] = stream.getvalue()
    stream = io.BytesIO()
    fields = [{"name": name, "type": kind} for name, kind in (("n", "long"), ("x", "double"), ("y", "long"))]
    fastavro.writer(stream, {"type": "record", "name": "row", "fields": fields}, table.to_pylist())
    content["rows.avro"] = stream.getvalue()
    lines = "n,x,y\n" + "".join(f"{row['n']},{row['x']},{row['y']}\n" for row in table.to_pylist())
    content["rows.csv"] = lines.encode()
    content["rows.csv.gz"] = gzip.compress(lines.encode())
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.csv", lines)
    content["rows.zip"] = stream.getvalue()
    return content


@pytest.fixture(scope="module")
def formats() -> dict[str, bytes]:
    """The same 40,000 rows in every format, which a look must not read whole."""
    numbers = pa.array(range(40_000), pa.int64())
    spread = pa.array([(row * 2654435761) % 1_000_003 / 7 for row in range(40_000)], pa.float64())
    return _formats(pa.table({"n": numbers, "x": spread, "y": pa.array([row % 2 for row in range(40_000)])}))


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.zip", "rows.parquet", "rows.orc", "rows.avro"])
def test_check_sees_the_columns_of_every_format_without_reading_it_all(look, s3, formats, name, monkeypatch):
    monkeypatch.setattr("stellwerk.components.ingestion.probing.SAMPLE_BYTES", 1 << 16)
    s3.put(name, formats[name])
    found = look(f"s3://models/{name}", ["x"])
    assert found.columns == {"n": "int64", "x": "float", "y": "int64"}
    assert not found.complete
    assert set(found.values("y").found) == {0, 1}


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])
def test_a_look_asks_for_parts_only(look, stored, formats, name, monkeypatch):
    monkeypatch.setattr("stellwerk.components.ingestion.probing.SAMPLE_BYTES", 1 << 16)
    monkeypatch.setattr(sampling, "BUFFER", 1 << 14)
    read, ask = [], patience.pieces

    def counted(*asked):
        for piece in ask(*asked):
            read.append(len(piece))
            yield piece

    monkeypatch.setattr(patience, "pieces", counted)
    monkeypatch.setattr(copying, "pieces", None)
    stored.put(name, formats[name])
    monkeypatch.setattr("stellwerk.stores.s3.PIECE", 1 << 14)
    monkeypatch.setattr(gcs, "PIECE", 1 << 14)
    assert look(f"{stored.uri}/{name}").columns["y"] == "int64"
    assert 0 < sum(read) < len(formats[name]) * 0.6


@pytest.mark.parametrize("missing", ["rows.csv", "rows*.csv", "folder/", "folder"])
def test_an_object_that_is_not_there_is_told_with_the_name_that_was_meant(stored, missing):
    stored.put("row.csv", b"n\n1\n")
    with pytest.raises(DataError, match=rf"rows: {stored.uri}/") as told:
        find("rows", Source(path=f"{stored.uri}/{missing}"), Path(), Path())
    assert ("Did you mean 'row.csv'?" in str(told.value)) == (missing == "rows.csv")


def test_a_bucket_that_is_not_there_is_told(stored):
    there = stored.uri.replace("models", "nothing-here")
    with pytest.raises(DataError, match=rf"^rows: {there}/rows.csv: there is no such bucket\. Check its name\.$"):
        origins("rows", Source(path=f"{there}/rows.csv"), Path())


def test_an_empty_object_is_told(stored, tmp_path):
    stored.put("rows.csv", b"")
    with pytest.raises(DataError, match=r"rows\.csv is empty: 0 bytes"):
        find("rows", Source(path=f"{stored.uri}/rows.csv"), Path(), tmp_path)


def test_a_right_that_is_missing_is_told_at_once(stored):
    stored.put("rows.csv", b"n\n1\n")
    stored.asked.clear()
    stored.refuse = lambda method, path: 403
    with pytest.raises(DataError, match="these credentials have no right to read it"):
        origins("rows", Source(path=f"{stored.uri}/rows.csv"), Path())
    assert len([path for method, path in stored.asked if method == "GET" and "rows.csv" in path]) == 1
    with pytest.raises(DataError, match=r"it is not public.*Remove `credentials: anonymous`"):
        origins("rows", Source(path=f"{stored.uri}/rows.csv", credentials="anonymous"), Path())


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (403, "InvalidAccessKeyId", "the access key is not known there. Set AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "the secret key is wrong"),
        (400, "ExpiredToken", "the credentials have expired. Log in again"),
        (400, "SomethingNew", "S3 says SomethingNew: No"),
    ],
)
def test_why_s3_refuses_is_told(s3, status, code, sentence):
    s3.refuse, s3.server.code = lambda method, path: status, code
    with pytest.raises(DataError, match=rf"^rows: s3://models/rows\.csv: {sentence}"):
        origins("rows", Source(path="s3://models/rows.csv"), Path())


def test_a_busy_store_is_asked_again(ingested, stored, rows):
    stored.put("rows.csv", rows(60).encode())
    stored.asked.clear()
    stored.refuse = lambda method, path: 503 if len(stored.asked) % 3 else None
    assert ingested(f"{stored.uri}/rows.csv")["rows"]["read"] == 60


def test_a_store_that_stays_away_is_given_up(stored):
    stored.put("rows.csv", b"n\n1\n")
    stored.asked.clear()
    stored.refuse = lambda method, path: 503
    with pytest.raises(DataError, match=r"rows\.csv: .* is not available .* Try again later\."):
        origins("rows", Source(path=f"{stored.uri}/rows.csv"), Path())
    assert len([path for _, path in stored.asked if "rows.csv" in path]) == patience.ATTEMPTS


def test_an_object_that_changes_while_it_is_read_is_told(stored, tmp_path, rows):
    stored.put("rows.csv", rows(60).encode())
    (listed,) = origins("rows", Source(path=f"{stored.uri}/rows.csv"), Path())
    stored.put("rows.csv", rows(60, {0: "7,0.0,c0,1"}).encode())
    with pytest.raises(DataError, match=r"rows\.csv: (it was changed while it was read|what arrived)"):
        fetching.fetched("rows", [listed], tmp_path / "kept")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_download_that_is_cut_off_goes_on_where_it_stopped(stored, wire, tmp_path):
    content = bytes(range(256)) * 4000
    stored.put("rows.csv", content)
    (listed,) = origins("rows", Source(path=f"{stored.uri}/rows.csv"), Path())
    wire.cuts, wire.after = 3, 300_000
    copy = fetching.fetched("rows", [listed], tmp_path / "kept")[listed]
    assert copy.read_bytes() == content
    assert wire.cuts == 0


def test_large_objects_come_in_pieces(stored, tmp_path, monkeypatch):
    monkeypatch.setattr(gcs, "PIECE", 1 << 16)
    content = bytes(range(256)) * 2000
    stored.put("rows.bin", content)
    (listed,) = origins("rows", Source(path=f"{stored.uri}/rows.bin", format="csv"), Path())
    copies = fetching.fetched("rows", [listed], tmp_path / "kept")
    assert copies[listed].read_bytes() == content
    assert b"".join(patience.pieces(listed, 1000, 200_000)) == content[1000:200_000]


def test_a_server_that_is_not_there_is_told_after_several_attempts(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    for source in (
        Source(path="minio://models/rows.csv", endpoint="http://127.0.0.1:9"),
        Source(path="gs://models/rows.csv"),
    ):
        with pytest.raises(DataError, match=r"rows\.csv: cannot be reached .* Check the network"):
            origins("rows", source, Path())


def test_minio_is_asked_at_its_endpoint(s3, s3_store, ingested, rows, monkeypatch):
    s3.put("rows.csv", rows(60).encode())
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with pytest.raises(DataError, match=r"names no server\. Give the source an `endpoint`, or set AWS_ENDPOINT_URL"):
        ingested("minio://models/rows.csv")
    assert ingested("minio://models/rows.csv", endpoint=s3_store.address)["rows"]["read"] == 60


def test_a_packed_object_under_the_name_of_the_unpacked_is_unpacked(gcs, ingested, rows):
    from google.cloud import storage  # noqa: PLC0415

    blob = storage.Client(project=None).bucket("models").blob("rows.csv")
    blob.content_encoding = "gzip"
    blob.upload_from_string(gzip.compress(rows(60).encode()))
    assert ingested("gs://models/rows.csv")["rows"]["read"] == 60


def test_without_credentials_it_says_where_they_come_from(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "STORAGE_EMULATOR_HOST", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "nothing"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "nothing"))
    with pytest.raises(DataError, match=r"no credentials .*gcloud auth application-default login"):
        origins("rows", Source(path="gs://models/rows.csv"), Path())
    with pytest.raises(DataError, match=r"no credentials .*Set AWS_ACCESS_KEY_ID"):
        origins("rows", Source(path="s3://models/rows.csv", endpoint="http://127.0.0.1:9"), Path())


def test_a_public_object_is_asked_for_without_credentials(stored, ingested, rows, monkeypatch, tmp_path):
    stored.put("rows.csv", rows(60).encode())
    if stored.uri.startswith("s3"):
        with pytest.raises(DataError, match=r"rows\.csv: it is not public\. Remove `credentials: anonymous`\."):
            ingested(f"{stored.uri}/rows.csv", credentials="anonymous")
        stored.server.content.put_object_acl(Bucket="models", Key="rows.csv", ACL="public-read")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    assert ingested(f"{stored.uri}/rows.csv", credentials="anonymous")["rows"]["read"] == 60


def test_without_boto3_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(DataError, match=r"s3://models/rows\.csv: boto3 is not installed\. Install stellwerk\[s3\]\."):
        origins("rows", Source(path="s3://models/rows.csv"), Path())


def test_a_look_at_many_objects_opens_a_few(look, s3, rows):
    for number in range(9):
        s3.put(f"rows/{number}.csv", rows(30).encode())
    found = look("s3://models/rows")
    assert not found.complete
    opened = {path for method, path in s3.asked if method == "GET" and path.endswith(".csv")}
    assert len(opened) == files.GLANCED


def test_the_sample_is_smaller_than_what_is_looked_at():
    assert SAMPLE_BYTES < gcs.PIECE
