"""The step push: copies a blessed model to the next version of its folder, with what made it."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import folder_digest, read_json, write_json, written_aside
from stellwerk.components.deployment.placing import exclusive, place, remove_leftovers
from stellwerk.components.deployment.versions import versions
from stellwerk.errors import GateRefused, StepFailed
from stellwerk.spec import Push

REASONS = {
    errno.ENOSPC: "the disk is full. Make room",
    errno.EDQUOT: "the quota is used up. Make room",
    errno.EROFS: "the file system is read-only. Choose another push.to",
    errno.EACCES: "it may not be written by this user. Change its permissions, or choose another push.to",
    errno.EPERM: "it may not be written by this user. Change its permissions, or choose another push.to",
    errno.ENOTDIR: "a part of the path is a file. Choose another push.to",
    errno.EEXIST: "there is a file of that name. Choose another push.to",
}


def push(
    *,
    name: str,
    push_to: Push,
    directory: Path,
    model: Path,
    evaluation: Path,
    blessing: Path,
    context: dict[str, str],
    pushed_model: Path,
) -> None:
    """Copies the model to `<to>/<name>/<next number>/` and writes PushedModel: where, which version, whether it is new.

    Raises GateRefused when the model is not blessed. A model that already is the newest version is not pushed again;
    nothing there is ever overwritten. `context` says what run pushes (run, spec digest, time) and goes into
    `provenance.json` as it is.
    """
    verdict = _read(blessing / "blessing.json")
    if not verdict["blessed"]:
        raise _refused(verdict)
    if not (model / "saved_model.pb").is_file():
        raise StepFailed(f"{model}: no model to push: there is no saved_model.pb in it. Train again")
    folder = _folder(push_to, directory) / name
    digest = folder_digest(model)
    provenance = {
        "name": name,
        "model_digest": digest,
        "model": _read(model / "assets.extra" / "stellwerk.json"),
        **_overall(_read(evaluation / "evaluation.json")),
        "blessing": verdict,
        "context": context,
    }
    try:
        path, new = _pushed(model, folder, digest, provenance)
    except OSError as error:
        reason = REASONS.get(error.errno or 0, f"{error.strerror or error}")
        raise StepFailed(f"push.to: {folder}: {reason}. Nothing was pushed") from error
    with written_aside(pushed_model) as aside:
        pushed = {"path": str(path), "version": int(path.name), "model_digest": digest, "new": new}
        write_json(aside / "pushed.json", pushed)


def _pushed(model: Path, folder: Path, digest: str, provenance: dict[str, Any]) -> tuple[Path, bool]:
    """Returns the folder of the version that is this model, and whether it is a new one."""
    with exclusive(folder):
        remove_leftovers(folder)
        there = versions(folder)
        if there and there[-1].model_digest == digest:
            return there[-1].path, False
        return place(model, folder, digest, provenance), True


def _folder(push_to: Push, directory: Path) -> Path:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", push_to.to):
        raise StepFailed(
            f"push.to: '{push_to.to}' is a URI, and this version pushes to folders only. "
            "Give a folder; a mounted bucket is one too"
        )
    return (directory / Path(push_to.to).expanduser()).resolve()


def _refused(verdict: dict[str, Any]) -> GateRefused:
    sentences = [requirement["sentence"] for requirement in verdict["requirements"] if not requirement["ok"]]
    return GateRefused("The model is not blessed, so it is not pushed. " + " ".join(sentences))


def _overall(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Returns the metrics of the whole test split and how many examples it has."""
    whole: dict[str, Any] = next((one for one in evaluation["slices"] if not one["slice"]), {"metrics": {}})
    return {"metrics": whole["metrics"], "examples": whole.get("examples")}


def _read(path: Path) -> Any:
    try:
        return read_json(path)
    except (OSError, ValueError) as error:
        raise StepFailed(f"{path}: cannot be read ({error}). Run the step that writes it again") from error
