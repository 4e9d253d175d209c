"""What there is to say of a step: the form of a declaration, in values that load nothing.

Code that belongs to a step is named by its import path, so that whoever reads declarations imports none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["Artifact", "Dataset", "Model", "Metrics", "ClassificationMetrics", "HTML"]
"""Types of artifacts, as Kubeflow calls them."""
World = Literal["sources", "weights", "models"]
"""What lies outside a pipeline: where its data come from and weights that networks begin with, and where its models are pushed to."""
When = Literal["always", "first", "last"]
"""In the graph of every engine; or on a cluster only, before all steps of the graph, or when what it reads is there."""


@dataclass(frozen=True)
class Output:
    """An artifact. Its name is its own: no two steps write artifacts of one name."""

    name: str
    kind: Kind = "Artifact"
    title: str = ""
    """What it is called in the report's picture of what was made from what; without a title it is not in it."""
    within: str = ""
    """The artifact of the step's face that holds it: each is a box of the dashboard."""
    face: str = ""
    """What the face calls it, where that is another name."""
    rows: bool = False
    """Whether steps can read it where it lies: its maker returns the URI, and readers take it as `<argument>_uri`."""

    @property
    def shown(self) -> str:
        """The artifact of the face that it is, or that it is in."""
        return self.within or self.face or self.name


@dataclass(frozen=True)
class Gate:
    """A verdict that a step writes, and what follows from it."""

    artifact: str
    said: str = ""
    """Key of `<artifact>.json` in it that says whether the model passed. A gate without one raises GateRefused itself."""
    refusal: str = ""
    """What a run says whose pipeline pushes nothing, so that no push refuses."""
    when: tuple[str, str] = ("", "")
    """The gate refuses only where this key of the spec has this value; empty for always."""


@dataclass(frozen=True)
class Change:
    """A single value that a run may give in the place of the one in the spec."""

    argument: str
    """What the face calls it."""
    place: tuple[str, ...]
    """Where it goes: an argument of the work, and keys inside it."""
    spec: str
    """Keys of the spec that it takes the place of."""
    kind: type
    parameter: str = ""
    """What the compiled pipeline calls it, where that is another name."""
    left_open: bool = False
    """Whether a spec may leave it to the number of rows: 0 stands for that in a compiled pipeline."""


@dataclass(frozen=True)
class Shows:
    """What the dashboard shows of a step, and a notebook."""

    page: str
    """Output of the face: a page in HTML."""
    view: str
    """Import path of the function that makes the page of what was read: `module:function`."""
    sections: tuple[str, ...]
    """Of the report, in this order."""
    gates: tuple[str, ...] = ()
    """Of the section `gates`: data, model."""
    scalars: str = ""
    """Artifact that is given numbers as metadata, which the dashboard draws."""
    curves: str = ""
    """Artifact that is given ROC curve and confusion matrix."""


@dataclass(frozen=True)
class Step:
    """One step, as everything that knows steps reads it."""

    name: str
    sentence: str
    """What it does, for people; its face says the same."""
    package: str
    """The package of its code: `work` does the work, a function with the step's name; `component` is the face, as KFP knows it."""
    requires: str = ""
    """Keys of the spec that must say something, or the spec has no such step."""
    when: When = "always"
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Arguments that count in the cache key: keys of the spec, or `module:function`, which is given the loaded spec."""
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Arguments that are artifacts: of those named the first that the graph has. One that it has not at all is left out."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Arguments that are files of the user, and the keys of the spec that name them; left out while there is no such file."""
    earlier: Mapping[str, str] = field(default_factory=dict)
    """Arguments that come from earlier runs, and the keys of the spec that must ask for it; empty for always."""
    context: tuple[str, ...] = ()
    """Arguments that an engine fills and that count in no key: `directory`, `context`, `run`, `spec`."""
    found: tuple[str, ...] = ()
    """Arguments of the face that the cluster's first step found out."""
    outputs: tuple[Output, ...] = ()
    aside: tuple[Output, ...] = ()
    """What the face writes besides, on a cluster only; the work knows nothing of it."""
    changes: tuple[Change, ...] = ()
    told: tuple[str, ...] = ()
    """Changes of other steps that it is told too, because they decide what the model is."""
    gate: Gate | None = None
    heeds: bool = False
    """Whether it lets pass only a model that passed every gate, and refuses every other."""
    admits: str = ""
    """Artifact of a gate that it refuses by on a cluster: of a step that fails the dashboard keeps nothing."""
    world: tuple[World, ...] = ()
    """What of the world outside it reaches; the first step of the graph that does is the one whose settings say how."""
    cached: bool = True
    """Whether a result may come from a cache: it sees paths, and not what is outside at the moment."""
    beam: bool = False
    """Whether its passes over the data can be jobs of Apache Beam."""
    tensorflow: bool = True
    """Whether it loads TensorFlow; one that does not, does not wait for it."""
    accelerator: bool = False
    """Whether it may use an accelerator."""
    tells: tuple[Literal["start", "end"], ...] = ()
    """On a cluster: whether it tells the start, or the end, of the whole run to who listens to lineage."""
    shows: Shows | None = None

    @property
    def work(self) -> str:
        """Import path of the module that does the work."""
        return f"{self.package}.work"

    @property
    def face(self) -> str:
        """Import path of the module of its KFP face."""
        return f"{self.package}.component"

    @property
    def wrote(self) -> tuple[str, ...]:
        """Names of the artifacts of its work."""
        return tuple(output.name for output in self.outputs)
