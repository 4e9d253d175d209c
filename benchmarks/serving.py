"""How fast a model is served: Stellwerk with and without batching and KServe's Python server, beside the model in a loop.

    python benchmarks/serving.py [--model VERSION_FOLDER | --dense] [--seconds 5] [--repeat 3] [--only stellwerk]

1, 8 and 64 clients send requests of one row over REST and gRPC, from a process of their own on the same cores. Without
--model it is the flight-delays example, which is run first where it has no model; with --dense a network of three layers of
1,024 on 256 numbers. KServe gets a virtual environment of its
own (`build/kserve`), made on the first call; `--only stellwerk` leaves it out.
"""

from __future__ import annotations

import argparse
import json
import math
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from measuring import measure
from recording import record, table
from server_process import PATHS, SERVE, ServerProcess, Target, example_model, load, running

HERE = Path(__file__).parent
ROOT = HERE.parent
KSERVE_PYTHON = ROOT / "build" / "kserve" / "bin" / "python"
KSERVE_PACKAGES = ("kserve==0.15.2", "tensorflow==2.16.2")
CLIENTS = (1, 8, 64)


@dataclass(frozen=True)
class Served:
    """One server under one kind of load: p50 and p99 (s), answers a second, CPU of the server for each answer (s)."""

    p50: float
    p99: float
    per_second: float
    cpu: float
    value: float | None
    """What the model answered, the same in every answer that was looked at; None where it is not known how to read it."""


