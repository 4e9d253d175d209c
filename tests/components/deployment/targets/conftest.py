"""Real object stores on this machine: S3 by moto's server, GCS by gcp-storage-emulator."""

# ruff: noqa: PLC0415 - a server is imported by the tests that need it

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from stellwerk.components.deployment.targets import target
from stellwerk.components.deployment.targets.objects import ObjectTarget

EXISTS = threading.Lock()


@dataclass
class Store:
    """A running object store with one bucket, `models`, and what it is to answer instead."""

    to: str
    refuse: Callable[[str, str], int | None] = field(default=lambda method, path: None)
    """Method and path -> a status that the server answers at once, or None."""

    _seen: ObjectTarget | None = None

    def at(self, name: str = "late") -> ObjectTarget:
        """The versions of a model, as a person sees them who looks in between."""
        if self._seen is None:
            found = target(self.to, Path(), name)
            assert isinstance(found, ObjectTarget)
            self._seen = found
        return self._seen

    def names(self) -> list[str]:
        """All objects of the bucket but those that push keeps for itself."""
        bucket = self.at().bucket
        return sorted(name for name in bucket.changed("") if "/.push/" not in name)

    def aside(self) -> list[str]:
        """Those that push keeps for itself."""
        return sorted(name for name in self.at().bucket.changed("") if "/.push/" in name)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[tuple[str, Store]]:
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store = Store("s3://models/production")
    application = DomainDispatcherApplication(create_backend_app)

    def refusing(environment: dict[str, Any], start: Any) -> Any:
        status = store.refuse(environment["REQUEST_METHOD"], environment["PATH_INFO"])
        if status is None:
            return application(environment, start)
        code = {403: "AccessDenied", 503: "SlowDown"}[status]
        start(f"{status} {code}", [("Content-Type", "application/xml")])
        return [f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()]

    server = make_server("127.0.0.1", 0, refusing, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", store
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def s3_session() -> Any:
    """One session for all clients: each would read the description of S3's API again, for a fifth of a second."""
    import boto3

    return boto3.session.Session()


@pytest.fixture
def s3(s3_server: tuple[str, Store], s3_session: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    import boto3

    address, store = s3_server
    settings = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu-central-1"}
    for name, value in {**settings, "AWS_DEFAULT_REGION": "eu-central-1", "AWS_ENDPOINT_URL": address}.items():
        monkeypatch.setenv(name, value)
    where = {"LocationConstraint": "eu-central-1"}
    monkeypatch.setattr(boto3.session, "Session", lambda: s3_session)
    s3_session.client("s3").create_bucket(Bucket="models", CreateBucketConfiguration=where)
    yield store
    store.refuse = lambda method, path: None
    bucket = s3_session.resource("s3").Bucket("models")
    bucket.objects.all().delete()
    bucket.delete()


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[tuple[str, Store, Any]]:
    from gcp_storage_emulator import server as emulator
    from gcp_storage_emulator.exceptions import NotFound
    from gcp_storage_emulator.storage import Storage

    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
    store, storage = Store("gs://models/production"), Storage(use_memory_fs=True)
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
            status = store.refuse(method, self.path)
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
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", store, storage
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def gcs(gcs_server: tuple[str, Store, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    from gcp_storage_emulator.handlers.buckets import create_bucket

    address, store, storage = gcs_server
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
    create_bucket("models", storage)
    yield store
    store.refuse = lambda method, path: None
    storage.wipe()


@pytest.fixture(params=["s3", "gcs"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each kind of object store in turn."""
    found: Store = request.getfixturevalue(request.param)
    return found
