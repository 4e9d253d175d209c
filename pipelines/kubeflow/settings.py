"""How a step's pod runs: the section `cluster`, said to KFP."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stellwerk.components import sdk
from stellwerk.components.sdk import dsl
from stellwerk.errors import SpecError
from stellwerk.loading import LoadedSpec
from stellwerk.spec.cluster import Cluster, Given, Pod, Resources
from stellwerk.steps import STEPS

if TYPE_CHECKING:
    from types import ModuleType

ENDS_RUNS_FROM = (2, 17)
"""The first Kubeflow Pipelines that reads `deadline_seconds` and `ttl_seconds`; with them earlier ones drop the whole platform section."""

TIMES_TO_LIVE = ("ttl_seconds_after_finished", "ttl_seconds_after_success", "ttl_seconds_after_failure")
"""All that the SDK calls a time to live: Argo asks for the two latter first, and Kubeflow's own manifests set all three for every run."""


def configure(task: Any, step: str, cluster: Cluster, *, local: bool = False, reached: Sequence[str] = ()) -> None:
    """Gives a task the image, the resources and the settings of its step.

    A `local` run has containers but no cluster: what Kubernetes alone knows is left out. The step gets what the steps `reached`
    reach their places with, besides its own: variables, volumes, secrets.
    """
    pod = cluster.pod(step)
    for other in reached:
        pod = reaching(pod, cluster.pod(other))
    task.set_container_image(cluster.image)
    task.set_caching_options(STEPS[step].cached and pod.cache is not False)
    for name, value in pod.env.items():  # Kubernetes takes two dollars for one, and $(NAME) for a variable
        task.set_env_variable(name, value if local else value.replace("$", "$$"))
    if local:
        return
    _resources(task, cluster.resources.get(step, Resources()))
    if pod.retries is not None:
        task.set_retry(
            pod.retries.times,
            backoff_duration=f"{pod.retries.wait_seconds}s",
            backoff_factor=pod.retries.factor,
            backoff_max_duration="3600s",  # as long as the SDK takes, see `wiring.patient`
        )
    _kubernetes(task, cluster, pod)


def reaching(pod: Pod, other: Pod) -> Pod:
    """Returns a pod with the environment, volumes, Secrets and ConfigMaps of another, where its own leave room for them."""
    givens = [*pod.secrets.values(), *pod.config_maps.values()]
    variables = {*pod.env, *(variable for given in givens for variable in given.env)}
    folders = {*pod.volumes.values(), *(given.mount for given in givens)}

    def added(named: dict[str, Given], own: dict[str, Given]) -> dict[str, Given]:
        more = {}
        for name, given in named.items():
            env = {variable: key for variable, key in given.env.items() if variable not in variables}
            mount = None if given.mount in folders else given.mount
            if name not in own and (env or mount):
                more[name] = Given(env=env, mount=mount)
        return {**own, **more}

    volumes = {claim: path for claim, path in other.volumes.items() if path not in folders}
    update = {
        "env": {**{name: value for name, value in other.env.items() if name not in variables}, **pod.env},
        "volumes": {**volumes, **pod.volumes},
        "secrets": added(other.secrets, pod.secrets),
        "config_maps": added(other.config_maps, pod.config_maps),
    }
    return pod.model_copy(update=update)


def _resources(task: Any, wanted: Resources) -> None:
    if wanted.cpu is not None:
        task.set_cpu_request(f"{wanted.cpu:g}").set_cpu_limit(f"{wanted.cpu:g}")
    if wanted.memory is not None:
        task.set_memory_request(wanted.memory).set_memory_limit(wanted.memory)
    if wanted.gpu is not None:
        task.set_accelerator_type(wanted.gpu_type).set_accelerator_limit(wanted.gpu)


def _kubernetes(task: Any, cluster: Cluster, pod: Pod) -> None:
    kubernetes = sdk.kubernetes()
    if cluster.image_pull_policy is not None:
        kubernetes.set_image_pull_policy(task, cluster.image_pull_policy)
    if cluster.image_pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(cluster.image_pull_secrets))
    if pod.timeout_seconds is not None:
        kubernetes.set_timeout(task, pod.timeout_seconds)
    for key, value in pod.node_selector.items():
        kubernetes.add_node_selector(task, key, value)
    for taint in pod.tolerations:
        kubernetes.add_toleration(task, taint.key, taint.operator, taint.value, taint.effect, taint.seconds)
    for claim, path in pod.volumes.items():
        kubernetes.mount_pvc(task, claim, path)
    for key, value in pod.labels.items():
        kubernetes.add_pod_label(task, key, value)
    for key, value in pod.annotations.items():
        kubernetes.add_pod_annotation(task, key, value)
    _given(task, kubernetes, "secret", pod.secrets)
    _given(task, kubernetes, "config_map", pod.config_maps)


def _given(task: Any, kubernetes: ModuleType, kind: str, named: dict[str, Given]) -> None:
    """Mounts Secrets or ConfigMaps, which are given in the same two ways."""
    for name, given in named.items():
        if given.mount is not None:
            getattr(kubernetes, f"use_{kind}_as_volume")(task, name, given.mount)
        if given.env:
            keys: dict[str, list[str]] = {}
            for variable, key in given.env.items():
                keys.setdefault(key, []).append(variable)
            for turn in range(max(map(len, keys.values()))):  # KFP takes one variable a key at a time
                one = {key: variables[turn] for key, variables in keys.items() if turn < len(variables)}
                getattr(kubernetes, f"use_{kind}_as_env")(task, name, one)


def run_settings(loaded: LoadedSpec, cluster: Cluster) -> Any:
    """Returns what holds for a whole run, for `dsl.pipeline`, or None.

    Raises SpecError where the installed SDK has no words for it, or the named backend no ears.
    """
    wanted = {
        "deadline_seconds": (("active_deadline_seconds",), cluster.deadline_seconds),
        "ttl_seconds": (TIMES_TO_LIVE, cluster.ttl_seconds),
    }
    said = {key: pair for key, pair in wanted.items() if pair[1] is not None}
    known = inspect.signature(dsl.PipelineConfig.__init__).parameters
    missing = [key for key, (names, _) in said.items() if not set(names) <= set(known)]
    deaf = (
        list(said) if cluster.kfp and tuple(int(part) for part in cluster.kfp.split(".")[:2]) < ENDS_RUNS_FROM else []
    )
    if deaf:
        message = (
            f"is for Kubeflow Pipelines 2.17 or later, and cluster.kfp is {cluster.kfp}: one as old passes over it, and over the "
            "volumes, secrets and all else that Kubernetes is told of the pods, without a word. Remove it."
        )
        raise SpecError([loaded.problem(("cluster", key), message) for key in deaf])
    if missing:
        from kfp import __version__ as version  # noqa: PLC0415

        message = (
            f"cannot be said by the KFP SDK {version} that is installed here. Remove it, or compile on Python 3.12 or later, "
            "where Stellwerk comes with an SDK that can; a cluster's own defaults hold without it."
        )
        raise SpecError([loaded.problem(("cluster", key), message) for key in missing])
    values = {name: value for names, value in said.values() for name in names}
    return dsl.PipelineConfig(**values) if values else None
