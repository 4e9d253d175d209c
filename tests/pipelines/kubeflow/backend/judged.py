"""Pipelines in which gates judge a model before it is pushed: as they are compiled now, and as earlier versions compiled them."""

from pathlib import Path
from typing import Any

import yaml

from stellwerk.components.sdk import compiler, dsl

IMAGE = "registry.example/stellwerk:0.1.0"


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train(model: dsl.Output[dsl.Model]) -> None:
    print(model)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def evaluate(model: dsl.Input[dsl.Model], evaluation_page: dsl.Output[dsl.HTML]) -> bool:
    return bool(model and evaluation_page)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def rehearse(model: dsl.Input[dsl.Model], blessed: bool, rehearsal_page: dsl.Output[dsl.HTML]) -> bool:
    return bool(model and rehearsal_page and blessed)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def push(model: dsl.Input[dsl.Model], may: bool) -> None:
    print(model, may)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def summarise() -> None:
    print("done")


def _steps() -> Any:
    trained = train()
    judged = evaluate(model=trained.outputs["model"])
    return trained, rehearse(model=trained.outputs["model"], blessed=judged.outputs["Output"])


@dsl.pipeline(name="flight-delays", description="Predicts 'late' (binary) from 9 features.")
def flat() -> None:
    trained, rehearsed = _steps()
    push(model=trained.outputs["model"], may=rehearsed.outputs["Output"])


@dsl.pipeline(name="flight-delays")
def grouped() -> None:
    with dsl.ExitHandler(summarise()):
        trained, rehearsed = _steps()
        with dsl.If(rehearsed.outputs["Output"] == True):  # noqa: E712 - what KFP reads
            push(model=trained.outputs["model"], may=rehearsed.outputs["Output"])


def compiled(form: str, folder: Path) -> Path:
    """Compiles one of both forms. The flat one has its condition on the task of push itself, and names nothing that its inputs say."""
    path = folder / f"{form}.yaml"
    compiler.Compiler().compile({"flat": flat, "grouped": grouped}[form], str(path))
    if form == "flat":
        spec = yaml.load(path.read_text(), yaml.CSafeLoader)
        tasks = spec["root"]["dag"]["tasks"]
        for task in tasks.values():
            task.pop("dependentTasks", None)
        tasks["push"]["triggerPolicy"] = {"condition": "inputs.parameter_values['may'] == true"}
        path.write_text(yaml.safe_dump(spec))
    return path
