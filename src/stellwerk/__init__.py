"""One YAML file describes a deep-learning pipeline; Stellwerk checks it, runs it, compiles it and serves its model."""

from __future__ import annotations

__version__ = "0.1.0"
