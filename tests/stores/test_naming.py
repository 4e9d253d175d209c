"""What URIs mean: patterns, HDFS without its client, and URIs that a spec must not have."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import fs
from pydantic import ValidationError

from stellwerk.components.ingestion.files import origins
from stellwerk.errors import DataError
from stellwerk.spec.data import Source
from stellwerk.spec.places import STORES
from stellwerk.stores import hdfs, patience
from stellwerk.stores.finding import matches, objects

NAMES = ["a.csv", "a/b.csv", "a/b/c.csv", "a/.hidden/c.csv", ".a.csv", "a/[x].csv"]
PATTERNS = ["*.csv", "*/*.csv", "**/*.csv", "a/**", "a/?.csv", "a/[b-c].csv", ".*.csv", "**", "a/**/c.csv"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_means_of_names_in_a_store_what_it_means_of_files(tmp_path, pattern):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    here = origins("rows", Source(path=pattern), tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in here) == sorted(n for n in NAMES if matches(n, pattern))


def test_hdfs_says_what_is_missing_where_hadoops_client_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("HADOOP_HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"hdfs://name:8020/rows: Hadoop's client is not installed here .*HADOOP_HOME"):
        origins("rows", Source(path="hdfs://name:8020/rows"), Path())


@pytest.fixture
def hadoop(tmp_path, monkeypatch) -> Path:
    """Arrow's own file system in place of the one over libhdfs: the same calls, the same answers."""
    system = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    monkeypatch.setattr(hdfs, "store", lambda scheme, host, access: hdfs.FileSystem(f"hdfs://{host}", system))
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.001)
    return tmp_path


def test_a_file_system_of_arrow_is_listed_and_read(hadoop):
    (hadoop / "days" / "1").mkdir(parents=True)
    (hadoop / "days" / "1" / "rows.csv").write_bytes(b"n\n" + b"1\n" * 100)
    (hadoop / "days" / "_log.csv").write_bytes(b"x")
    for uri in ("hdfs://name/days", "hdfs://name/days/*/rows.csv", "hdfs://name/days/1/rows.csv"):
        (item,) = objects("rows", uri, Source(path=uri), lambda name: not name.startswith("_"))
        assert (item.uri, item.size) == ("hdfs://name/days/1/rows.csv", 202)
        assert b"".join(patience.pieces(item, 2, 6)) == b"1\n1\n"
    with pytest.raises(DataError, match=r"Did you mean 'days'\?"):
        origins("rows", Source(path="hdfs://name/day"), Path())


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"path": "ftp://host/rows.csv"}, "unknown scheme 'ftp'. Known: a path, file://, gs://"),
        ({"path": "s3://key:secret@bucket/rows.csv"}, "has credentials in it"),
        ({"path": "https://ada:secret@host/rows.csv"}, "has credentials in it"),
        ({"path": ["rows.csv", "gs:///rows.csv"]}, "names no bucket"),
        ({"path": "https:///rows.csv"}, "names no host"),
        ({"path": "gs://bucket/rows.csv", "endpoint": "http://host"}, "is for s3://, minio:// only"),
        ({"path": "rows.csv", "credentials": "anonymous"}, "is for gs://, s3://, minio:// only"),
        ({"path": "s3://bucket/rows.csv", "endpoint": "host:9000"}, "must be the URL of a server"),
        ({"path": "s3://bucket/rows.csv", "credentials": "AKIA"}, "Input should be 'anonymous'"),
    ],
)
def test_a_uri_that_cannot_be_read_is_refused_with_the_spec(keys, sentence):
    with pytest.raises(ValidationError) as refused:
        Source.model_validate(keys)
    assert sentence in str(refused.value)
    assert "secret" not in refused.value.errors(include_input=False)[0]["msg"]


@pytest.mark.parametrize("scheme", STORES.own)
def test_every_scheme_of_the_spec_has_a_store(scheme):
    assert callable(STORES.load(scheme).store)
