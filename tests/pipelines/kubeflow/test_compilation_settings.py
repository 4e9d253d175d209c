"""What `cluster` says of pods reaches every pod that it is for, and what no cluster could do is refused with its line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import dsl

from stellwerk.errors import SpecError
from stellwerk.loading import load
from stellwerk.pipelines.kubeflow.compilation import intermediate

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/flight-delays/pipeline.yaml"
FULL = Path(__file__).parent / "golden" / "cluster.yaml"
IMAGE = "registry.example/stellwerk:0.1.0"

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the example with a section `cluster`."""

    def to(cluster: str) -> Path:
        text = EXAMPLE.read_text(encoding="utf-8")
        (tmp_path / "pipeline.yaml").write_text(f"{text}{cluster}", encoding="utf-8")
        return tmp_path / "pipeline.yaml"

    return to


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The IR of the example with every setting. Not to be changed."""
    spec = tmp_path_factory.mktemp("full") / "pipeline.yaml"
    spec.write_text(EXAMPLE.read_text(encoding="utf-8") + FULL.read_text(encoding="utf-8"), encoding="utf-8")
    return intermediate(load(spec))


def pods(ir: list[dict[str, Any]]) -> dict[str, Any]:
    """What Kubernetes is told of each step's pod."""
    executors = ir[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return {name.removeprefix("exec-"): pod for name, pod in executors.items()}


def tasks(ir: list[dict[str, Any]]) -> dict[str, Any]:
    dags = [ir[0]["root"], *ir[0]["components"].values()]
    return {name: task for each in dags for name, task in each.get("dag", {}).get("tasks", {}).items()}


def test_what_is_said_of_every_pod_holds_for_every_pod(full):
    steps = {name.removeprefix("exec-") for name in full[0]["deploymentSpec"]["executors"]}
    assert set(pods(full)) == steps
    for pod in pods(full).values():
        assert pod["imagePullPolicy"] == "IfNotPresent"
        assert [each["secretName"] for each in pod["imagePullSecret"]] == ["registry"]
        assert pod["podMetadata"] == {"labels": {"team": "delays"}, "annotations": {"sidecar.istio.io/inject": "false"}}
        assert [(each["constant"], each["mountPath"]) for each in pod["pvcMount"]] == [("flights", "/data")]


def test_secrets_and_config_maps_are_given_by_name(full):
    pod = pods(full)["push"]
    (environment,) = pod["secretAsEnv"]
    assert environment["secretName"] == "s3-writer"
    assert environment["keyToEnv"] == [
        {"secretKey": "id", "envVar": "AWS_ACCESS_KEY_ID"},
        {"secretKey": "key", "envVar": "AWS_SECRET_ACCESS_KEY"},
    ]
    (volume,) = pod["secretAsVolume"]
    assert (volume["secretName"], volume["mountPath"]) == ("gcs-writer", "/secrets/gcs")
    (places,) = pod["configMapAsEnv"]
    assert (places["configMapName"], places["keyToEnv"]) == ("places", [{"configMapKey": "region", "envVar": "REGION"}])


def test_two_variables_may_have_the_value_of_one_key(write):
    cluster = f"cluster: {{image: '{IMAGE}', secrets: {{s: {{env: {{A: key, B: key, C: other}}}}}}}}\n"
    given = pods(intermediate(load(write(cluster))))["train"]["secretAsEnv"]
    pairs = {(each["secretName"], pair["secretKey"], pair["envVar"]) for each in given for pair in each["keyToEnv"]}
    assert pairs == {("s", "key", "A"), ("s", "key", "B"), ("s", "other", "C")}


def test_what_is_said_of_one_step_is_for_that_pod_alone(full):
    train, ingest = pods(full)["train"], pods(full)["ingest"]
    assert train["activeDeadlineSeconds"] == "7200"
    assert train["nodeSelector"] == {"labels": {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}}
    assert train["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert not {"activeDeadlineSeconds", "nodeSelector", "tolerations"}.intersection(ingest)


def test_steps_are_tried_again_with_pauses_that_grow(full):
    policies = {name: task["retryPolicy"] for name, task in tasks(full).items() if "retryPolicy" in task}
    assert set(policies) == set(pods(full))
    assert policies["ingest"] == {
        "maxRetryCount": 2, "backoffDuration": "30s", "backoffFactor": 2.0, "backoffMaxDuration": "2592000s",
    }  # fmt: skip
    assert policies["train"] == {
        "maxRetryCount": 3, "backoffDuration": "60s", "backoffFactor": 3.0, "backoffMaxDuration": "2592000s",
    }  # fmt: skip


def test_how_long_hooks_may_take_is_told_to_the_steps_that_run_them(write, tmp_path: Path):
    (tmp_path / "net.py").write_text("def build(inputs):\n    return inputs['distance']\n")
    hooks = f"cluster: {{image: '{IMAGE}'}}\nhooks: {{timeout_seconds: 60}}\n"
    (ir, *_) = intermediate(load(write(hooks), ["model={build: net.py:build}"]))
    told = {
        name: executor["container"]["env"]
        for name, executor in ir["deploymentSpec"]["executors"].items()
        if "env" in executor["container"]
    }
    assert told == {"exec-train": [{"name": "STELLWERK_HOOK_TIMEOUT_SECONDS", "value": "60"}]}


def test_variables_are_those_of_the_container_and_a_cache_may_be_turned_off(full):
    container = full[0]["deploymentSpec"]["executors"]["exec-train"]["container"]
    assert container["env"] == [{"name": "TF_CPP_MIN_LOG_LEVEL", "value": "2"}]
    cached = {name for name, task in tasks(full).items() if task.get("cachingOptions", {}).get("enableCache")}
    assert "validate" not in cached
    assert {"transform", "train", "rehearse"} <= cached


def test_without_settings_nothing_is_said_to_kubernetes(write):
    assert len(intermediate(load(write(f"cluster: {{image: '{IMAGE}'}}\n")))) == 1


def test_what_only_a_cluster_has_is_left_out_for_the_local_runner(write):
    ir = intermediate(load(write(FULL.read_text(encoding="utf-8"))), local=True)
    assert len(ir) == 1
    assert "retryPolicy" not in yaml.safe_dump(ir)
    assert ir[0]["deploymentSpec"]["executors"]["exec-train"]["container"]["image"] == IMAGE


def test_a_deadline_and_a_time_to_live_are_said_or_refused_by_what_the_sdk_knows(write):
    spec = write(f"cluster:\n  image: {IMAGE}\n  deadline_seconds: 3600\n  ttl_seconds: 86400\n")
    if "active_deadline_seconds" in inspect.signature(dsl.PipelineConfig.__init__).parameters:
        config = intermediate(load(spec))[1]["platforms"]["kubernetes"]["pipelineConfig"]
        lives = dict.fromkeys(("resourceTtlOnCompletion", "resourceTtlOnSuccess", "resourceTtlOnFailure"), 86400)
        assert config == {"activeDeadlineSeconds": 3600, **lives}
        return
    with pytest.raises(SpecError) as caught:
        intermediate(load(spec))
    first, second = str(caught.value).splitlines()
    assert "cluster.deadline_seconds: cannot be said by the KFP SDK 2." in first
    assert "cluster.ttl_seconds: cannot be said by the KFP SDK 2." in second
    assert first.startswith(f"{spec}:")
    assert "Remove it, or compile on Python 3.12 or later" in first


def test_variables_from_secrets_say_no_word_that_an_earlier_kubeflow_refuses(write):
    executors = intermediate(load(write(FULL.read_text(encoding="utf-8"))))[1]["platforms"]["kubernetes"][
        "deploymentSpec"
    ]["executors"]
    for executor in executors.values():
        assert [set(given) & {"optional"} for given in (*executor["secretAsEnv"], *executor["configMapAsEnv"])] == [
            set(),
            set(),
        ]


def test_a_deadline_is_refused_for_a_kubeflow_that_would_drop_the_volumes_with_it(write):
    for key in ("deadline_seconds", "ttl_seconds"):
        spec = write(f'cluster:\n  image: {IMAGE}\n  kfp: "2.16.1"\n  {key}: 3600\n  volumes: {{flights: /data}}\n')
        with pytest.raises(
            SpecError, match=rf"cluster.{key}: is for Kubeflow Pipelines 2.17 or later.* is 2.16.1: .*volumes"
        ):
            intermediate(load(spec))


def test_more_than_the_cluster_gives_is_refused_with_its_line(write, stellwerk):
    spec = write(
        f"cluster:\n  image: {IMAGE}\n  limits: {{cpu: 8, memory: 32Gi, gpu: 0}}\n"
        "  resources:\n    train: {cpu: 16, memory: 40G, gpu: 1}\n    evaluate: {cpu: 8, memory: 34G}\n"
    )
    ran = stellwerk("check", spec, "--no-data")
    assert ran.returncode == 2
    line = spec.read_text(encoding="utf-8").splitlines().index("    train: {cpu: 16, memory: 40G, gpu: 1}") + 1
    said = ran.stderr.splitlines()
    more = "asks for more than the cluster gives one pod"
    assert said == [
        f"{spec}:{line}: cluster.resources.train.cpu: {more}, 8. Received: 16. Lower it, or raise cluster.limits.cpu.",
        f"{spec}:{line}: cluster.resources.train.gpu: {more}, 0. Received: 1. Lower it, or raise cluster.limits.gpu.",
        f"{spec}:{line}: cluster.resources.train.memory: {more}, 32Gi. Received: 40G. "
        "Lower it, or raise cluster.limits.memory.",
    ]


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        ("env: {AWS_SECRET_ACCESS_KEY: abc}", "AWS_SECRET_ACCESS_KEY: looks like a secret, and everybody can read the"),
        ("steps: {train: {env: {API_KEY: abc}}}", "cluster.steps.train.env.API_KEY: looks like a secret"),
        (
            "env: {NAME: 'a {{item}}'}",
            "cluster.env.NAME: has {{ in it, which Argo Workflows reads as its own. Name a ConfigMap",
        ),
        ("env: {TWO WORDS: a}", "the name 'TWO WORDS' must be letters, digits and underscores"),
        ("secrets: {s3: {}}", "cluster.secrets.s3: is given to no step. Say env: {VARIABLE: key} or mount: /folder"),
        ("secrets: {S3: {mount: /s}}", "the name 'S3' must be lower-case letters"),
        ("volumes: {flights: data}", "cluster.volumes.flights: must be a folder in the container, e.g. /data"),
        ("volumes: {flights: /minio}", "'/minio' is the folder of KFP already. Mount it elsewhere"),
        ("volumes: {a: /d, b: /d/}", "cluster.volumes.b: must be a folder in the container"),
        ("volumes: {a: /d, b: /d}", "cluster.volumes.b: '/d' is the folder of volumes.a already"),
        (
            "volumes: {a: /d}, steps: {train: {volumes: {b: /d}}}",
            "cluster.steps.train.volumes.b: '/d' is the folder of",
        ),
        ("tolerations: [{value: a}]", "cluster.tolerations[0].operator: must be Exists where there is no key"),
        ("tolerations: [{key: a, operator: Exists, value: b}]", "value: has no meaning with operator: Exists"),
        ("tolerations: [{key: a, value: b, seconds: 3}]", "seconds: is for effect: NoExecute"),
        ("node_selector: {a b: c}", "the name 'a b' must be a name of letters"),
        ("labels: {team: a b}", "cluster.labels.team: must be letters, digits, dashes, dots and underscores"),
        (
            "retries: 9",
            "cluster.retries.times: leads to a pause of 7680 s, longer than max_wait_seconds (3600). Lower times",
        ),
        ("retries: {times: 2, factor: 1.5}", "cluster.retries.factor: must be a whole number. Received: 1.5"),
        ("retries: -1", "cluster.retries: must be at least 0. Received: -1"),
        ("timeout_seconds: 2h", "cluster.timeout_seconds: must be a whole number. Received: '2h'"),
        ("image_pull_policy: Sometimes", "Known: Always, IfNotPresent, Never"),
        ("resources: {train: {gpu_type: h100}}", "gpu_type: must be a resource of the cluster with its domain"),
        ("resources: {tarin: {cpu: 1}}", "unknown name 'tarin'. Did you mean 'train'?"),
        ("steps: {push: {cache: true}}", "cluster.steps.push.cache: cannot be true: KFP would take yesterday's"),
        ("deadline_seconds: 0", "cluster.deadline_seconds: must be at least 1"),
    ],
)
def test_what_no_pod_can_be_told_is_refused_where_it_is_written(cluster: str, message: str, write):
    with pytest.raises(SpecError) as caught:
        load(write(f"cluster: {{image: '{IMAGE}', {cluster}}}\n"))
    (problem,) = caught.value.problems
    assert message in str(problem)
    assert problem.line > 0
