"""Bulk prediction: a file of rows in, the same rows with predictions out; in process or through a server."""

from __future__ import annotations

from stellwerk.serving.bulk.options import Connection, Options
from stellwerk.serving.bulk.running import Summary, predict

__all__ = ["Connection", "Options", "Summary", "predict"]
