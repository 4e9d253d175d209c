"""Converts in a process of its own: a converter that meets what it does not know may abort the whole process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from stellwerk.components.conversion.formats import CONVERTERS
from stellwerk.environment import FRAMEWORKS
from stellwerk.errors import StepFailed
from stellwerk.progress import Progress

COMMAND = ["-m", "stellwerk.components.conversion.converter"]

LAST_WORDS = 300
"""Characters of a dying converter's output that are told."""


@dataclass(frozen=True)
class Job:
    """What to convert: format names, the Model, the transformed Examples, and the folder for the variants."""

    formats: tuple[str, ...]
    model: Path
    transformed: Path | str
    variants: Path


def convert_aside(job: Job, progress: Progress) -> None:
    """Runs `converter.py` on the job and waits. Raises StepFailed, with the format in the sentence, when it cannot."""
    for name in job.formats:
        if refusal := CONVERTERS[name].refusal():
            raise StepFailed(f"{name} {refusal}, or take {name} out of push.formats.")
    with tempfile.TemporaryDirectory(prefix="stellwerk-") as folder:
        events, errors = Path(folder, "events.jsonl"), Path(folder, "errors.txt")
        with errors.open("wb") as stream:
            status = run_converter(_arguments(job, events), stream, {**FRAMEWORKS, **os.environ, **_hidden(job)})
        told = list(_read(events))
        said = errors.read_text(encoding="utf-8", errors="replace")
    if status:
        sys.stderr.write(said)
    failed = next((event["failed"] for event in told if "failed" in event), None)
    if failed is None and status:
        under_way = job.formats[min(len(told), len(job.formats) - 1)]
        failed = f"{under_way}: the converter {_how(status)}. {said.strip()[-LAST_WORDS:]}".rstrip()
    if failed is not None:
        raise StepFailed(failed)
    progress(len(told), len(job.formats), "formats")


def run_converter(arguments: Sequence[str], output: IO[bytes], environment: Mapping[str, str]) -> int:
    """Runs `converter.py` in a process of its own, which writes all that it says to `output`; returns its exit status."""
    command = [sys.executable, *COMMAND, *arguments]
    done = subprocess.run(  # noqa: S603 - this very Python
        command, stdout=output, stderr=subprocess.STDOUT, env=environment, check=False
    )
    return done.returncode


def _hidden(job: Job) -> dict[str, str]:
    """Hides GPUs from converters that make no use of them, and would wait for their drivers."""
    return {} if any(CONVERTERS[name].nvidia for name in job.formats) else {"CUDA_VISIBLE_DEVICES": ""}


def _arguments(job: Job, events: Path) -> list[str]:
    return [str(job.model), str(job.transformed), str(job.variants), str(events), *job.formats]


def _read(events: Path) -> Iterator[dict[str, Any]]:
    if events.exists():
        yield from (json.loads(line) for line in events.read_text(encoding="utf-8").splitlines())


def _how(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
