"""The steps as components of their own: what each takes and gives, and the definition that KFP loads without Stellwerk.

python -m stellwerk.pipelines.kubeflow.catalogue > docs/components.md
stellwerk components -o docs/components
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from stellwerk import components
from stellwerk.components.artifacts.folders import write_text
from stellwerk.components.face import IMAGE
from stellwerk.errors import UsageError, did_you_mean
from stellwerk.pipelines.kubeflow.writing import text_of, with_meanings, without_docstrings
from stellwerk.spec.documentation import heading, sections
from stellwerk.steps import DECLARED, NAMES, STEPS, Step

HEAD = f"""\
# Components

The steps of a pipeline, each a component of Kubeflow Pipelines that works in anyone's own `@dsl.pipeline`. This page is made
from their faces, `components/*/component.py`: change those, then run `make docs`.

```python
from kfp import dsl
from stellwerk.components import ingest, validate


@dsl.pipeline
def check_flights(directory: str = "/data"):
    target = {{"column": "late", "type": "binary"}}
    rows = ingest(
        data={{"sources": {{"flights": {{"path": "flights.csv"}}}}, "split": {{"by": "hash", "key": ["tailnum"]}}}},
        directory=directory,
        numbers=["distance"],
        target=target,
    )
    validate(settings={{}}, target=target, examples=rows.outputs["examples"])
```

- **Image.** Every component runs in `{IMAGE}`; `task.set_container_image(...)` names another. Nothing is installed when it runs.
- **Sections.** A parameter that is a section of the spec takes what that section may hold, as a dict; its short forms too. None
  cannot travel: leave such a key out. Whole numbers, which KFP makes floats inside a dict, are made whole again.
- **Without Stellwerk.** `kfp.components.load_component_from_file("docs/components/ingest.yaml")` gives the same component to a
  pipeline whose author has not installed it. `stellwerk components -o FOLDER --image IMAGE` writes the definitions for your image.
- **Signs.** Kubernetes and Argo read `$$`, `$(NAME)` and `{{{{name}}}}` in what a step is given as their own. A value with such signs, a query
  for example, arrives as it is from `stellwerk.components.escaping.marked(value)`; compiled specs are marked already.
- **Dashboard.** `ingest_page` and its like are for [the dashboard](guides/dashboard.md), and so is the metadata of `history`, `blessing`,
  `rehearsal` and `evaluation`; no step reads them.
- **The cache.** Without `resolve` before it, `ingest` is taken from KFP's cache whenever its parameters are the same, whatever lies at the
  paths: give it `identity=resolve(...).outputs["identity"]`, and turn the cache off for `resolve` (`task.set_caching_options(False)`).
- **Alone on this machine.** `kfp.local.SubprocessRunner(use_venv=False)` runs them as they are. KFP 2.13 has to be
  given there what may be left out on every cluster, artifacts and numbers alike.
"""

TYPES = {
    "Dict": "dict",
    "List": "list",
    "String": "str",
    "Integer": "int",
    "Float": "float",
    "Boolean": "bool",
}
"""What KFP calls the types of parameters, as Python has them."""

WRITTEN = {"push.variants": "push.formats"}
"""What is worked out of a key of the spec, and that key."""


def write_definitions(folder: Path, image: str = IMAGE, steps: Sequence[str] = ()) -> list[Path]:
    """Writes `<step>.yaml` into `folder` for each of `steps`, by default all, and returns where they are.

    Raises UsageError for a step that there is not, and where the folder cannot be written.
    """
    for step in steps:
        if step not in STEPS:
            raise UsageError(f"no component '{step}'.{did_you_mean(step, NAMES)} Components: {', '.join(NAMES)}.")
    written = []
    for step in steps or NAMES:
        written.append(folder / f"{step}.yaml")
        try:
            write_text(written[-1], definition(step, image))
        except OSError as error:
            raise UsageError(f"{written[-1]}: cannot be written: {error.strerror or error}.") from error
    return written


def definition(step: str, image: str = IMAGE) -> str:
    """Returns the component of a step as YAML, as `kfp.components.load_component_from_text` reads it."""
    return text_of([without_docstrings(_described(step, image))])


def _described(step: str, image: str) -> dict[str, Any]:
    face = getattr(components, step)
    spec = with_meanings(json_format.MessageToDict(face.pipeline_spec))
    for executor in spec["deploymentSpec"]["executors"].values():
        executor["container"]["image"] = image
    spec["pipelineInfo"]["description"] = STEPS[step].sentence
    return spec


def page() -> str:
    """Returns the catalogue as Markdown: a section for each component."""
    return "\n".join([HEAD, *_at_a_glance(), *("\n".join(_component(step)) for step in NAMES)])


def _at_a_glance() -> Iterator[str]:
    """Yields what holds for each step in every spec, as a table."""
    yield "| step | in a spec with | gate | on Beam | loads TensorFlow | may use an accelerator | from a cache |"
    yield "|---|---|---|---|---|---|---|"
    for step in DECLARED:
        gate = f"`{step.gate.artifact}`" if step.gate is not None else "refuses" if step.heeds else ""
        marks = ("yes" if each else "" for each in (step.beam, step.tensorflow, step.accelerator, step.cached))
        yield f"| `{step.name}` | {_in_a_spec_with(step)} | {gate} | {' | '.join(marks)} |"
    yield ""


def _in_a_spec_with(step: Step) -> str:
    if step.when != "always":
        return f"any, on Kubeflow only: it runs {step.when}"
    return f"`{WRITTEN.get(step.requires, step.requires)}`" if step.requires else "any"


def _component(step: str) -> Iterator[str]:
    face = getattr(components, step)
    kinds = _described(step, IMAGE)["components"][f"comp-{step}"]["outputDefinitions"].values()
    told = {name: output["description"] for outputs in kinds for name, output in outputs.items()}
    yield f"## {step}\n"
    yield f"{STEPS[step].sentence} [Definition](components/{step}.yaml).\n"
    yield "| input | type | default | meaning |"
    yield "|---|---|---|---|"
    for name, given in face.component_spec.inputs.items():
        default = "left out" if given.optional and given.default is None else "required"
        default = f"`{given.default!r}`" if given.default is not None else default
        yield f"| `{name}` | {_type(given.type)} | {default} | {_linked(given.description)} |"
    yield ""
    yield "| output | type | meaning |"
    yield "|---|---|---|"
    for name, made in face.component_spec.outputs.items():
        yield f"| `{name}` | {_type(made.type)} | {told[name]} |"
    yield ""


def _type(name: str) -> str:
    kind = name.partition("@")[0]
    return f"`{TYPES[kind]}`" if kind in TYPES else kind.removeprefix("system.")


def _linked(meaning: str) -> str:
    """Makes `Section x of the spec` a link to what it may hold: to each kind of it where there are several."""
    found = re.search(r"(?<=[Ss]ection )`([\w.]+)`", meaning)
    if found is None:
        return meaning
    titles = [heading(path, section) for path, section in sections() if path in (found[1], f"{found[1]}.<name>")]
    if len(titles) == 1:
        return meaning.replace(found[0], f"[{found[0]}](spec.md#{_anchor(titles[0])})")
    kinds = [f"[{title.split()[-1].strip('`')}](spec.md#{_anchor(title)})" for title in titles]
    return f"{meaning.rstrip('.')}, by type: {', '.join(kinds)}."


def _anchor(title: str) -> str:
    """Returns the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


if __name__ == "__main__":
    sys.stdout.write(page())
