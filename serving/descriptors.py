"""The open files that a process may have, and how the two APIs share them: no client may take the last one."""

from __future__ import annotations

import contextlib
import resource

_OWN = 256
"""Kept for models, logs and what else is no client; at most a quarter of what there is."""

_MOST_GRPC = 4096


def raise_limit() -> None:
    """Allows this process as many open files as it may allow itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # where the system refuses, what there is is shared
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def shares(rest_connections: int) -> tuple[int, int]:
    """Returns how many connections REST, which wants so many, and gRPC may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return rest_connections, _MOST_GRPC
    free = max(soft - min(_OWN, soft // 4), 2)
    rest = min(rest_connections, free // 2)
    return rest, min(_MOST_GRPC, free - rest)
