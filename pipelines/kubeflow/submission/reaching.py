"""Whether a Kubeflow can be reached and used, before anything is sent to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stellwerk.pipelines.kubeflow.submission.client import Kubeflow


@dataclass(frozen=True)
class Reached:
    """A Kubeflow that answered, and lets the caller list runs."""

    host: str
    who: str | None
    """What was shown to say who asks, in words; None where nothing was."""
    several_users: bool
    """Whether each user has a namespace there."""
    namespace: str | None

    def as_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return dict(vars(self))


def reach(kubeflow: Kubeflow) -> Reached:
    """Asks Kubeflow how it is and for a run. Raises ClusterError that says what is in the way."""
    connection = kubeflow.connection
    health = kubeflow.ask(kubeflow.health.healthz_service_get_healthz)
    within = {"namespace": connection.namespace} if connection.namespace else {}
    kubeflow.ask(kubeflow.runs.run_service_list_runs, page_size=1, **within)
    who = connection.credentials.where if connection.credentials else None
    return Reached(connection.host, who, bool(health.multi_user), connection.namespace)
