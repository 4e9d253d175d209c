"""The artifact: versions, digests, book-keeping, joins of the real flights, a full disk, progress."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import file_digest
from stellwerk.components.calling import call
from stellwerk.components.ingestion.engine import connect
from stellwerk.components.ingestion.shards import ShardWriter
from stellwerk.errors import StepFailed
from stellwerk.section import SPLITS

JOIN = """
    SELECT f.*, w.temp, w.wind_speed, p.seats
    FROM flights f LEFT JOIN weather w USING (origin, time_hour) LEFT JOIN planes p USING (tailnum)
"""


@pytest.fixture(scope="session")
def flights_csv(flights_table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("flights") / "flights.csv"
    pa.csv.write_csv(flights_table.drop(["time_hour"]).append_column("time_hour", _iso(flights_table)), path)
    return path


def _iso(table: pa.Table) -> pa.Array:
    return pa.compute.strftime(table["time_hour"].cast(pa.timestamp("s")), "%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def joined(flights_csv: Path, nycflights: Path) -> dict:
    weather, planes = nycflights / "weather.csv", nycflights / "planes.csv"
    sources = {"flights": str(flights_csv), "weather": str(weather), "planes": str(planes)}
    return {"sources": sources, "query": JOIN, "split": {"by": "hash", "key": ["tailnum"]}}


def test_real_flights_are_joined_with_weather_and_planes(run, joined, flights_table: pa.Table):
    ingested = run(joined, numbers=["distance", "temp", "seats"], target="late")
    assert ingested.manifest["rows"]["read"] == flights_table.num_rows
    assert ingested.manifest["rows"]["written"] == flights_table.num_rows
    assert [source["rows"] for source in ingested.manifest["sources"]] == [flights_table.num_rows, 26115, 3322]
    assert ingested.table()["temp"].null_count < 0.01 * flights_table.num_rows
    assert ingested.examples.columns["time_hour"] == "int64"


def test_the_same_bytes_and_settings_give_the_same_bytes_and_version(run, joined, tmp_path: Path):
    first, second = (run(joined, target="late", to=to) for to in "ab")
    assert first.manifest == second.manifest
    for split in SPLITS:
        for one, other in zip(first.examples.shards(split), second.examples.shards(split), strict=True):
            assert one.read_bytes() == other.read_bytes()


def test_the_version_changes_with_bytes_and_settings_and_not_with_the_place(run, write, rows, tmp_path: Path):
    write("rows.csv", rows(60))
    version = run("rows.csv").examples.version
    write("moved/again.csv", rows(60))
    assert run("moved/again.csv").examples.version == version
    assert run({"sources": {"rows": "rows.csv"}, "split": {"by": "hash", "key": ["n"]}}).examples.version != version
    write("rows.csv", rows(60, {3: "3,9,c,1"}))
    assert run("rows.csv").examples.version != version


def test_the_manifest_names_every_file_with_its_digest(run, write, rows, tmp_path: Path):
    source = write("data/rows.csv", rows(200, {3: "3"}))
    ingested = run("data/rows.csv")
    assert ingested.manifest["sources"] == [
        {
            "name": "rows",
            "format": "csv",
            "files": [{"path": "data/rows.csv", "bytes": source.stat().st_size, "sha256": file_digest(source)}],
            "bytes": source.stat().st_size,
            "sha256": file_digest(source),
            "rows": 199,
            "rejected": 1,
        }
    ]
    for split in SPLITS:
        content = ingested.manifest["splits"][split]
        assert content["rows"] == sum(shard["rows"] for shard in content["shards"])
        for shard in content["shards"]:
            path = ingested.path / shard["path"]
            assert (file_digest(path), pq.read_metadata(path).num_rows) == (shard["sha256"], shard["rows"])


def test_rows_of_the_sources_and_of_the_query_are_counted_apart(run, write, rows):
    write("rows.csv", rows(60, {3: "3", 4: "4,1,c,NA"}))
    write("more.csv", "n,z\n" + "".join(f"{row},{row}\n" for row in range(60)))
    query = "SELECT * FROM rows JOIN more USING (n)"
    ingested = run({"sources": {"rows": "rows.csv", "more": "more.csv"}, "query": query})
    assert ingested.manifest["rows"] == {
        "read": 59,
        "written": 58,
        "quarantined": 1,
        "rejected_before_query": 1,
        "by_reason": {"too few values": 1, "y: the target is missing": 1},
    }


def test_shards_are_cut_by_rows_whatever_the_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stellwerk.components.ingestion.shards.BATCH_ROWS", 100)
    monkeypatch.setattr("stellwerk.components.ingestion.shards.SHARD_ROWS", 300)
    batch = pa.RecordBatch.from_pydict({"n": list(range(1050))})
    digests = []
    for name, step in (("a", 1050), ("b", 7)):
        writer = ShardWriter(tmp_path / name, "train", batch.schema)
        for start in range(0, 1050, step):
            writer.write(batch.slice(start, step))
        writer.close()
        digests.append([(shard["rows"], shard["sha256"]) for shard in writer.shards])
    assert digests[0] == digests[1]
    assert [rows for rows, _ in digests[0]] == [300, 300, 300, 150]


def test_progress_counts_the_rows(write, rows, tmp_path: Path):
    write("rows.csv", rows(200))
    seen = []
    call(
        "ingest",
        {
            "data": {"sources": {"rows": "rows.csv"}},
            "directory": str(tmp_path),
            "numbers": ["x"],
            "target": {"column": "y", "type": "binary"},
            "examples": str(tmp_path / "examples"),
            "progress": lambda done, total=None, unit="rows": seen.append((done, unit)),
        },
    )
    assert seen[-1] == (200, "rows")


def test_a_failure_leaves_the_earlier_output_as_it_was(run, write, rows, tmp_path: Path):
    write("rows.csv", rows(60))
    before = run("rows.csv")
    write("rows.csv", "n,y\n")
    with pytest.raises(StepFailed):
        run("rows.csv")
    assert Examples.open(before.path).manifest == before.manifest
    assert sorted(item.name for item in tmp_path.iterdir()) == ["examples", "rows.csv"]


def test_neither_importing_nor_running_the_work_loads_a_framework_or_pandas(write, rows, tmp_path: Path):
    write("rows.csv", rows(200, {3: "3,1,c,NA"}))
    arguments = {
        "data": {"sources": {"rows": "rows.csv"}},
        "directory": str(tmp_path),
        "numbers": ["x"],
        "target": {"column": "y", "type": "binary"},
        "examples": str(tmp_path / "examples"),
    }
    code = "import sys, stellwerk.components.ingestion.probing\n" + _INGEST
    code += "print([name for name in ('tensorflow', 'pandas', 'fastavro', 'apache_beam') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_engine_is_bounded_in_memory_and_reaches_no_network(tmp_path: Path):
    with connect(tmp_path) as connection:
        settings = dict(
            connection.execute(
                "SELECT name, value FROM duckdb_settings() WHERE name IN "
                "('memory_limit', 'autoinstall_known_extensions', 'autoload_known_extensions', 'temp_directory')"
            ).fetchall()
        )
    assert settings == {
        "memory_limit": "488.2 MiB",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "temp_directory": str(tmp_path / "spill"),
    }


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 1 MB; where mounting is not allowed, None."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or not mount:
        yield None
        return
    if subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, check=False
    ).returncode:
        yield None
        return
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def _large_csv(path: Path) -> None:
    lines = "".join(f"{row},{row * 7919 % 1000003 / 7},{row * 104729},{row % 2}\n" for row in range(150_000))
    path.write_text("n,x,c,y\n" + lines)


_INGEST = """
import json, sys
from pathlib import Path
from stellwerk.components.calling import call
from stellwerk.errors import StepFailed
try:
    call("ingest", json.loads(sys.argv[1]))
