"""Flights in several row groups, a small model of them, a job service of Beam, and the steps run here and there."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from stellwerk.components.artifacts.folders import write_json
from stellwerk.components.calling import call

DEADLINE = 120
TARGET = {"column": "late", "type": "binary"}
HOOK = """
import tensorflow as tf
import tensorflow_transform as tft

def standard(columns):
    return tft.scale_to_z_score(tf.where(tf.math.is_nan(columns["air_time"]), 0.0, columns["air_time"]))
"""
FEATURES = {
    "distance": {"type": "number", "scale": "standard"},
    "air_time": {"type": "number", "scale": "log", "missing": "median"},
    "dep_delay": {"type": "number", "scale": "buckets", "buckets": 8},
    "hour": {"type": "number", "scale": "minmax"},
    "carrier": {"type": "category", "vocabulary": 10},
    "flight": {"type": "category", "vocabulary": 50, "oov": 3},
    "far": {"type": "boolean"},
    "sched_dep_time": {"type": "time", "format": "hhmm", "parts": ["hour"]},
    "tailnum": {"type": "text", "vocabulary": 30},
}
HOOKED = {"analysed": {"type": "custom", "transform": "features.py:standard", "columns": ["air_time"]}}
EVALUATED = {"metrics": ["auc", "accuracy", "calibration", "log_loss", "BinaryCrossentropy"], "slices": [["carrier"]]}


class _Scored(tf.Module):
    """Says late the sooner, the longer a flight and the more its carrier is UA; was never trained."""

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.float32, "distance"), tf.TensorSpec([None], tf.string, "carrier")]
    )
    def answer(self, distance, carrier):
        score = distance / 2000.0 - 1.0 + 0.5 * tf.cast(carrier == "UA", tf.float32)
        return {"probabilities": tf.sigmoid(score)[:, None]}


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory, make_examples: Any, sign: Any, flights_table: pa.Table) -> Path:
    """Real flights with missing values; row groups of 700 rows, so that there is something to share."""
    columns = ["distance", "air_time", "dep_delay", "hour", "sched_dep_time", "carrier", "flight", "tailnum", "late"]
    table = flights_table.select(columns).slice(0, 4000)
    table = table.append_column("far", pc.cast(pc.greater(table["distance"], 1000), pa.int64()))
    path = make_examples(tmp_path_factory.mktemp("flights") / "examples", table)
    for shard in path.rglob("*.parquet"):
        pq.write_table(pq.read_table(shard), shard, row_group_size=700)
    return sign(path)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as the step train exports it, for this module's purposes."""
    path = tmp_path_factory.mktemp("model") / "model"
    scored = _Scored()
    tf.saved_model.save(scored, str(path), signatures={"serving_default": scored.answer})
    write_json(path / "assets.extra" / "stellwerk.json", {"target": TARGET, "classes": ["0", "1"]})
    return path


@pytest.fixture(scope="session")
def job_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of Beam's own portable job service, in a process of its own."""
    folder = tmp_path_factory.mktemp("service")
    port = folder / "port"
    command = [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main", "--port_file", port]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as service:
        try:
            deadline = time.monotonic() + DEADLINE
            while not port.exists():
                assert service.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, "the job service did not start"
                time.sleep(0.1)
            yield f"localhost:{port.read_text()}"
        finally:
            service.terminate()


@dataclass(frozen=True)
class Done:
    """What the three steps wrote."""

    folder: Path

    def json(self, *names: str) -> Any:
        return json.loads(self.folder.joinpath(*names).read_text())

    def rows(self, split: str, transformed: str = "transformed") -> pa.Table:
        shards = self.json(transformed, "dataset.json")["splits"][split]["shards"]
        return pa.concat_tables([pq.read_table(self.folder / transformed / shard["path"]) for shard in shards])


Steps = Callable[..., Done]


@pytest.fixture(scope="session")
def steps(flights: Path, model: Path) -> Steps:
    """`steps(folder, beam)`: validate, transform without and with TFT's analysers, and evaluate."""

    def run(folder: Path, beam: dict[str, Any] | None = None) -> Done:
        def out(*names: str) -> dict[str, str]:
            return {name: str(folder / name) for name in names}

        more = {"beam": beam} if beam else {}
        common = {"target": TARGET, "examples": str(flights), **more}
        written = out("statistics", "schema", "anomalies")
        call("validate", {**common, "settings": {"on_anomaly": "warn"}, **written})
        given = {**common, "schema": str(folder / "schema")}
        call("transform", {**given, "features": FEATURES, "hooks": {}, **out("transform_graph", "transformed")})
        hooked = {"transform_graph": str(folder / "hooked_graph"), "transformed": str(folder / "hooked")}
        call("transform", {**given, "features": HOOKED, "hooks": {"features.py": HOOK}, **hooked})
        judged = out("evaluation", "blessing")
        call("evaluate", {**common, "settings": EVALUATED, "hooks": {}, "model": str(model), **judged})
        return Done(folder)

    return run


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory, steps: Steps) -> Done:
    """The steps as they run without Beam."""
    return steps(tmp_path_factory.mktemp("here"))


@pytest.fixture(scope="session")
def in_process(tmp_path_factory: pytest.TempPathFactory, steps: Steps) -> Done:
    """The steps on Beam's own runner, whose workers see the artifacts by their paths."""
    return steps(tmp_path_factory.mktemp("in_process"), {"runner": "FnApiRunner"})


@pytest.fixture(scope="session")
def submitted(tmp_path_factory: pytest.TempPathFactory, steps: Steps, job_service: str) -> Done:
    """The steps as jobs of a job service, whose workers see copies in a shared folder."""
    options = {"job_endpoint": job_service, "environment_type": "LOOPBACK"}
    shared = tmp_path_factory.mktemp("shared")
    done = steps(
        tmp_path_factory.mktemp("submitted"), {"runner": "PortableRunner", "options": options, "shared": str(shared)}
    )
    assert not any(shared.iterdir()), "what was shared is removed with the step"
    return done


@pytest.fixture
def closed_port() -> str:
    """HOST:PORT where nobody listens."""
    import socket  # noqa: PLC0415

    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"
