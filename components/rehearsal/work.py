"""Rehearse: a real server on the candidate, real examples of the eval split, and whether it serves within its resources."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import read_json, write_json, written_aside
from stellwerk.components.artifacts.verdicts import judged
from stellwerk.components.rehearsal.apis import APIS
from stellwerk.components.rehearsal.asking import Requests, prepare
from stellwerk.components.rehearsal.candidate import START_SECONDS, Candidate, NotReady
from stellwerk.components.rehearsal.comparing import compare
from stellwerk.components.rehearsal.measuring import RATE_CLIENTS, Load, Measurement, measure
from stellwerk.components.rehearsal.requirements import Observed, check_all
from stellwerk.errors import ModelError
from stellwerk.progress import Progress, silent
from stellwerk.spec.rehearse import Rehearse

BREATH_SECONDS = 0.5
"""A server that dies breaks its connections a moment before its process is gone."""


def rehearse(
    *,
    settings: Rehearse,
    examples: Path | str,
    model: Path,
    blessing: Path,
    rehearsal: Path,
    progress: Progress = silent,
) -> None:
    """Serves `model` from a process of its own, asks it real examples, and writes `rehearsal` (`rehearsal.json`, `server.log`).

    `rehearsal.json` names the digest of `model`. A model that is refused raises nothing here; pushing it does. One that is not blessed is not rehearsed.

    Raises DataError for an eval split without examples or with others than the model takes, StepFailed where the server that
    the settings name is not on this machine, ModelError for a model that is changed meanwhile.
    """
    with written_aside(rehearsal) as folder:
        if not read_json(blessing / "blessing.json")["blessed"]:
            write_json(folder / "rehearsal.json", {"rehearsed": False, "passed": False, "requirements": []})
            return
        with judged(model) as about:
            seen = _rehearsed(settings, examples, model, folder, progress)
        write_json(folder / "rehearsal.json", {**_as_json(settings, seen), **about})


def _rehearsed(settings: Rehearse, examples: Path | str, model: Path, folder: Path, progress: Progress) -> Observed:
    seen = Observed(model_size=sum(file.stat().st_size for file in model.rglob("*") if file.is_file()))
    candidate = Candidate(settings.server, model, folder)
    try:
        requests = prepare(settings, APIS[settings.api], examples, model)
    except ModelError as error:
        seen.not_ready = str(error)
    else:
        _observe(settings, candidate, requests, seen, progress)
    return seen


def _observe(settings: Rehearse, candidate: Candidate, requests: Requests, seen: Observed, progress: Progress) -> None:
    """Starts the server and measures until everything is measured or the server has ended."""
    with candidate:
        try:
            seen.startup_seconds = candidate.wait_until_ready(max(START_SECONDS, settings.max_startup_seconds or 0))
        except NotReady as error:
            seen.not_ready = str(error)
            return
        measured: list[Measurement] = []
        alone = settings.rate is not None or 1 not in settings.clients
        total = settings.requests * (1 + len(set(settings.clients)) + alone)
        for done in _measurements(settings, candidate, requests, seen):
            measured.append(done)
            seen.memory = candidate.peak_memory() or seen.memory
            progress(len(measured) * settings.requests, total, "requests")
            if done.failures and not candidate.alive(after=BREATH_SECONDS):
                seen.ended = candidate.end()
                break
            if not done.latencies:  # nothing is answered any more; every further request would wait in vain
                break
        seen.failures = tuple(failure for one in measured for failure in one.failures)
        seen.requests = sum(len(one.latencies) for one in measured) + len(seen.failures)


def _measurements(
    settings: Rehearse, candidate: Candidate, requests: Requests, seen: Observed
) -> Iterator[Measurement]:
    """Yields each measurement when it is done: the answers to compare (which warm the server), the scaling curve, the rate."""
    load = Load(requests.bodies, settings.batch_size, settings.requests, settings.seconds)
    api = APIS[settings.api]
    connect = partial(api.client, candidate.ports)
    checked = measure(connect, load, clients=1, keep=True)
    seen.comparison = compare(api, requests, checked.answers)
    yield checked
    for clients in dict.fromkeys(settings.clients):
        one = measure(connect, load, clients=clients)
        seen.scaling += (one,)
        yield one
    if settings.rate is not None:
        seen.latency = measure(connect, load, clients=RATE_CLIENTS, rate=settings.rate)
        yield seen.latency
        return
    seen.latency = next((one for one in seen.scaling if one.clients == 1), None)
    if seen.latency is None:
        seen.latency = measure(connect, load, clients=1)
        yield seen.latency


def _as_json(settings: Rehearse, seen: Observed) -> dict[str, Any]:
    checks = check_all(settings, seen)
    compared = seen.comparison
    return {
        "rehearsed": True,
        "passed": all(check.ok for check in checks),
        "requirements": [check.as_json() for check in checks],
        "server": settings.server,
        "api": settings.api,
        "batch_size": settings.batch_size,
        "measurements": {
            "startup_seconds": seen.startup_seconds,
            "memory": seen.memory,
            "model_size": seen.model_size,
            "latency": seen.latency.as_json() if seen.latency else None,
            "compared": vars(compared) if compared else None,
        },
        "scaling": [one.as_json() for one in seen.scaling],
    }
