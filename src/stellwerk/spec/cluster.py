"""The section `cluster`: how the steps run on Kubernetes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from stellwerk.section import (
    IDENTIFIER,
    LABEL_KEY,
    LABEL_VALUE,
    MEMORY,
    MOUNT,
    OBJECT_NAME,
    RESOURCE,
    VERSION,
    Contradiction,
    DnsLabel,
    Section,
    bytes_of,
)
from stellwerk.spec.places import BUCKETS, place_of, scheme_of
from stellwerk.spec.schedule import Schedule
from stellwerk.steps import NAMES, NOT_CACHED

if TYPE_CHECKING:
    StepName = str
else:  # a type checker does not count them, Pydantic and its messages do
    StepName = Literal[NAMES]

Seconds = Annotated[int, Field(ge=1, le=2_147_483_647)]
ObjectName = Annotated[str, StringConstraints(pattern=OBJECT_NAME, max_length=253)]
Variable = Annotated[str, StringConstraints(pattern=IDENTIFIER)]
MountPath = Annotated[str, StringConstraints(pattern=MOUNT)]
LabelKey = Annotated[str, StringConstraints(pattern=LABEL_KEY, max_length=317)]
LabelValue = Annotated[str, StringConstraints(pattern=LABEL_VALUE, max_length=63)]

_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE_KEY|ACCESS_KEY|API_?KEY", re.IGNORECASE)
_TAKEN = ("/gcs", "/s3", "/minio", "/kfp-launcher", "/.local", "/.cache", "/.config")


def store_root(root: str) -> str:
    """Returns a pipeline root that Kubeflow takes as it is. Raises ValueError, with what to write, for every other."""
    known = "Kubeflow keeps artifacts in stores only: gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or minio://BUCKET/PREFIX"
    if scheme_of(root) not in BUCKETS:
        raise ValueError(f"is no store. {known}")
    if not root.startswith(tuple(f"{scheme}://" for scheme in BUCKETS)) or any(sign in root for sign in " #"):
        raise ValueError(f"is not written as KFP reads it. {known}")
    place_of(root)
    return root


def _is_path(root: str) -> bool:
    """Tells a folder from a URI, and from what was meant as one: `gs:bucket`, nothing."""
    return bool(root.strip()) and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", root)


class Resources(Section):
    """What one step may use on the cluster."""

    EXAMPLE: ClassVar[str] = """\
cluster:
  image: registry.example/stellwerk:0.1.0
  resources:
    train: {cpu: 4, memory: 16G, gpu: 1}
"""

    cpu: Annotated[float, Field(gt=0)] | None = None
    """CPU cores, asked for and not to be exceeded."""
    memory: Annotated[str, Field(pattern=MEMORY)] | None = None
    """Memory, e.g. 16G, asked for and not to be exceeded."""
    gpu: Annotated[int, Field(ge=1)] | None = None
    """Number of accelerators."""
    gpu_type: Annotated[str, Field(pattern=RESOURCE)] = "nvidia.com/gpu"
    """What an accelerator is called on the cluster: nvidia.com/gpu, amd.com/gpu, nvidia.com/mig-1g.10gb. A model of card is chosen by `node_selector`."""


class Limits(Section):
    """What one pod may at most ask for on the cluster; a spec that asks for more is refused before it is sent anywhere."""

    EXAMPLE: ClassVar[str] = """\
cluster:
  image: registry.example/stellwerk:0.1.0
  limits: {cpu: 16, memory: 64G, gpu: 2}
"""

    cpu: Annotated[float, Field(gt=0)] | None = None
    """CPU cores."""
    memory: Annotated[str, Field(pattern=MEMORY)] | None = None
    """Memory, e.g. 64G."""
    gpu: Annotated[int, Field(ge=0)] | None = None
    """Accelerators."""


class Retries(Section):
    """How often a step that failed is tried again, and how long it waits before. A plain number is short for `{times: ...}`."""

    EXAMPLE: ClassVar[str] = """\
cluster:
  image: registry.example/stellwerk:0.1.0
  retries: {times: 3, wait_seconds: 60, factor: 2, max_wait_seconds: 600}
