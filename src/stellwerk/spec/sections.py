"""The smaller sections: `validate` and `cluster`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stellwerk.spec.section import MEMORY, Section


class Comparator(Section):
    """How far a column's distribution may move. TFDV's own comparators."""

    EXAMPLE: ClassVar[str] = """\
validate:
  drift: {distance: {jensen_shannon: 0.05}}
"""

    l_infinity: Annotated[float, Field(gt=0, le=1)] | None = None
    """Texts and whole-number categories: largest change of any value's share."""
    jensen_shannon: Annotated[float, Field(gt=0, le=1)] | None = None
    """Numbers and categories: Jensen-Shannon divergence of the two distributions."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Comparator:
        if (self.l_infinity is None) == (self.jensen_shannon is None):
            raise ValueError("give exactly one of l_infinity and jensen_shannon")
        return self


class Validate(Section):
    """What the data must look like before anything is learned from it."""

    EXAMPLE: ClassVar[str] = """\
validate:
  schema: schema.pbtxt
  on_anomaly: fail
  skew: {carrier: {l_infinity: 0.05}}
"""

    schema_: Annotated[str | None, Field(alias="schema")] = None
    """Curated TFDV schema (`.pbtxt`), relative to the spec; inferred from the train split while the file does not exist. `stellwerk schema` writes it."""
    on_anomaly: Literal["fail", "warn"] = "fail"
    """fail: an anomaly stops the run before training (exit 1); warn: it is only reported."""
    skew: dict[str, Comparator] = {}
    """How far the eval and test splits may differ from the train split, by column."""
    drift: dict[str, Comparator] = {}
    """How far the train split may differ from that of the last run that passed, by column."""


class Resources(Section):
    """What one step may use on the cluster."""

    EXAMPLE: ClassVar[str] = """\
cluster:
  image: registry.example/stellwerk:0.1.0
  resources:
    train: {cpu: 4, memory: 16G, gpu: 1}
"""

    cpu: Annotated[float, Field(gt=0)] | None = None
    """CPU cores."""
    memory: Annotated[str, Field(pattern=MEMORY)] | None = None
    """Memory, e.g. 16G."""
    gpu: Annotated[int, Field(ge=1)] | None = None
    """Number of accelerators."""


class Cluster(Section):
    """Only for Kubeflow; `stellwerk run` ignores it."""

    EXAMPLE: ClassVar[str] = """\
cluster: {image: "registry.example/stellwerk:0.1.0"}
"""

    image: str
    """Container image with Stellwerk's runtime in it."""
    resources: dict[
        Literal["ingest", "validate", "transform", "train", "convert", "evaluate", "rehearse", "push"], Resources
    ] = {}
    """What each step may use."""
