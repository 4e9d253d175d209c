"""The APIs that a server is asked through: requests are made ahead of time, sent by many clients, and the answers read afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stellwerk.components.rehearsal.candidate import HOST, NAME, Ports
from stellwerk.serving.client import grpc, rest
from stellwerk.serving.client.base import Client
from stellwerk.serving.tensors import Array

ANSWER_SECONDS = 30.0
"""A request without an answer for so long has failed."""


@dataclass(frozen=True)
class Api:
    """One way to ask a server."""

    body: Callable[[Mapping[str, Array]], bytes]
    """Returns the request for these values, [examples] of each input."""
    outputs: Callable[[bytes], Mapping[str, Any] | None]
    """Returns the values of each output in an answer, as arrays or nested lists; '' is the name of an only one. None where it is no answer."""
    client: Callable[[Ports], Client]
    """Returns a new client, with a connection of its own, of the server on these ports."""


APIS = {
    "grpc": Api(
        lambda columns: grpc.body(columns, NAME),
        grpc.outputs,
        lambda ports: grpc.GrpcClient(HOST, ports.grpc, timeout=ANSWER_SECONDS),
    ),
    "rest": Api(
        rest.body,
        rest.outputs,
        lambda ports: rest.RestClient(HOST, ports.rest, f"/v1/models/{NAME}:predict", timeout=ANSWER_SECONDS),
    ),
}
"""Each API by the name that `push.rehearse.api` has for it."""
