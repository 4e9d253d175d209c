"""The parts of an output, in a folder beside it: those that are finished survive a killed process."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from stellwerk.errors import UsageError
from stellwerk.serving.bulk.inputs import BadRow, Position
from stellwerk.serving.bulk.outputs.forms import Form

_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


@dataclass(frozen=True)
class Part:
    """A finished part: how much is in it, and where the input goes on."""

    number: int
    rows: int
    bad: int
    after: Position


class Parts:
    """The folder `.OUTPUT.parts`; one process at a time. Use as a context manager."""

    def __init__(self, output: Path) -> None:
        """Takes the folder. Raises UsageError when another process has it."""
        self.output = output
        self.folder = output.with_name(f".{output.name}.parts")
        self.quarantine = output.with_name(f"{output.name}.quarantine.jsonl")
        self.folder.mkdir(exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise UsageError(
                f"{output}: another process is writing it. Wait for it, or choose another output."
            ) from None
        self.finished: list[Part] = []
        self._writer: Any = None
        self._bad: Any = None

    def __enter__(self) -> Parts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
            self._bad.close()
        if not self.finished and self.folder.exists():
            shutil.rmtree(self.folder)
        self._lock.close()

    def resume(self, job: Mapping[str, Any], may_have_bad: bool, say: Callable[[str], None]) -> Position:
        """Returns where to go on: behind the parts that the same job finished, else at the beginning."""
        told = self.folder / "job.json"
        earlier = _read(told)
        found = self._found()
        changed = [key for key in job if earlier is not None and earlier.get(key) != job[key]]
        if found and changed:
            say(f"{self.output}: starting anew: another {' and '.join(changed)} than when parts of it were made")
        elif found and not may_have_bad and any(part.bad for part in found):
            say(f"{self.output}: starting anew: rows were set aside in its parts, and bad rows are errors now")
        elif found:
            self.finished = found
        for file in list(self.folder.iterdir()):
            if file.name != "lock" and int(file.name[:5] if file.name[:5].isdigit() else 99999) >= len(self.finished):
                file.unlink()
        _write(told, job)
        return self.finished[-1].after if self.finished else Position()

    def _found(self) -> list[Part]:
        found: list[Part] = []
        while (record := _read(self._path(len(found), "json"))) is not None:
            if not self._path(len(found), "part").exists():
                break
            found.append(Part(**{**record, "after": Position(**record["after"])}))
        return found

    def _path(self, number: int, kind: str) -> Path:
        return self.folder / f"{number:05}.{kind}"

    def write(self, form: Form, rows: Any) -> None:
        """Writes rows, as `form` renders them, to the part that is open."""
        self._begin(form)
        self._writer.write(rows)

    def set_aside(self, form: Form, file: Path, bad: list[BadRow]) -> None:
        """Writes bad rows to the quarantine of the part that is open."""
        self._begin(form)
        for row in bad:
            line = {"file": str(file), "line": row.line, "reason": row.reason, "row": row.row}
            self._bad.write(_encode(line) + "\n")

    def _begin(self, form: Form) -> None:
        if self._writer is None:
            self._writer = form.begin(self._path(len(self.finished), "part"))
            self._bad = self._path(len(self.finished), "bad").open("w", encoding="utf-8")

    def finish(self, form: Form, rows: int, bad: int, after: Position) -> None:
        """Ends the part that is open; from now on it survives."""
        self._begin(form)
        self._writer.close()
        self._bad.close()
        self._writer = None
        part = Part(len(self.finished), rows, bad, after)
        for kind in ("part", "bad"):
            with self._path(part.number, kind).open("rb") as file:
                os.fsync(file.fileno())
        _write(self._path(part.number, "json"), asdict(part))
        self.finished.append(part)

    def publish(self, form: Form) -> None:
        """Makes the output of its parts; it appears whole, with the quarantine before it."""
        numbers = [part.number for part in self.finished]
        whole = self.folder / "whole"
        form.join((self._path(number, "part") for number in numbers), whole)
        if any(part.bad for part in self.finished):
            bad = self.folder / "whole.bad"
            with bad.open("wb") as file:
                for number in numbers:
                    file.write(self._path(number, "bad").read_bytes())
            bad.replace(self.quarantine)
        else:
            self.quarantine.unlink(missing_ok=True)
        whole.replace(self.output)
        shutil.rmtree(self.folder)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _write(path: Path, value: Mapping[str, Any]) -> None:
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(value, indent=1), encoding="utf-8")
    aside.replace(path)
