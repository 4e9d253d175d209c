"""Feeds what atheris makes to the parsers of requests: `python parsers_under_atheris.py -runs=N -seed=N CORPUS`.

The first byte says which parser. A request is read or refused with a ServingError; anything else ends the process with a trace.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import atheris

with atheris.instrument_imports(include=["stellwerk.serving"]):
    from stellwerk.serving import protos, values
    from stellwerk.serving.errors import ServingError
    from stellwerk.serving.rest import connection, examples, predict

import numpy as np
from google.protobuf.message import DecodeError
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from stellwerk.serving.loading import Signature
from stellwerk.serving.rest.bodies import Room
from stellwerk.serving.rest.limits import Limits
from stellwerk.serving.rest.messages import Request, Response
from stellwerk.serving.tensors import Tensor

SIGNATURE = Signature(
    "serving_default",
    {
        "distance": Tensor("distance", "float32", np.dtype(np.float32), (None,)),
        "carrier": Tensor("carrier", "string", np.dtype(object), (None,)),
        "day": Tensor("day", "int64", np.dtype(np.int64), (None,)),
    },
    {},
    None,
)


def predicted(body: bytes) -> None:
    """Reads the body of REST's predict."""
    request = predict.parsed(body)
    predict.signature_name(request)
    for array in predict.inputs_of(request, SIGNATURE).values():
        assert array.ndim >= 0


def classified(body: bytes) -> None:
    """Reads the body of REST's classify and regress."""
    for serialised in examples.examples_of(predict.parsed(body)):
        assert isinstance(serialised, bytes)


def predict_request(data: bytes) -> None:
    """Reads the message of gRPC's Predict."""
    for tensor in PredictRequest.FromString(data).inputs.values():
        protos.to_array(tensor)


def classification_request(data: bytes) -> None:
    """Reads the message of gRPC's Classify."""
    protos.to_examples(ClassificationRequest.FromString(data).input)


ROOM = 1000


class Kept(asyncio.Transport):
    """Keeps what a connection sends."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""

    def write(self, data: bytes) -> None:
        self.sent += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Nothing more is sent."""

    def close(self) -> None:
        """Nothing more comes."""

    abort = pause_reading = resume_reading = close


class Door:
    """A server that answers with the body, and without one where a token is asked for."""

    limits, leaving = Limits(body_bytes=600, held_bytes=ROOM), False

    def __init__(self) -> None:
        self.room = Room(ROOM)

    def at_head(self, request: Request) -> Response | None:
        return Response(401, b"") if "authorization" in request.headers else None

    def begin(self, request: Request) -> asyncio.Future[Response]:
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(Response(200, request.body))
        return answer

    def leave(self, _: connection.Connection) -> None:
        """Forgets it."""

    def make_room(self) -> bool:
        return False


LOOP = asyncio.new_event_loop()


def received(data: bytes) -> None:
    """Gives a connection what a client sends, in pieces; nothing may be the server's fault, or be held afterwards."""

    async def give() -> None:
        door, transport = Door(), Kept()
        with socket.socket() as unused:
            one = connection.Connection(door, unused, tls=False)
            one.connection_made(transport)
            size = data[0] + 1 if data else 1
            for start in range(1, len(data), size):
                one.data_received(data[start : start + size])
                await asyncio.sleep(0)
            one.eof_received()
            await asyncio.sleep(0)
            one.connection_lost(None)
        assert not transport.sent or transport.sent.startswith(b"HTTP/1.1 ")
        assert b"HTTP/1.1 500 " not in transport.sent
        door.room.take(ROOM)

    LOOP.run_until_complete(give())


PARSERS = (received, predicted, classified, predict_request, classification_request)


def one_input(data: bytes) -> None:
    """Gives a request to the parser that its first byte names."""
    with contextlib.suppress(ServingError, DecodeError):
        PARSERS[data[0] % len(PARSERS) if data else 0](data[1:])


if __name__ == "__main__":
    assert values
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