"""

    times: Annotated[int, Field(ge=0, le=100)]
    """Attempts after the first one."""
    wait_seconds: Seconds = 30
    """Pause before the first new attempt."""
    factor: Annotated[int, Field(ge=1)] = 2
    """Each further pause is so many times as long; a whole number, as Argo has it."""
    max_wait_seconds: Seconds = 3600
    """The longest pause that is meant: Argo keeps to no such limit, so more attempts than lead to it are refused."""

    @model_validator(mode="after")
    def _no_pause_is_longer_than_meant(self) -> Retries:
        longest = self.wait_seconds * self.factor ** max(self.times - 1, 0)
        if self.times and longest > self.max_wait_seconds:
            said = f"leads to a pause of {longest} s, longer than max_wait_seconds ({self.max_wait_seconds})"
            raise Contradiction((("times",), f"{said}. Lower times, wait_seconds or factor, or raise max_wait_seconds"))
        return self


def _retries(value: Any) -> Any:
    return {"times": value} if isinstance(value, int) and not isinstance(value, bool) else value


class Toleration(Section):
    """A taint of nodes that a pod puts up with, as Kubernetes writes it."""

    EXAMPLE: ClassVar[str] = """\
cluster:
  image: registry.example/stellwerk:0.1.0
  steps:
    train:
      tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
"""

    key: LabelKey | None = None
    """Key of the taint; without it every taint, and `operator` is Exists."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """Whether the value counts."""
    value: LabelValue | None = None
    """Value of the taint, with Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; without it every effect."""
    seconds: Annotated[int, Field(ge=0)] | None = None
    """So long a pod that runs is left running, with NoExecute; without it for ever."""

    @model_validator(mode="after")
    def _as_kubernetes_takes_it(self) -> Toleration:
        if self.key is None and self.operator != "Exists":
            raise Contradiction((("operator",), "must be Exists where there is no key"))
        if self.value is not None and self.operator == "Exists":
            raise Contradiction((("value",), "has no meaning with operator: Exists. Remove one of them"))
        if self.seconds is not None and self.effect != "NoExecute":
            raise Contradiction((("seconds",), "is for effect: NoExecute"))
        return self


class Given(Section):
    """Keys of a Secret or ConfigMap of the cluster, as environment variables or as files. The spec names them and holds none."""

    EXAMPLE: ClassVar[str] = """\
cluster:
  image: registry.example/stellwerk:0.1.0
  secrets:
    s3-writer: {env: {AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: key}}
    gcs-writer: {mount: /secrets/gcs}
"""

    env: dict[Variable, Annotated[str, StringConstraints(pattern=r"^[-._A-Za-z0-9]+$", max_length=253)]] = {}
    """Environment variables, and the key that each has the value of."""
    mount: MountPath | None = None
    """Folder in the container where every key is a file."""

    @model_validator(mode="after")
    def _is_of_use(self) -> Given:
        if not self.env and self.mount is None:
            raise ValueError("is given to no step. Say env: {VARIABLE: key} or mount: /folder")
        return self


class Pod(Section):
    """How the pod of one step runs, besides what holds for every step."""

    EXAMPLE: ClassVar[str] = """\
cluster:
  image: registry.example/stellwerk:0.1.0
  steps:
    train: {timeout_seconds: 7200, node_selector: {nvidia.com/gpu.product: NVIDIA-H100}}
