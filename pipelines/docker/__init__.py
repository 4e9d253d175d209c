"""Runs a compiled pipeline on this machine in the image that a cluster would take, each step in a container of its own."""

from __future__ import annotations

from stellwerk.pipelines.docker.runner import run

__all__ = ["run"]
