"""Whether memory grows with the number of pictures: ingests and validates generated ones, and prints the peak of each step.

    python benchmarks/pictures.py                          2,000 and 20,000 pictures of 96 x 72
    python benchmarks/pictures.py --counts 100 --side 512  others

Pictures are noise of low resolution, so that no two are alike and a JPEG has the size of a photo's.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

STEP = """
import json, resource, sys, time
from pathlib import Path
from stellwerk.spec import Target, Validate
from stellwerk.spec.data import Data
step, root = sys.argv[1], Path(sys.argv[2])
target, out = Target(column="label", type="binary"), root / "out"
query = "SELECT content AS photo, folder AS label FROM photos"
data = Data.model_validate({"sources": {"photos": {"path": "photos", "format": "images"}}, "query": query,
                            "split": {"by": "hash", "key": ["photo"]}})
if step == "ingest":
    from stellwerk.components.ingestion.work import ingest as work
    keys = dict(data=data, directory=root, numbers=[], target=target, examples=out / "examples")
else:
    from stellwerk.components.validation.work import validate as work
    keys = dict(settings=Validate(), target=target, examples=out / "examples", named=["photo", "label"],
                statistics=out / "statistics", schema=out / "schema", anomalies=out / "anomalies")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begun, used = time.perf_counter(), time.process_time()
work(**keys)
print(json.dumps({"seconds": time.perf_counter() - begun, "cpu": time.process_time() - used,
                  "loaded": before, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


def write(folder: Path, count: int, side: int) -> int:
    """Writes `count` JPEGs, half of each class; returns how many bytes they have together."""
    size = 0
    for number in range(count):
        coarse = np.random.default_rng(number).integers(0, 256, (side // 8, side // 6, 3), np.uint8)
        path = folder / "photos" / ("cat", "dog")[number % 2] / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize((side, side * 3 // 4), Image.Resampling.BICUBIC).save(path, quality=90)
        size += path.stat().st_size
    return size


def measure(step: str, folder: Path) -> dict[str, float]:
    """Runs a step in a process of its own; returns its seconds, its CPU seconds, and kB before and at its peak."""
    command = [sys.executable, "-c", STEP, step, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[2_000, 20_000])
    parser.add_argument("--side", type=int, default=96)
    asked = parser.parse_args()
    print("| pictures | MB | step | wall s | CPU s | pictures per CPU s | MB before | MB at its peak |")
    print("|---:|---:|---|---:|---:|---:|---:|---:|")
    for count in asked.counts:
        folder = Path(tempfile.mkdtemp(prefix="pictures-"))
        try:
            size = write(folder, count, asked.side) / 1e6
            for step in ("ingest", "validate"):
                found = measure(step, folder)
                speed = count / found["cpu"]
                print(
                    f"| {count:,} | {size:,.0f} | {step} | {found['seconds']:.1f} | {found['cpu']:.1f} | {speed:,.0f} | "
                    f"{found['loaded'] / 1024:,.0f} | {found['peak'] / 1024:,.0f} |",
                    flush=True,
                )
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
