"""Runs tasks of an IR as a cluster does: what Argo, Kubernetes, KFP's driver, its cache and its launcher make of them.

Written from their sources (kubeflow/pipelines 2.2.0, 2.5.0, 2.14.0 and 2.17.0 agree in what is here):
- backend/src/v2/driver: `resolveInputs`, `provisionOutputs`, conditions of single tasks; `toRuntimeArtifact` writes input
  artifacts under their number in the store of metadata, with `{"instanceSchema": ""}` for their type, whatever it was;
- backend/src/v2/cacheutils: `GenerateCacheKey`: names of input artifacts, values of parameters, outputs, image, command;
- backend/src/v2/component/launcher_v2.go: defaults of parameters, placeholders in the command, upload of outputs;
- Kubernetes: third_party/forked/golang/expansion, over every argument of a container; Argo: util/template/simple_template.go.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from stellwerk.pipelines.kubeflow.wiring import waits_for

RUN = "0f6c2b5e-9d0a-4c39-8a53-2f4f0f6d7a11"
MOUNTED = """\
import os
from kfp.dsl.types import artifact_types
artifact_types._S3_LOCAL_MOUNT_PREFIX = os.environ["POD"] + "/s3/"
artifact_types._GCS_LOCAL_MOUNT_PREFIX = os.environ["POD"] + "/gcs/"
artifact_types._MINIO_LOCAL_MOUNT_PREFIX = os.environ["POD"] + "/minio/"
"""
"""Puts /s3, /gcs and /minio, where the launcher has folders, into one of the test: only root may make them."""
KNOWN = {"workflow.name": "late-x7k2p", "workflow.namespace": "kubeflow", "retries": "0"}
"""Tags that Argo replaces; of those that begin as its own do and are none, it says that they cannot be resolved."""
OWN = ("workflow.", "tasks.", "inputs.", "outputs.", "steps.", "pod.", "node.", "item", "cronworkflow.")


class Bucket(Protocol):
    """What holds the artifacts."""

    uri: str

    def put(self, key: str, data: bytes) -> None:
        """Writes an object."""

    def below(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Yields every object whose key starts so."""


