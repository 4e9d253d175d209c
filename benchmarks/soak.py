"""An hour of load: the memory, threads and open files of the server must not grow.

    python benchmarks/soak.py [--seconds 3600] [--clients 8] [--attacks] [--model VERSION_FOLDER] [--record]

Clients ask over REST and gRPC for what can be answered, one for what cannot; every minute they all hang up and come back. With
--attacks, others do what `attacks.py` has, all the time.
Ends with 1 when a sound request failed or something grew.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from measuring import measure
from recording import record, table
from server_process import PATHS, SERVE, ServerProcess, Target, example_model, load, running

HERE = Path(__file__).parent
ROUND_SECONDS = 60.0
SAMPLE_SECONDS = 0.5


@dataclass(frozen=True)
class Sample:
    """What the server takes at one moment: seconds since the start, bytes, threads, open files."""

    at: float
    memory: int
    threads: int
    files: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--clients", type=int, default=8, help="over each of REST and gRPC")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two requests of a client")
    parser.add_argument("--slack-mib", type=float, default=12.0, help="memory that two samples may differ by")
    parser.add_argument("--attacks", action="store_true", help="beside the load, all the time")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--record", action="store_true", help="write the result to docs/benchmarks.md")
    given = parser.parse_args()
    path = (given.model or example_model()).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model").mkdir()
        (folder / "model" / "1").symlink_to(path)
        measure([sys.executable, str(HERE / "bare.py"), str(path), name, "--seconds", "0.1"], HERE)
        (folder / "wrong.json").write_text('{"instances": [{"no such input": 1}]}', encoding="utf-8")
        with running([*SERVE, str(folder / "model")]) as server:
            samples, answers, attacked = _soak(server, folder, given)
    text = _text(samples, answers, attacked)
    if given.record:
        title, option = ("Soak under attack", " --attacks") if given.attacks else ("Soak", "")
        how = f"--clients {given.clients} --pause {given.pause:g}"
        record(title, f"python benchmarks/soak.py --seconds {given.seconds:.0f} {how}{option} --record", text)
    print(text)
    grown = growth(samples, given.slack_mib * 2**20)
    print(json.dumps({"answers": answers, "samples": len(samples), "grown": grown, **attacked}))
    sys.exit(1 if grown else 0)


def _soak(server: ServerProcess, folder: Path, given: argparse.Namespace) -> tuple[list[Sample], int, dict[str, Any]]:
    """Returns what the server took, how many answers it gave, and what the attacks did."""
    targets = [
        Target("rest", server.rest_port, PATHS["rest"], folder / "rest.json"),
        Target("grpc", server.grpc_port, PATHS["grpc"], folder / "grpc.bin"),
    ]
    wrong = Target("rest", server.rest_port, PATHS["rest"], folder / "wrong.json")
    began, answers, samples = time.monotonic(), 0, list[Sample]()
    with ThreadPoolExecutor(len(targets) + 2) as rounds:
        attacks = rounds.submit(_attack, server, given.seconds) if given.attacks else None
        while (left := began + given.seconds - time.monotonic()) > 0:
            span = min(ROUND_SECONDS, given.seconds / 2, max(left, 1.0))
            refused = rounds.submit(load, wrong, 1, span, 0.01, refused=True)
            running_now = [rounds.submit(load, target, given.clients, span, given.pause) for target in targets]
            while not all(one.done() for one in (refused, *running_now)):
                samples.append(Sample(time.monotonic() - began, server.memory, server.threads, server.files))
                time.sleep(SAMPLE_SECONDS)
            try:
                answers += sum(one.result()["sent"] for one in (refused, *running_now))
            except Exception as error:
                error.add_note(f"in the round that ended {time.monotonic() - began:.0f} s after the start")
                raise
    return samples, answers, attacks.result() if attacks else {}


def _attack(server: ServerProcess, seconds: float) -> dict[str, Any]:
    ports = ["--rest-port", str(server.rest_port), "--grpc-port", str(server.grpc_port)]
    command = [sys.executable, str(HERE / "attacks.py"), *ports, "--seconds", str(seconds)]
    found: dict[str, Any] = json.loads(measure(command, HERE).stdout)
    return found


def growth(samples: Sequence[Sample], memory_slack: float) -> list[str]:
    """Compares the last quarter of the samples with the second one; the first is the warming. Returns what grew, in words."""
    quarter = max(len(samples) // 4, 1)
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    grown = []
    for name, slack in (("memory", memory_slack), ("threads", 8), ("files", 32)):
        before, after = (median(getattr(one, name) for one in part) for part in (early, late))
        if after - before > slack:
            grown.append(f"{name} grew from {before:,.0f} to {after:,.0f}")
    return grown


def _text(samples: Sequence[Sample], answers: int, attacked: dict[str, Any]) -> str:
    at = [samples[min(len(samples) * part // 4, len(samples) - 1)] for part in range(5)]
    rows = [[f"{one.at:,.0f} s", f"{one.memory / 2**20:,.0f} MiB", one.threads, one.files] for one in at]
    text = f"{answers:,} answers, none of them failed."
    if attacked:
        text += (
            f" {sum(attacked['attacks'].values()):,} attacks; /healthz took {attacked['slowest_health']:.2f} s at most."
        )
    return f"{text}\n\n" + table(["after", "memory allocated", "threads", "open files"], rows)


if __name__ == "__main__":
    main()
