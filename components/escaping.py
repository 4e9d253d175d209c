"""Values on their way through Kubeflow to a step, in which others read signs of their own.

A step's arguments become the command line of a pod. Kubernetes takes `$(NAME)` there for a variable and `$$` for one dollar
(https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container), Argo takes `{{item}}` for a tag,
and KFP's driver `{{$.pipeline_job_uuid}}` for its own. SQL, regular expressions and Python have all of these. So a mark, of the
characters that Unicode leaves to everybody, is put between two such signs when a pipeline is compiled, and taken out in the step.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MARK = "\ue000"
_SIGNS = re.compile(r"(?<=\{)(?=\{)|(?<=\$)(?=[$(])")
_MARKED = re.compile(rf"(?<=\{{){MARK}(?=\{{)|(?<=\$){MARK}(?=[$(])")


def marked(value: Any) -> Any:
    """Returns a JSON value as it is written into a pipeline: nothing in its texts means anything to who carries it."""
    return _texts(value, lambda text: _SIGNS.sub(MARK, text))


def readable(value: Any) -> Any:
    """Returns a value as it was before it was written into a pipeline. What is no JSON value is left as it is."""
    return _texts(value, lambda text: _MARKED.sub("", text))


def _texts(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(key): _texts(item, change) for key, item in value.items()}
    return [_texts(item, change) for item in value] if isinstance(value, (list, tuple)) else value