"""

    retries: Annotated[Retries | None, BeforeValidator(_retries, json_schema_input_type=int | Retries | None)] = None
    """How often a step that failed is tried again. A gate that refuses fails its step too."""
    timeout_seconds: Seconds | None = None
    """So long a step may run, with all its attempts to pull the image."""
    cache: bool | None = None
    """Whether KFP may take a result from its cache; `resolve` and `push`, which meet the world outside, never do."""
    node_selector: dict[LabelKey, LabelValue] = {}
    """Labels that a node must have."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints of nodes that do not matter."""
    volumes: dict[ObjectName, MountPath] = {}
    """PersistentVolumeClaims by name, and the folder in the container where each is mounted."""
    secrets: dict[ObjectName, Given] = {}
    """Secrets of the namespace by name, and where their keys go."""
    config_maps: dict[ObjectName, Given] = {}
    """ConfigMaps of the namespace by name, and where their keys go."""
    env: dict[Variable, str] = {}
    """Environment variables. They are written into the pipeline: what is secret goes into `secrets`."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the pods."""
    annotations: dict[LabelKey, str] = {}
    """Annotations of the pods."""

    @field_validator("env")
    @classmethod
    def _can_stand_in_the_open(cls, env: dict[str, str]) -> dict[str, str]:
        said = "looks like a secret, and everybody can read the pipeline. Name a Secret that has it: cluster.secrets"
        found = [((name,), said) for name, value in env.items() if _SECRET.search(name) and not value.startswith("/")]
        tagged = (
            "has {{ in it, which Argo Workflows reads as its own. Name a ConfigMap that has it: cluster.config_maps"
        )
        found += [((name,), tagged) for name, value in env.items() if "{{" in value]
        if found:
            raise Contradiction(*found)
        return env

    @model_validator(mode="after")
    def _mounts_are_apart(self) -> Pod:
        found = list(self._clashes())
        if found:
            raise Contradiction(*found)
        return self

    def _clashes(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        mounts: list[tuple[tuple[str | int, ...], str]] = [
            (("volumes", name), path) for name, path in self.volumes.items()
        ]
        for kind, given in (("secrets", self.secrets), ("config_maps", self.config_maps)):
            mounts += [((kind, name, "mount"), each.mount) for name, each in given.items() if each.mount is not None]
        seen = dict.fromkeys(_TAKEN, "KFP")
        for keys, path in mounts:
            folder = path.rstrip("/")
            if folder in seen:
                yield keys, f"'{folder}' is the folder of {seen[folder]} already. Mount it elsewhere"
            seen[folder] = ".".join(map(str, keys))


class Cluster(Pod):
    """Only for Kubeflow; `stellwerk run` ignores it. Settings of pods hold for every step, and `steps` adds to them."""

    EXAMPLE: ClassVar[str] = """\
cluster:
  image: registry.example/stellwerk:0.1.0
  image_pull_secrets: [registry]
  volumes: {flights: /data}
  resources: {train: {cpu: 4, memory: 16G, gpu: 1}}
  steps: {train: {retries: 2, timeout_seconds: 7200}}
"""

    image: str
    """Container image with Stellwerk's runtime in it."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """When a node pulls the image; without it as Kubernetes does: Always for `latest`, otherwise IfNotPresent."""
    image_pull_secrets: tuple[ObjectName, ...] = ()
    """Secrets of the namespace that open the image's registry."""
    resources: dict[StepName, Resources] = {}
    """What each step may use."""
    limits: Limits = Limits()
    """What the cluster gives one pod at most."""
    steps: dict[StepName, Pod] = {}
    """How the pods of single steps run: what is said here is added, or takes the place of what holds for all."""
    deadline_seconds: Seconds | None = None
    """So long a whole run may take, from its first start on, however often it is retried; it is ended then. Needs the current stack to compile, and Kubeflow Pipelines 2.17."""
    ttl_seconds: Seconds | None = None
    """So long the cluster keeps the pods of a finished run, whatever its own defaults are; at most a day, unless TTL_SECONDS_AFTER_WORKFLOW_FINISH of Kubeflow's persistence agent says more. Needs the current stack to compile, and Kubeflow Pipelines 2.17."""

    kfp: Annotated[str, Field(pattern=VERSION)] | None = None
    """Version of Kubeflow Pipelines on the cluster, e.g. 2.5; without it that of the SDK which compiles."""
    host: str | None = None
    """URL of Kubeflow Pipelines, where `stellwerk submit` and `schedule` send the pipeline, e.g. https://kubeflow.example/pipeline; `--host` and `KF_PIPELINES_ENDPOINT` also name it."""
    namespace: DnsLabel | None = None
    """Profile that the runs belong to, on a Kubeflow with several users; `--namespace` and `STELLWERK_NAMESPACE` also name it."""
    experiment: str | None = None
    """Experiment that the runs belong to, made where there is none; by default the pipeline's name."""
    pipeline_root: str | None = None
    """Where Kubeflow keeps the artifacts of the runs, `gs://BUCKET/PREFIX`, `s3://...` or `minio://...`; without it where the namespace's `kfp-launcher` says. The steps see it as `/gcs/`, `/s3/` or `/minio/`. A path, relative to the spec, is a folder of this machine where `stellwerk run --docker` keeps them; `compile`, `submit` and `schedule` refuse it, as Kubeflow knows stores only."""
    examples: Literal["copy", "in_place"] = "copy"
    """How steps read the rows that pass between them: `copy` has Kubeflow fetch them whole into every pod; with `in_place` they are read in parts where they lie, in the store of `pipeline_root`, with the credentials that the pods have."""
    service_account: ObjectName | None = None
    """Kubernetes service account that the steps run as; without it Kubeflow's default for the namespace."""
    schedule: Schedule | None = None
    """When Kubeflow runs the pipeline by itself; `stellwerk schedule` tells it."""

    @field_validator("pipeline_root")
    @classmethod
    def _root_is_a_place(cls, root: str | None) -> str | None:
        if root is None or _is_path(root):
            return root
        return store_root(root)

    @property
    def root_here(self) -> str | None:
        """The pipeline root where it is a folder of this machine, which no cluster knows."""
        return self.pipeline_root if self.pipeline_root is not None and _is_path(self.pipeline_root) else None

    def pod(self, step: str) -> Pod:
        """Returns how the pod of a step runs: lists and sections are added to each other, single values replaced."""
        own = self.steps.get(step, Pod())
        merged: dict[str, Any] = {}
        for name in Pod.model_fields:
            every, one = getattr(self, name), getattr(own, name)
            if isinstance(every, dict):
                merged[name] = {**every, **one}
            elif isinstance(every, tuple):
                merged[name] = (*every, *(each for each in one if each not in every))
            else:
                merged[name] = every if one is None else one
        return Pod.model_construct(**merged)

    @model_validator(mode="after")
    def _cluster_can_give_it(self) -> Cluster:
        found = [*self._beyond_limits(), *self._impossible()]
        if found:
            raise Contradiction(*found)
        return self

    def _beyond_limits(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for step, wanted in self.resources.items():
            amounts: dict[str, Callable[[Any], float]] = {"cpu": float, "memory": bytes_of, "gpu": float}
            for name, amount in amounts.items():
                asked, most = getattr(wanted, name), getattr(self.limits, name)
                if asked is not None and most is not None and amount(asked) > amount(most):
                    said = f"asks for more than the cluster gives one pod, {_shown(most)}. Received: {_shown(asked)}"
                    yield ("resources", step, name), f"{said}. Lower it, or raise cluster.limits.{name}"

    def _impossible(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if self.examples == "in_place" and (self.pipeline_root is None or self.root_here is not None):
            said = "in_place needs to know the store. Say where the artifacts lie: cluster.pipeline_root: gs://BUCKET/PREFIX,"
            yield ("examples",), f"{said} s3://... or minio://..."
        elif self.examples == "in_place" and "?" in (self.pipeline_root or ""):
            said = (
                "cannot have a query with `examples: in_place`, as its readers take the server from their environment"
            )
            yield ("pipeline_root",), f"{said}. Set AWS_ENDPOINT_URL and AWS_REGION in cluster.env, and remove it"
        for step, pod in self.steps.items():
            if pod.cache and step in NOT_CACHED:
                said = "cannot be true: KFP would take yesterday's result for what lies outside today"
                yield ("steps", step, "cache"), said
            for keys, clash in self.pod(step)._clashes():
                own = getattr(pod, str(keys[0]))
                if keys[1] in own:
                    yield ("steps", step, *keys), clash


def _shown(amount: str | float) -> str:
    return amount if isinstance(amount, str) else f"{amount:g}"