except StepFailed as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("query", [None, "SELECT * FROM rows ORDER BY x"])
def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path, small_disk: Path | None, query: str | None):
    _large_csv(tmp_path / "rows.csv")
    target = (small_disk or tmp_path / "disk") / "examples"
    arguments = {
        "data": {"sources": {"rows": "rows.csv"}, "query": query},
        "directory": str(tmp_path),
        "numbers": [],
        "target": {"column": "y", "type": "binary"},
        "examples": str(target),
    }

    def limit() -> None:
        if small_disk is None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    done = subprocess.run(
        [sys.executable, "-c", _INGEST, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )
    assert done.stdout.startswith("StepFailed ingest: the disk is full while writing"), done.stderr
    assert "Free some space and run again." in done.stdout
    assert list(target.parent.iterdir()) == []


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path):
    (tmp_path / "rows.csv").write_text("x,y\n1,0\n")
    (tmp_path / "rows.csv").chmod(0)
    arguments = {
        "data": {"sources": {"rows": "rows.csv"}},
        "directory": str(tmp_path),
        "numbers": [],
        "target": {"column": "y", "type": "binary"},
        "examples": str(tmp_path / "examples"),
    }
    powerless = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    command = [*powerless, sys.executable, "-c", _INGEST, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("DataError rows.csv: cannot be read: Permission denied."), done.stderr
