"""What every step's KFP face has in common: the image that holds Stellwerk, and no installing at run time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from stellwerk import __version__
from stellwerk.components.sdk import dsl

Artifact, Dataset, Model, Input, Output = dsl.Artifact, dsl.Dataset, dsl.Model, dsl.Input, dsl.Output
HTML, Markdown, Metrics, ClassificationMetrics = dsl.HTML, dsl.Markdown, dsl.Metrics, dsl.ClassificationMetrics

IMAGE = f"stellwerk:{__version__}"
"""Image of a component in a hand-written pipeline; `task.set_container_image(...)` names another."""

component: Callable[[Callable[..., Any]], Any] = partial(dsl.component, base_image=IMAGE, install_kfp_package=False)
"""Makes a KFP component of a function whose body calls a step's work.

Its source travels in every pipeline, four times over, so it is kept to a few lines; its annotations are read by KFP, so they
are no strings. The image has all that the work needs: nothing is installed when it runs.
"""