Kind = tuple[str, str, int]
"""Server, protocol, clients."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--dense", action="store_true")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load")
    parser.add_argument("--repeat", type=int, default=3, help="rounds over all servers; the medians count")
    parser.add_argument("--only", choices=["stellwerk"])
    given = parser.parse_args()
    if not given.only and not KSERVE_PYTHON.exists():
        _install_kserve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model").mkdir()
        if given.dense:
            measure([sys.executable, str(HERE / "dense_model.py"), str(folder / "dense")], HERE)
        path = folder / "dense" if given.dense else (given.model or example_model()).resolve()
        (folder / "model" / "1").symlink_to(path)
        rounds = [_round(folder, given.seconds, kserve=not given.only) for _ in range(given.repeat)]
    text = _text([bare for bare, _ in rounds], [served for _, served in rounds])
    options = "".join(f" {option}" for option in sys.argv[1:])
    record("Serving a dense network" if given.dense else "Serving", f"python benchmarks/serving.py{options}", text)
    print(text)


def _install_kserve() -> None:
    uv = ROOT / "build" / "uv" / "bin" / "python"
    if not uv.exists():
        subprocess.run([sys.executable, "-m", "venv", str(uv.parent.parent)], check=True)
        subprocess.run([str(uv), "-m", "pip", "install", "--quiet", "uv"], check=True)
    subprocess.run([str(uv), "-m", "uv", "venv", "--python", "3.11", str(KSERVE_PYTHON.parent.parent)], check=True)
    install = [str(uv), "-m", "uv", "pip", "install", "--compile-bytecode", "--python", str(KSERVE_PYTHON)]
    subprocess.run([*install, *KSERVE_PACKAGES], check=True)


def _round(folder: Path, seconds: float, *, kserve: bool) -> tuple[dict[str, Any], dict[Kind, Served]]:
    bare = measure([sys.executable, str(HERE / "bare.py"), str(folder / "model" / "1"), str(folder)], HERE)
    served: dict[Kind, Served] = {}
    bodies = {"rest": folder / "rest.json", "grpc": folder / "grpc.bin"}
    kinds = {
        "Stellwerk, not batched": ["--no-batching"],
        "Stellwerk": [],
        "Stellwerk, --no-grpc-core": ["--no-grpc-core"],
    }
    for name, options in kinds.items():
        with running([*SERVE, str(folder / "model"), *options]) as server:
            served |= _loads(name, server, PATHS, bodies, seconds)
    if kserve:
        bodies["grpc"] = folder / "kserve.bin"
        files = [str(folder / "rest.json"), str(folder / "kserve.bin")]
        script = [str(KSERVE_PYTHON), str(HERE / "kserve_model.py"), str(folder / "model" / "1")]
        paths = {"rest": PATHS["rest"], "grpc": "/inference.GRPCInferenceService/ModelInfer"}
        with running([*script, "REST_PORT", "GRPC_PORT", *files]) as server:
            served |= _loads("KServe", server, paths, bodies, seconds)
    _same([one.value for one in served.values() if one.value is not None])
    return json.loads(bare.stdout), served


def _loads(
    name: str, server: ServerProcess, paths: dict[str, str], bodies: dict[str, Path], seconds: float
) -> dict[Kind, Served]:
    served = {}
    for protocol, port in (("gRPC", server.grpc_port), ("REST", server.rest_port)):
        kind = protocol.lower()
        for clients in CLIENTS:
            before = server.cpu
            found = load(Target(kind, port, paths[kind], bodies[kind]), clients, seconds)
            cpu = (server.cpu - before) / max(found["sent"], 1)
            value = _value(kind, [bytes.fromhex(sample) for sample in found["samples"]])
            served[name, protocol, clients] = Served(found["p50"], found["p99"], found["per_second"], cpu, value)
    return served


def _value(kind: str, samples: Sequence[bytes]) -> float | None:
    """Returns the first number of the answers, which all have to agree on."""
    values = [_number(sample) if kind == "rest" else _float_val(sample) for sample in samples]
    read = [value for value in values if value is not None]
    _same(read)
    return read[0] if read else None


def _number(answer: bytes) -> float:
    value = json.loads(answer)["predictions"]
    while isinstance(value, list):
        value = value[0]
    return float(value)


def _float_val(answer: bytes) -> float | None:
    """Returns the first float of a PredictResponse: field 5 of its tensor, packed; None in the answers of other services."""
    _, found, rest = answer.partition(b"\x2a\x04")
    return float(struct.unpack("<f", rest[:4])[0]) if found else None


def _same(values: Sequence[float]) -> None:
    if any(not math.isclose(value, values[0], rel_tol=1e-3, abs_tol=1e-6) for value in values):
        raise RuntimeError(f"the same request got different answers: {sorted(set(values))}")


def _text(bare: Sequence[dict[str, Any]], rounds: Sequence[dict[Kind, Served]]) -> str:
    cells: dict[tuple[str, str], list[str]] = {}
    for name, protocol, clients in rounds[0]:
        p50, p99, per_second, cpu = _medians([served[name, protocol, clients] for served in rounds])
        row = cells.setdefault((name, protocol), [])
        row += [f"{p50 * 1e3:.1f}", f"{p99 * 1e3:.1f}", f"{per_second:,.0f}"]
        if clients == CLIENTS[-1]:
            row.append(f"{cpu * 1e6:,.0f}")
    header = ["server"]
    for clients in CLIENTS:
        header += [f"{clients}: p50 ms", "p99 ms", "answers/s"]
    header.append("CPU µs an answer")
    rows = [[f"{name}, {protocol}", *row] for (name, protocol), row in cells.items()]
    return "\n\n".join(
        [
            "Requests of one row, from 1, 8 and 64 clients; the clients share the cores with the server.",
            table(header, rows),
            _model_text(bare),
            _targets(bare, rounds),
        ]
    )


def _model_text(bare: Sequence[dict[str, Any]]) -> str:
    names = {
        "bare": "SavedModel signature, tensors at hand, in a loop",
        "session": "`LoadedModel`, in a loop",
        "threads": "`LoadedModel`, 64 threads",
        "batched": "`BatchedModel`, 64 threads",
    }
    rows = []
    for key, name in names.items():
        found = {part: median(one[key][part] for one in bare) for part in ("p50", "p99", "per_second", "cpu")}
        rows.append(
            [
                name,
                f"{found['p50'] * 1e3:.2f}",
                f"{found['p99'] * 1e3:.2f}",
                f"{found['per_second']:,.0f}",
                f"{found['cpu'] * 1e6:,.0f}",
            ]
        )
    return table(["the model without a server", "p50 ms", "p99 ms", "calls/s", "CPU µs a call"], rows)


def _targets(bare: Sequence[dict[str, Any]], rounds: Sequence[dict[Kind, Served]]) -> str:
    call = median(one["bare"]["p50"] for one in bare)
    p50 = median(served["Stellwerk", "gRPC", 1].p50 for served in rounds)
    lines = [
        f"- gRPC p50 of one client: {p50 * 1e3:.2f} ms; twice the bare call and 1 ms is {(2 * call + 1e-3) * 1e3:.2f} ms."
    ]
    model = median(one["batched"]["per_second"] / one["threads"]["per_second"] for one in bare)
    gains = [f"{model:.1f}x at the model"]
    for protocol in ("gRPC", "REST"):
        pairs = [
            (served["Stellwerk", protocol, 64], served["Stellwerk, not batched", protocol, 64]) for served in rounds
        ]
        gain = median(batched.per_second / alone.per_second for batched, alone in pairs)
        before, after = (
            median(one.cpu for one in side) * 1e6 for side in zip(*((b, a) for a, b in pairs), strict=True)
        )
        gains.append(
            f"{gain:.1f}x over {protocol} (CPU an answer {before:,.0f} µs, batched {after:,.0f} µs: {before / after:.1f}x)"
        )
    lines.append(f"- What batching gains in answers a second at 64 clients: {'; '.join(gains)}.")
    return "\n".join(lines)


def _medians(found: Sequence[Served]) -> tuple[float, float, float, float]:
    return (
        median(one.p50 for one in found),
        median(one.p99 for one in found),
        median(one.per_second for one in found),
        median(one.cpu for one in found),
    )


if __name__ == "__main__":
    main()