class Memory:
    """The store that comes with Kubeflow Pipelines, as far as artifacts go."""

    uri = "minio://mlpipeline"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, data: bytes) -> None:
        self.objects[key] = data

    def below(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        yield from ((key, data) for key, data in self.objects.items() if key.startswith(prefix))


@dataclass(frozen=True)
class Ended:
    """How a task ended: `succeeded`, `cached`, `skipped` or `failed`; and its log."""

    state: str
    log: str = ""


@dataclass
class Metadata:
    """What outlives a run: artifacts by their number, and what every executed task put out, by the key of the cache."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    cache: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Backend:
    """Runs the tasks of one run, each in a pod of its own: a folder that starts empty."""

    ir: dict[str, Any]
    folder: Path
    bucket: Bucket = field(default_factory=Memory)
    metadata: Metadata = field(default_factory=Metadata)
    given: Mapping[str, Any] = field(default_factory=dict)
    """What the run is given, by parameter."""
    run_id: str = RUN
    quick: bool = True
    """Whether tasks run in forks of a process that has loaded the frameworks, and not each by its own shell command."""
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each task put out: values and artifacts by name."""
    ended: dict[str, Ended] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "sitecustomize.py").write_text(MOUNTED, encoding="utf-8")

    def run_all(self) -> dict[str, str]:
        """Runs the tasks in their order, and returns how each ended. What depends on one that did not succeed is omitted."""
        waiting = dict(self.tasks)
        while waiting:
            name = next(name for name, task in waiting.items() if not set(self._after(task)) & waiting.keys())
            after = self._after(waiting.pop(name))
            if all(self.ended[each].state in ("succeeded", "cached") for each in after):
                self.run(name)
            else:
                self.ended[name] = Ended("omitted")
        return {name: ended.state for name, ended in self.ended.items()}

    @property
    def tasks(self) -> dict[str, Any]:
        """The tasks at the top level."""
        tasks: dict[str, Any] = self.ir["root"]["dag"]["tasks"]
        return tasks

    def run(self, task: str) -> Path:
        """Runs a task and returns its pod. Its outputs are in the bucket then."""
        self.ended[task] = self._run(task)
        return self.folder / task

    def uri(self, task: str, artifact: str) -> str:
        """Returns where an artifact is."""
        found: str = self.made[task][artifact]["uri"]
        return found

    def local(self, task: str, artifact: str, pod: str | None = None) -> Path:
        """Returns where an artifact of a task is in a pod, by default that of the task."""
        return self._local(self.uri(task, artifact), pod or task)

    def _local(self, uri: str, pod: str) -> Path:
        scheme, _, key = uri.partition("://")
        return self.folder / pod / {"gs": "gcs"}.get(scheme, scheme) / key

    def _after(self, task: Mapping[str, Any]) -> list[str]:
        return sorted(waits_for(task))

    def _run(self, task: str) -> Ended:
        wired = argo(self.tasks[task])
        definition = self.ir["components"][wired["componentRef"]["name"]]
        inputs = self._inputs(wired.get("inputs", {}), definition.get("inputDefinitions", {}))
        condition = wired.get("triggerPolicy", {}).get("condition")
        if condition is not None:
            admitted = re.fullmatch(r"inputs\.parameter_values\['([\w-]+)'\] == true", condition)
            assert admitted is not None, condition
            if inputs["parameterValues"][admitted[1]] is not True:
                return Ended("skipped")
        outputs = self._outputs(task, definition.get("outputDefinitions", {}))
        container = self.ir["deploymentSpec"]["executors"][definition["executorLabel"]]["container"]
        key = _key(inputs, outputs, container) if wired.get("cachingOptions", {}).get("enableCache") else None
        if key in self.metadata.cache:
            self.made[task] = self.metadata.cache[key]
            assert self.made[task].keys() >= outputs["artifacts"].keys()
            return Ended("cached")
        ended = self._execute(task, definition, container, {"inputs": inputs, "outputs": outputs})
        if ended.state == "succeeded" and key is not None:
            self.metadata.cache[key] = self.made[task]
        return ended

    def _inputs(self, wired: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
        values = {name: self._value(source) for name, source in wired.get("parameters", {}).items()}
        kinds = {"STRING": str, "NUMBER_INTEGER": (int, float), "NUMBER_DOUBLE": (int, float)}
        kinds |= {"BOOLEAN": bool, "LIST": list, "STRUCT": dict}  # type: ignore[dict-item]
        for name, each in declared.get("parameters", {}).items():
            assert name in values or "defaultValue" in each or each.get("isOptional"), f"{name} has no value"
            assert name not in values or isinstance(values[name], kinds[each["parameterType"]]), (name, values[name])
        artifacts = {
            name: {"artifacts": [_runtime(self._value(source))]} for name, source in wired.get("artifacts", {}).items()
        }
        return {"parameterValues": values, "artifacts": artifacts}

    def _outputs(self, task: str, declared: Mapping[str, Any]) -> dict[str, Any]:
        root = f"{self.bucket.uri}/v2/artifacts/{self.ir['pipelineInfo']['name']}/{self.run_id}/{task}/{uuid.uuid4()}"
        pod = self.folder / task
        return {
            "parameters": {name: {"outputFile": f"{pod}/outputs/{name}"} for name in declared.get("parameters", {})},
            "artifacts": {
                name: {"artifacts": [{"name": name, "type": each["artifactType"], "uri": f"{root}/{name}"}]}
                for name, each in declared.get("artifacts", {}).items()
            },
            "outputFile": f"{pod}/output_metadata.json",
        }

    def _value(self, source: Mapping[str, Any]) -> Any:
        if "runtimeValue" in source:
            constant = source["runtimeValue"]["constant"]
            return self.run_id if constant == "{{$.pipeline_job_uuid}}" else constant
        if "componentInputParameter" in source:
            name = source["componentInputParameter"].removeprefix("pipelinechannel--")
            return self.given.get(name, self.ir["root"]["inputDefinitions"]["parameters"][name]["defaultValue"])
        made = source.get("taskOutputParameter") or source["taskOutputArtifact"]
        return self.made[made["producerTask"]][made.get("outputParameterKey") or made["outputArtifactKey"]]

    def _execute(
        self, task: str, definition: dict[str, Any], container: dict[str, Any], message: dict[str, Any]
    ) -> Ended:
        pod = self.folder / task
        env = {each["name"]: each.get("value", "") for each in container.get("env", ())}
        # Of the launcher's own command; what it runs is behind it.
        carried = json.loads(expanded(json.dumps(_as_proto(message)), env))
        for listed in carried.get("inputs", {}).get("artifacts", {}).values():
            self._download(listed["artifacts"][0]["uri"], task)
        for name, each in definition.get("inputDefinitions", {}).get("parameters", {}).items():
            if each.get("defaultValue") is not None:
                carried["inputs"].setdefault("parameterValues", {}).setdefault(name, each["defaultValue"])
        command = [expanded(part, env) for part in container["command"] + container["args"]]
        status, log = self._pod(task, [_filled(part, carried) for part in command], env)
        if status:
            return Ended("failed", log)
        written = json.loads((pod / "output_metadata.json").read_text(encoding="utf-8"))
        for name, listed in carried["outputs"].get("artifacts", {}).items():
            artifact = {
                **listed["artifacts"][0],
                **written.get("artifacts", {}).get(name, {"artifacts": [{}]})["artifacts"][0],
            }
            self._upload(artifact["uri"], task)
            self.made.setdefault(task, {})[name] = {**artifact, "id": str(next(self.metadata.numbers)), "output": name}
        values = written.get("parameterValues", {})
        assert values.keys() == definition.get("outputDefinitions", {}).get("parameters", {}).keys()
        self.made.setdefault(task, {}).update(json.loads(json.dumps(_as_struct(values))))
        return Ended("succeeded", log)

    def _pod(self, task: str, command: list[str], env: Mapping[str, str]) -> tuple[int, str]:
        """Runs a command as it is, or what it comes to in a process that has the frameworks already. Returns status and log."""
        pod = self.folder / task
        (pod / "tmp").mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            **{name: expanded(value, env) for name, value in env.items()},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(self.folder), *sys.path]),
            "POD": str(pod),
            "TMPDIR": str(pod / "tmp"),
        }
        if not self.quick:
            ran = subprocess.run(
                command, cwd=pod / "tmp", env=environment, capture_output=True, text=True, timeout=300, check=False
            )
            return ran.returncode, ran.stdout + ran.stderr
        log = pod / "log.txt"
        root = str(Path(__file__).parents[3])
        if root not in sys.path:  # by which the process finds this module; tests put back what they find
            sys.path.append(root)
        process = warm().Process(target=executed, args=(command, environment, str(pod / "tmp"), str(log)))
        process.start()
        process.join(300)
        return process.exitcode if process.exitcode is not None else -1, log.read_text(encoding="utf-8")

    def _key(self, uri: str) -> str:
        return uri.removeprefix(f"{self.bucket.uri}/")

    def _download(self, uri: str, task: str) -> None:
        key = self._key(uri)
        for name, data in list(self.bucket.below(key)):
            if name == key or name.startswith(f"{key}/"):
                file = self._local(f"{self.bucket.uri}/{name}", task)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)

    def _upload(self, uri: str, task: str) -> None:
        place, top = self._local(uri, task), self._local(self.bucket.uri, task)
        for file in [place] if place.is_file() else [each for each in place.rglob("*") if each.is_file()]:
            self.bucket.put(file.relative_to(top).as_posix(), file.read_bytes())


