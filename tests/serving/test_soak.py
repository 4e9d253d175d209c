"""The soak of the benchmarks, in its short form: what a server takes does not grow with what it answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


@pytest.mark.timeout(180)
def test_memory_threads_and_files_of_a_server_stay_flat_under_load(model_path):
    load = ["--seconds", "8", "--clients", "2", "--pause", "0.01", "--slack-mib", "48", "--model", str(model_path)]
    done = subprocess.run([sys.executable, str(SOAK), *load], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["grown"] == []
    assert found["answers"] > 200
    assert found["samples"] > 5
