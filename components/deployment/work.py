"""The step push: a blessed model becomes the newest version where it is served from, with what made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stellwerk import __version__
from stellwerk.components.artifacts.folders import digests, overall, read_json, write_json, written_aside
from stellwerk.components.artifacts.verdicts import check_about
from stellwerk.components.deployment.damage import beside
from stellwerk.components.deployment.rollouts import roll_out
from stellwerk.components.deployment.targets import target
from stellwerk.components.deployment.versions import STATISTICS
from stellwerk.components.lineage.code import code_digest
from stellwerk.errors import GateRefused, StepFailed
from stellwerk.serving.manifests import Manifest, Release, as_yaml, manifests
from stellwerk.serving.runtimes.description import VARIANTS
from stellwerk.spec import Push


def push(
    *,
    name: str,
    push_to: Push,
    directory: Path,
    model: Path,
    evaluation: Path,
    blessing: Path,
    context: dict[str, Any],
    pushed_model: Path,
    rehearsal: Path | None = None,
    statistics: Path | None = None,
    resolved: dict[str, str] | None = None,
) -> None:
    """Copies the model to `<to>/<name>/<next number>/` and writes PushedModel: where, which version, whether it is new.

    `statistics`, those of the data, lie in the version too: later runs are compared with them.
    Raises GateRefused when the model is not blessed, did not pass its rehearsal, or is not the one that these are about. What was
    written is read back. A model that already is the newest version, undamaged, is not pushed again; nothing there is ever overwritten. `context` says what run pushes (run, spec digest, time), `resolved`
    by what later runs know data and training again; both go into `provenance.json` as they are. Then the servers that `push_to` names are brought to the version; PushedModel is
    there before, with their manifests, so that it says what is pushed where a cluster refuses (StepFailed).
    """
    verdict = _read(blessing / "blessing.json")
    if not verdict["blessed"]:
        raise _refused("The model is not blessed, so it is not pushed.", verdict)
    rehearsed = None if rehearsal is None else _read(rehearsal / "rehearsal.json")
    if rehearsed is not None and not rehearsed["passed"]:
        raise _refused("The model did not pass its rehearsal, so it is not pushed.", rehearsed)
    if not (model / "saved_model.pb").is_file():
        raise StepFailed(f"{model}: no model to push: there is no saved_model.pb in it. Train again")
    files = digests(model)
    digest = overall(files)
    check_about(verdict, digest, "blessing")
    if rehearsed is not None:
        check_about(rehearsed, digest, "rehearsal")
    provenance = {
        "name": name,
        "model_digest": digest,
        "trained_digest": overall(files, without=VARIANTS),
        "files": {**files, **({} if statistics is None else beside(STATISTICS, digests(statistics)))},
        "model": _read(model / "assets.extra" / "stellwerk.json"),
        **_overall(_read(evaluation / "evaluation.json")),
        "blessing": verdict,
        **({} if rehearsed is None else {"rehearsal": rehearsed}),
        "code": {"stellwerk": __version__, "digest": code_digest()},
        "context": context,
        **({} if resolved is None else {"resolved": resolved}),
    }
    placed = target(push_to.to, directory, name).push(model, digest, provenance, statistics)
    pushed = {"path": placed.path, "version": placed.version, "model_digest": digest, "new": placed.new}
    release = Release(name, placed.version, digest)
    made = manifests(push_to, release)
    _write(pushed_model, pushed, made)
    if push_to.servers:
        pushed["deployed"] = roll_out(push_to, release, made, placed.path)
        write_json(pushed_model / "pushed.json", pushed)


def _write(pushed_model: Path, pushed: dict[str, Any], made: dict[str, Manifest]) -> None:
    with written_aside(pushed_model) as aside:
        write_json(aside / "pushed.json", pushed)
        for file, manifest in made.items():
            (aside / "manifests").mkdir(exist_ok=True)
            (aside / "manifests" / file).write_text(as_yaml(manifest), encoding="utf-8")


def _refused(why: str, verdict: dict[str, Any]) -> GateRefused:
    sentences = [requirement["sentence"] for requirement in verdict["requirements"] if not requirement["ok"]]
    return GateRefused(" ".join([why, *sentences]))


def _overall(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Returns the metrics of the whole test split, how many examples it has, and what data all of it comes from."""
    whole: dict[str, Any] = next((one for one in evaluation["slices"] if not one["slice"]), {"metrics": {}})
    data = {"data": evaluation["data"]} if "data" in evaluation else {}
    return {"metrics": whole["metrics"], "examples": whole.get("examples"), **data}


def _read(path: Path) -> Any:
    try:
        return read_json(path)
    except (OSError, ValueError) as error:
        raise StepFailed(f"{path}: cannot be read ({error}). Run the step that writes it again") from error
