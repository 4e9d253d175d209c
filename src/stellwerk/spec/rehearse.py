"""`push.rehearse`: a model leaves the pipeline only when a real server was seen to answer with it, within its resources."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stellwerk.section import MEMORY, Section


class Rehearse(Section):
    """Whether the model serves within its resources: a server is started on it and asked real examples of the eval split.
    A model that does not load, leaves a request unanswered, or answers otherwise than when it is called directly is refused
    in any case; the limits are asked only where they are said.
    """  # noqa: D205 - one paragraph, as the reference shows it

    EXAMPLE: ClassVar[str] = """\
push:
  to: models
  rehearse: {max_p99_ms: 50, max_memory: 2G, max_model_size: 50M}
"""

    max_p99_ms: Annotated[float, Field(gt=0)] | None = None
    """99 of 100 requests must be answered in so many milliseconds, at `rate`, or one after the other where there is none."""
    min_throughput: Annotated[float, Field(gt=0)] | None = None
    """So many examples a second must be answered with one of the numbers of `clients`."""
    max_startup_seconds: Annotated[float, Field(gt=0)] | None = None
    """The server must be ready so many seconds after its process began."""
    max_memory: Annotated[str, Field(pattern=MEMORY)] | None = None
    """The server's process may use so much memory at most, e.g. 2G."""
    max_model_size: Annotated[str, Field(pattern=MEMORY)] | None = None
    """The files of the model may have so many bytes at most, e.g. 50M."""
    requests: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """Requests of one measurement. They are made of the first examples of the eval split, all of them different while it has enough."""
    batch_size: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Examples in one request."""
    rate: Annotated[float, Field(gt=0)] | None = None
    """Requests a second at which latency is measured; without it one client asks again as soon as it has its answer."""
    clients: Annotated[tuple[Annotated[int, Field(ge=1, le=256)], ...], Field(min_length=1)] = (1, 2, 4, 8)
    """Clients that ask at the same time, for the scaling curve."""
    seconds: Annotated[float, Field(gt=0, le=3600)] = 2.0
    """A measurement ends after so many seconds, also where requests are left."""
    api: Literal["grpc", "rest"] = "grpc"
    """The API that the server is asked through: the one that the model's clients will use."""
    server: Literal["embedded", "tensorflow_model_server"] = "embedded"
    """embedded: `stellwerk serve`; tensorflow_model_server: TensorFlow Serving's own program, which must be on the PATH."""
