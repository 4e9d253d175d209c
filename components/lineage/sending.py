"""Sends events where OpenLineage's own settings say, in a thread of its own, and never holds anybody up.

The settings are those of OpenLineage's client: OPENLINEAGE_URL with OPENLINEAGE_API_KEY and OPENLINEAGE_ENDPOINT, or
`openlineage.yml` (at OPENLINEAGE_CONFIG, in the working directory, in ~/.openlineage), or OPENLINEAGE__… variables.
Where none is set the client is not even imported: that takes half a second.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stellwerk.components.lineage.events import Json, concealed

PATIENCE = "STELLWERK_LINEAGE_PATIENCE"
"""Environment variable: so many seconds a run waits at its end, at most, for events that are still on their way."""
PATIENCE_SECONDS = 10.0
SILENCE_SHARE = 0.2
"""It waits as long as events keep arriving; after this share of its patience without one it goes on without them."""

FILE = "openlineage.yml"


def configured() -> bool:
    """Says whether somebody wants events to be sent. Imports nothing."""
    if os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return False
    if os.environ.get("OPENLINEAGE_URL") or any(name.startswith("OPENLINEAGE__TRANSPORT__") for name in os.environ):
        return True
    given = os.environ.get("OPENLINEAGE_CONFIG")
    home = os.path.expanduser("~/.openlineage")  # noqa: PTH111 - Path raises where nobody has this user id, as in some pods
    places = [*([Path(given)] if given else []), Path(FILE), Path(home) / FILE]
    return any(place.is_file() for place in places)


class Sender:
    """Takes events and delivers them in order. After the first that cannot be delivered no other is tried."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[Json | None] = queue.SimpleQueue()
        self._given = self._delivered = 0
        self._problem: str | None = None
        self._where = os.environ.get("OPENLINEAGE_URL", "")
        self._wanted = True
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, name="lineage", daemon=True)
        self._thread.start()

    def send(self, event: Json) -> None:
        """Takes an event; returns at once."""
        self._given += 1
        self._events.put(event)

    def close(self) -> str | None:
        """Waits a little for what is still on its way. Returns what to tell the user, None when all was delivered."""
        self._events.put(None)
        began = moved = time.monotonic()
        seen, patience = self._delivered, _patience()
        while self._thread.is_alive():
            self._thread.join(0.05)
            now = time.monotonic()
            if (
                self._delivered != seen or not self._ready.is_set()
            ):  # a client that is still imported is no silent backend
                seen, moved = self._delivered, now
            if now - moved > patience * SILENCE_SHARE or now - began > patience:
                break
        left = self._given - self._delivered
        if not self._wanted or (not left and not self._problem):
            return None
        where = f" to {_without_credentials(self._where)}" if self._where else ""
        why = self._problem or "it does not answer in time"
        return f"lineage: {left} of {self._given} OpenLineage events were not delivered{where}: {why}."

    def _work(self) -> None:
        try:
            client = _client()
            if client is None:
                self._wanted = False
                return
            self._where = getattr(client.transport, "url", self._where)
            self._ready.set()
            while (event := self._events.get()) is not None:
                client.emit(typed(event))
                self._delivered += 1
            if not client.close(_patience()):
                self._problem = "the transport could not hand them all on"
        except Exception as error:  # whatever a transport meets, the run goes on
            self._problem = _reason(error)


def _patience() -> float:
    try:
        return max(0.0, float(os.environ.get(PATIENCE) or PATIENCE_SECONDS))
    except ValueError:
        return PATIENCE_SECONDS


def _client() -> Any:
    """Returns OpenLineage's client, or None where its settings name no transport."""
    if not os.environ.get("OPENLINEAGE_CLIENT_LOGGING"):  # what is to be said is said once, at the end of the run
        logging.getLogger("openlineage").addHandler(logging.NullHandler())
    from openlineage.client import OpenLineageClient  # noqa: PLC0415

    client = OpenLineageClient()
    named = (client.config.transport or {}).get("type") or os.environ.get("OPENLINEAGE_URL")
    return client if named else None


def typed(event: Json) -> Any:
    """Returns an event as the class of OpenLineage's client, which its transports and filters take."""
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState  # noqa: PLC0415

    return RunEvent(
        eventType=RunState(event["eventType"]),
        eventTime=event["eventTime"],
        producer=event["producer"],
        run=Run(**event["run"]),
        job=Job(**event["job"]),
        inputs=[InputDataset(**dataset) for dataset in event["inputs"]],
        outputs=[OutputDataset(**dataset) for dataset in event["outputs"]],
    )


def _reason(error: BaseException) -> str:
    """Says in a few words why an event could not be delivered."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"it answered {status}"
    for cause in _causes(error):
        if isinstance(cause, ImportError):
            return "the package openlineage-python is not installed"
        if isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__:
            return "it does not answer in time"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror[0].lower() + cause.strerror[1:]
    said = str(concealed(str(error))).splitlines()
    return (said[0] if said else type(error).__name__).rstrip(".")


def _causes(error: BaseException) -> list[BaseException]:
    """Returns an error and what lies below it, the lowest first."""
    found: list[BaseException] = []
    below: object = error
    while isinstance(below, BaseException) and below not in found:
        found.insert(0, below)
        inner = getattr(below, "reason", None) or (below.args[0] if below.args else None)
        below = below.__cause__ or (inner if isinstance(inner, BaseException) else None) or below.__context__
    return found


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
