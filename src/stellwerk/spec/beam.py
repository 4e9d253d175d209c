"""The section `beam`: steps whose passes over the data run on Apache Beam, where a cluster for it exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from stellwerk.section import IDENTIFIER, Contradiction, Section, without_credentials
from stellwerk.spec.places import scheme_of
from stellwerk.steps import ON_BEAM

Runner = Literal["FnApiRunner", "PortableRunner", "FlinkRunner", "SparkRunner", "DataflowRunner"]
if TYPE_CHECKING:
    BeamStep = str
else:  # a type checker does not count them, Pydantic and its messages do
    BeamStep = Literal[ON_BEAM]
OptionName = Annotated[str, StringConstraints(pattern=IDENTIFIER)]
Option = bool | int | float | str | tuple[str, ...]

DATAFLOW_NEEDS = ("project", "region", "temp_location")

_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE_KEY|ACCESS_KEY|API_?KEY|CONNECTION_STRING", re.IGNORECASE)
_ENDPOINT = re.compile(r"[^\s:/@]+:[0-9]{1,5}")
_CLUSTERS = ("gs", "s3", "hdfs")


class Beam(Section):
    """Steps that read their data on Apache Beam's workers instead of on this machine's cores; the results are the same. It pays
    where the data are too many for one machine: below that, a step here is done before a job on a cluster has begun.
    """  # noqa: D205 - one paragraph, as the reference shows it

    EXAMPLE: ClassVar[str] = """\
beam:
  runner: PortableRunner
  options: {job_endpoint: "flink-job-server:8099", environment_type: EXTERNAL, environment_config: "localhost:50000", parallelism: 8}
  steps: [validate, transform]
"""

    runner: Runner
    """Who runs the jobs. FnApiRunner: Beam's own, in the step's process; PortableRunner: a job service that runs already, at `options.job_endpoint`; FlinkRunner and SparkRunner: a job server that Beam starts with Java beside the step; DataflowRunner: Google Cloud."""
    options: dict[OptionName, Option] = {}
    """Beam's own pipeline options, by their names. No secrets: who a job runs as, the environment says."""
    steps: Annotated[tuple[BeamStep, ...], Field(min_length=1)] = ON_BEAM
    """Steps that run on Beam; the others run as without this section."""
    shared: str | None = None
    """Folder or URI (gs://, s3://, hdfs://) that the steps and the workers both see: what workers read is copied there first, and what they make is fetched from there. Without it the workers must see the artifacts by the same paths as the steps, on a volume that is mounted everywhere."""
    worker_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    """So many seconds after a job was taken a worker must have come up, else the job is cancelled and the step says what to look at: a runner itself waits for a worker without end. Dataflow sees to it by itself."""

    @model_validator(mode="after")
    def _can_be_run(self) -> Beam:
        found = [*self._secrets(), *self._of_the_runner(), *self._unshared()]
        if found:
            raise Contradiction(*found)
        return self

    def _secrets(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for name, value in self.options.items():
            if _SECRET.search(name):
                yield (
                    ("options", name),
                    "looks like a secret, and everybody can read a spec. Give it in the environment",
                )
            for text in value if isinstance(value, tuple) else (value,):
                try:
                    without_credentials(str(text))
                except ValueError as error:
                    yield ("options", name), str(error)

    def _of_the_runner(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if "runner" in self.options:
            yield ("options", "runner"), "is said beside the options already: beam.runner. Remove it here"
        endpoint = self.options.get("job_endpoint")
        if endpoint is None and self.runner == "PortableRunner":
            yield ("options",), "must say job_endpoint: HOST:PORT for runner: PortableRunner"
        if endpoint is not None and not _ENDPOINT.fullmatch(str(endpoint)):
            yield ("options", "job_endpoint"), f"must be HOST:PORT. Received: {endpoint!r}"
        if self.runner == "DataflowRunner":
            for name in DATAFLOW_NEEDS:
                if name not in self.options:
                    yield ("options",), f"must say {name} for runner: DataflowRunner"

    def _unshared(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        scheme = scheme_of(self.shared or "")
        if self.runner == "DataflowRunner" and scheme != "gs":
            yield ("shared",), "must be gs://BUCKET/FOLDER for runner: DataflowRunner, whose workers see nothing else"
        elif self.shared is not None and scheme not in _CLUSTERS and not self.shared.startswith("/"):
            known = ", ".join(f"{one}://" for one in _CLUSTERS)
            yield ("shared",), f"must be a path from the root, or begin with {known}. Received: {self.shared!r}"
        elif self.shared is not None:
            try:
                without_credentials(self.shared)
            except ValueError as error:
                yield ("shared",), str(error)

    def apart(self, step: str) -> bool:
        """Tells whether the workers of a step are other processes than the step."""
        elsewhere = self.runner != "FnApiRunner" and self.options.get("environment_type") != "LOOPBACK"
        return step in self.steps and elsewhere

    @property
    def endpoint(self) -> str | None:
        """HOST:PORT of the job service that jobs are sent to, where there is one already."""
        given = self.options.get("job_endpoint")
        return None if given is None else str(given)