@functools.cache
def warm() -> Any:
    """Returns what starts processes that have loaded what steps need, as `kfp.dsl.executor_main` has it in a pod."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.pipelines.kubeflow.loaded"])
    return context


def executed(command: list[str], environment: dict[str, str], folder: str, log: str) -> None:
    """Does what the shell command of a component does: writes its source to a file and calls KFP's executor on it."""
    shell, _, script, source, *arguments = command
    assert (shell, "kfp.dsl.executor_main" in script) == ("sh", True), script
    os.environ.clear()
    os.environ.update(environment, _KFP_RUNTIME="true")
    os.chdir(folder)
    tempfile.tempdir = None
    with open(log, "w", encoding="utf-8") as file:  # noqa: PTH123
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.stdout = sys.stderr = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    exec(MOUNTED)
    program = Path(tempfile.mkdtemp()) / "ephemeral_component.py"
    program.write_text(source, encoding="utf-8")
    sys.argv = ["executor_main", "--component_module_path", str(program), *arguments]
    from kfp.dsl import executor_main  # noqa: PLC0415

    try:
        executor_main.executor_main()
    finally:
        sys.stdout.flush()


def argo(task: dict[str, Any]) -> dict[str, Any]:
    """Returns a task as it is once Argo has put in what tags of its own stand for. Raises ValueError as Argo refuses others."""

    def replaced(found: re.Match[str]) -> str:
        tag = found[1].strip()
        if tag in KNOWN:
            return KNOWN[tag]
        if tag.startswith(OWN) or tag.startswith("="):
            raise ValueError(f"failed to resolve {{{{{tag}}}}}")
        return found[0]

    made: dict[str, Any] = json.loads(re.sub(r"\{\{(.*?)\}\}", replaced, json.dumps(task)))
    return made


