"""Runs a pipeline on this machine: no cluster, no Docker."""

from __future__ import annotations

from stellwerk.pipelines.embedded.runner import run

__all__ = ["run"]
