"""The soak of the benchmarks, in its short form: what a server takes does not grow with what it answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


ATTACKS = 7


@pytest.mark.timeout(240)
def test_under_attack_no_ordinary_request_fails_and_nothing_grows(model_path):
    load = ["--seconds", "16", "--clients", "2", "--pause", "0.02", "--slack-mib", "64", "--model", str(model_path)]
    done = subprocess.run([sys.executable, str(SOAK), *load, "--attacks"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["grown"] == []
    assert found["answers"] > 100
    assert len(found["attacks"]) == ATTACKS
    assert found["slowest_health"] < 10


@pytest.mark.timeout(180)
def test_memory_threads_and_files_of_a_server_stay_flat_under_load(model_path):
    load = ["--seconds", "8", "--clients", "2", "--pause", "0.01", "--slack-mib", "48", "--model", str(model_path)]
    done = subprocess.run([sys.executable, str(SOAK), *load], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["grown"] == []
    assert found["answers"] > 200
    assert found["samples"] > 5
