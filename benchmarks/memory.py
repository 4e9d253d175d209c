"""Memory of every step at 1x, 4x and 16x the flights: none may grow with the number of rows.

python benchmarks/memory.py [--factors 1 4 16]
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from measuring import EXAMPLE, STELLWERK, measure
from recording import record, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factors", type=int, nargs="+", default=[1, 4, 16])
    factors = parser.parse_args().factors
    if not (EXAMPLE / "data").exists():
        measure([sys.executable, str(EXAMPLE / "fetch.py")], EXAMPLE)
    runs = {factor: _run(factor) for factor in factors}
    names = [step["name"] for step in runs[factors[0]][0]["steps"]]
    rows: list[list[object]] = []
    for name in names:
        steps = [_step(runs[factor][0], name) for factor in factors]
        row: list[object] = [name]
        row += [f"{step['peak_memory'] / 2**20:,.0f} MiB, {step['seconds']:.1f} s" for step in steps]
        rows.append(row)
    rows.append(["whole tree (PSS)", *(f"{runs[factor][1] / 2**20:,.0f} MiB" for factor in factors)])
    text = table(["step", *(f"{factor}x ({factor * 336_776:,} rows)" for factor in factors)], rows)
    record("Memory by number of rows", "python benchmarks/memory.py", text)
    print(text)


def _step(run: dict[str, Any], name: str) -> dict[str, Any]:
    return next(step for step in run["steps"] if step["name"] == name)


def _run(factor: int) -> tuple[dict[str, Any], int]:
    """Runs the example on the flights repeated `factor` times; returns the run's record and the tree's peak PSS."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "flight-delays"
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("runs", "models"))
        _repeat(project / "data" / "flights.csv.zip", factor)
        measured = measure([*STELLWERK, "run", "pipeline.yaml", "--json", "--set", "train.epochs=1"], project)
        return json.loads(measured.stdout), measured.peak_pss


def _repeat(archive: Path, factor: int) -> None:
    with zipfile.ZipFile(archive) as file:
        header, _, body = file.read("flights.csv").partition(b"\n")
    with (
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("flights.csv", "w", force_zip64=True) as out,
    ):
        out.write(header + b"\n")
        for _ in range(factor):
            shutil.copyfileobj(io.BytesIO(body if body.endswith(b"\n") else body + b"\n"), out)


if __name__ == "__main__":
    main()