def expanded(text: str, env: Mapping[str, str]) -> str:
    """Returns an argument of a container as Kubernetes passes it on."""

    def one(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name = found[1]
        return env.get(name, found[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", one, text)


def _filled(argument: str, message: dict[str, Any]) -> str:
    """Returns an argument as the launcher passes it on: the message first, and then placeholders, those in it too."""
    argument = argument.replace("{{$}}", json.dumps(message))
    for name, value in message.get("inputs", {}).get("parameterValues", {}).items():
        text = value if isinstance(value, str) else json.dumps(value)
        argument = argument.replace(f"{{{{$.inputs.parameters['{name}']}}}}", text)
    return argument


def _runtime(artifact: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an artifact as the driver gives it to a task that reads it."""
    metadata = {"display_name": artifact["output"], "store_session_info": "{}"}
    for name, value in artifact.get("metadata", {}).items():
        metadata[name] = (
            {"list": value} if isinstance(value, list) else {"struct": value} if isinstance(value, dict) else value
        )
    return {"name": artifact["id"], "type": {"instanceSchema": ""}, "uri": artifact["uri"], "metadata": metadata}


def _as_proto(message: dict[str, Any]) -> dict[str, Any]:
    """Returns an ExecutorInput as protojson writes it: every number a float, nothing that is empty."""
    parsed = json_format.ParseDict(message, pipeline_spec_pb2.ExecutorInput())
    found: dict[str, Any] = json_format.MessageToDict(parsed)
    return found


def _as_struct(values: Mapping[str, Any]) -> Any:
    if isinstance(values, Mapping):
        return {name: _as_struct(value) for name, value in values.items()}
    return float(values) if isinstance(values, int) and not isinstance(values, bool) else values


def _key(inputs: Mapping[str, Any], outputs: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """Returns what a task is looked up by in KFP's cache."""
    decides = {
        "artifacts": {name: [each["name"] for each in one["artifacts"]] for name, one in inputs["artifacts"].items()},
        "values": inputs["parameterValues"],
        "outputs": {name: one["artifacts"][0]["type"] for name, one in outputs["artifacts"].items()},
        "parameters": sorted(outputs["parameters"]),
        "container": [container["image"], container["command"], container["args"]],
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
