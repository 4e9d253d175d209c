"""What Kubeflow has: listings page by page, things by their name, and the experiment that runs belong to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import kfp_server_api

from stellwerk.errors import UsageError
from stellwerk.pipelines.kubeflow.submission.client import Kubeflow
from stellwerk.pipelines.kubeflow.submission.refusals import Refused

PAGE = 100
LONGEST_NAME = 255
LONGEST_EXPERIMENT = 128


def checked_name(name: str, longest: int = LONGEST_NAME) -> str:
    """Returns a name that Kubeflow's database takes. Raises UsageError for others."""
    if not 0 < len(name) <= longest:
        raise UsageError(f"a name has 1 to {longest} letters for Kubeflow, and got {len(name)}: '{name[:40]}'.")
    return name


def pages(
    kubeflow: Kubeflow,
    call: Callable[..., Any],
    name: str,
    where: str | None,
    options: Mapping[str, Any],
    *,
    size: int = PAGE,
) -> Iterator[Any]:
    """Yields everything that a listing has, page after page, as it is needed."""
    asked = {**options, "page_size": size, **({"filter": where} if where else {})}
    while True:
        page = kubeflow.ask(call, **asked)
        yield from getattr(page, name) or []
        if not page.next_page_token:
            return
        asked["page_token"] = page.next_page_token


def named(name: str) -> str:
    """Returns the filter for what has this name."""
    predicate = {"operation": "EQUALS", "key": "display_name", "string_value": name}
    return json.dumps({"predicates": [predicate]})


def experiment(kubeflow: Kubeflow, name: str) -> Any:
    """Returns an experiment by its name, or None where there is none."""
    call = kubeflow.experiments.experiment_service_list_experiments
    options = {"namespace": kubeflow.connection.namespace} if kubeflow.connection.namespace else {}
    return next(pages(kubeflow, call, "experiments", named(name), options), None)


def experiment_id(kubeflow: Kubeflow, name: str) -> str:
    """Returns the id of an experiment, which is made where there is none."""
    found = experiment(kubeflow, checked_name(name, LONGEST_EXPERIMENT))
    if found is None:
        body = kfp_server_api.V2beta1Experiment(display_name=name, namespace=kubeflow.connection.namespace)
        create = kubeflow.experiments.experiment_service_create_experiment
        try:
            found = kubeflow.tell(create, body, done=lambda: experiment(kubeflow, name))
        except Refused as refused:  # somebody else made it in this moment
            found = experiment(kubeflow, name) if refused.status == 409 else None
            if found is None:
                raise
    return str(found.experiment_id)
