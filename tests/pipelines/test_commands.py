"""The commands around a run: schema, serve, report, and the same from Python."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import stellwerk as api


def test_schema_writes_a_file_to_curate_and_never_overwrites_it(project: Path, stellwerk):
    written = project.parent / "schema.pbtxt"
    ran = stellwerk("schema", project)
    assert ran.returncode == 0, ran.stderr
    assert 'name: "carrier"' in written.read_text()
    assert "validate" in ran.stderr
    again = stellwerk("schema", project)
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert stellwerk("schema", project, "--force").returncode == 0


def test_data_that_breaks_the_curated_schema_stops_the_run_before_training(project: Path, stellwerk):
    assert stellwerk("schema", project).returncode == 0
    spec = project.read_text()
    project.write_text(spec.replace("target:", "validate: {schema: schema.pbtxt}\ntarget:"))
    assert stellwerk("run", project, "--until", "validate").returncode == 0
    data = project.parent / "flights.csv"
    data.write_text(data.read_text().replace("JFK", "XXX"))
    ran = stellwerk("run", project)
    assert ran.returncode == 1, ran.stderr
    assert "origin" in ran.stderr
    assert "schema.pbtxt" in ran.stderr
    record = sorted((project.parent / "runs" / "small-flights").glob("[0-9]*"))[-1]
    steps = {step["name"]: step["status"] for step in json.loads((record / "run.json").read_text())["steps"]}
    assert steps["validate"] == "refused"
    assert steps["train"] == "skipped"
    assert "XXX" in (record / "report.html").read_text()
    project.write_text(
        project.read_text().replace("{schema: schema.pbtxt}", "{schema: schema.pbtxt, on_anomaly: warn}")
    )
    assert stellwerk("run", project, "--until", "transform").returncode == 0


def test_data_that_drifted_from_the_last_run_that_passed_is_refused(project: Path, stellwerk):
    spec = project.read_text()
    project.write_text(spec.replace("target:", "validate: {drift: {origin: {l_infinity: 0.1}}}\ntarget:"))
    unchanged = stellwerk("run", project, "--until", "validate")
    assert unchanged.returncode == 0, unchanged.stderr
    data = project.parent / "flights.csv"
    data.write_text(data.read_text().replace("EWR", "JFK"))
    ran = stellwerk("run", project, "--until", "validate")
    assert ran.returncode == 1, ran.stderr
    assert "origin" in ran.stderr
    assert "drift" in ran.stderr.lower()


def ask(port: int, instances: list[dict[str, Any]]) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/models/small-flights:predict",
        data=json.dumps({"instances": instances}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def test_serve_answers_a_prediction_also_for_a_category_never_seen_in_training(finished: Path, warm):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["serve", finished.parent / "models" / "small-flights", "--rest-port", port]
    with warm.popen(command, stderr=subprocess.PIPE) as server:
        try:
            known = {"distance": 1400, "sched_dep_time": 1530, "carrier": "UA", "origin": "EWR"}
            deadline = time.monotonic() + 60
            while True:
                try:
                    answer = ask(port, [known, {**known, "carrier": "never seen"}])
                    break
                except urllib.error.URLError:
                    assert time.monotonic() < deadline
                    assert server.poll() is None
                    time.sleep(0.1)
        finally:
            server.terminate()
            assert server.wait(timeout=60) == 0
    assert len(answer["predictions"]) == 2
    flat = json.dumps(answer)
    assert "NaN" not in flat


def test_report_is_written_anew_and_names_an_unknown_run(project: Path, stellwerk):
    (report,) = project.parent.glob("runs/small-flights/*/report.html")
    report.unlink()
    ran = stellwerk("report", project)
    assert ran.returncode == 0
    assert report.exists()
    assert stellwerk("report", project, "--run", "1999").returncode == 2


def test_the_same_from_python(project: Path):
    record = api.run(api.load(project))
    assert record.status == "done"
    assert {step.status for step in record.steps} <= {"cached", "done"}


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_thing"):
        api.no_such_thing  # noqa: B018
