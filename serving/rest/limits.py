"""What one client of the REST API may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one client may take from a server. Sizes in bytes, times in seconds."""

    body_bytes: int = 64 * 1024 * 1024
    """Larger requests are refused (413): they would be held in memory whole."""
    held_bytes: int = 256 * 1024 * 1024
    """All bodies held at one time; more are refused (503) until some are answered."""
    connections: int = 512
    """Connections at one time."""
    head_s: float = 10.0
    """Time to send the head of a request, and for the TLS handshake."""
    body_s: float = 60.0
    """Time to send the body of a request, and to take its answer."""
    idle_s: float = 75.0
    """How long a connection may stay open without a request."""
    answer_s: float = 30.0
    """Time to answer; after it the client gets 504."""
    grace_s: float = 10.0
    """How long the end of the server waits for answers under way."""
