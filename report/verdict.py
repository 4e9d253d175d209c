"""What happened, or what one gate said, in one sentence that a manager understands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stellwerk.report.dataset import Data
from stellwerk.report.judging import Blessing, Pushed
from stellwerk.report.reading import Anomaly, History, Missing, Run, Step
from stellwerk.report.rehearsed import Rehearsal
from stellwerk.report.training import story
from stellwerk.report.wording import clipped, duration, measure, several, signed
from stellwerk.steps import maker


@dataclass(frozen=True)
class Verdict:
    """The outcome of a run: a status that the page colours, two or three words, and a sentence."""

    status: str
    headline: str
    sentence: str


def verdict(
    run: Run,
    blessing: Blessing | Missing,
    pushed: Pushed | Missing,
    anomalies: Sequence[Anomaly] | Missing,
    rehearsal: Rehearsal | Missing,
) -> Verdict:
    """Returns what a reader must know first about `run`."""
    if run.status == "done":
        return _done(run, blessing, pushed)
    if run.status == "refused":
        return _refused(run, blessing, anomalies, rehearsal)
    if run.status == "failed":
        return _failed(run)
    if run.status == "killed":
        step = _last(run, "killed") or _last(run, "running")
        during = f" during {step.name}" if step else ""
        return Verdict(
            "failed", "Stopped", f"The run was stopped{during}. Start it again and it continues where it stopped."
        )
    finished = sum(step.status in ("done", "cached") for step in run.steps)
    now = " and ".join(step.name for step in run.steps if step.status == "running")
    doing = f", now in {now}" if now else ""
    return Verdict("running", "Running", f"{finished} of {several(len(run.steps), 'step')} finished{doing}.")


def _failed(run: Run) -> Verdict:
    """Says what went wrong and what to try: what finished is kept, so that mending costs only the rest."""
    step = _last(run, "failed")
    why = _first_sentence((step and step.error) or run.error or "It gave no reason.")
    stop = "" if why.endswith((".", "!", "?", "…")) else "."
    if step is None:
        return Verdict("failed", "Failed in the run", f"{why}{stop} Once that is mended, run the same spec again.")
    kept = "steps that finished are taken from the cache, and it begins again there."
    what = f"The end of the log of {step.name} is under Pipeline. Once that is mended, run the same spec again: {kept}"
    return Verdict("failed", f"Failed in {step.name}", f"{why}{stop} {what}")


def _done(run: Run, blessing: Blessing | Missing, pushed: Pushed | Missing) -> Verdict:
    took = f" in {duration(run.seconds)}" if run.seconds is not None else ""
    if isinstance(blessing, Missing):
        return Verdict("done", "Finished", f"All steps finished{took}; no evaluation judged the model.")
    met = _met(blessing)
    if not isinstance(pushed, Missing):
        again = "" if pushed.new else ", which was there already"
        return Verdict("done", "Blessed and pushed", f"{met} and is published as version {pushed.version}{again}.")
    unpublished = f" It was not published: {_lower(pushed.why)}" if pushed.why else ""
    return Verdict("done", "Blessed", f"{met}.{unpublished}")


def _met(blessing: Blessing) -> str:
    asked = len(blessing.requirements)
    return "The model had no requirements to meet" if not asked else f"The model met {_all(asked)}"


def _all(number: int) -> str:
    return {1: "its requirement", 2: "both requirements"}.get(number, f"all {number:,} requirements")


def _refused(
    run: Run,
    blessing: Blessing | Missing,
    anomalies: Sequence[Anomaly] | Missing,
    rehearsal: Rehearsal | Missing,
) -> Verdict:
    gate = _last(run, "refused")
    if gate is not None and gate.name == maker("anomalies"):
        if isinstance(anomalies, Missing) or not anomalies:
            return Verdict("refused", "Refused by the data gate", _first_sentence(gate.error or run.error or ""))
        found = several(len(anomalies), "anomaly", "anomalies")
        return Verdict(
            "refused",
            "Refused by the data gate",
            f"The data has {found}, {_where(anomalies)}. No model was trained on it.",
        )
    if not isinstance(rehearsal, Missing) and rehearsal.refused:
        first = _first_sentence(rehearsal.refused[0].sentence)
        return Verdict("refused", "Did not pass its rehearsal", f"{first} Nothing was published.")
    if isinstance(blessing, Missing) or not blessing.refused:
        name = gate.name if gate else "a gate"
        return Verdict("refused", f"Refused by {name}", _first_sentence((gate and gate.error) or run.error or ""))
    return _not_blessed(blessing, " Nothing was published.")


def _not_blessed(blessing: Blessing, then: str) -> Verdict:
    worst = blessing.refused[0]
    where = f" where {worst.label}" if worst.slice else ""
    reached = f"{worst.metric} is {measure(worst.value)}{where}, required is {worst.words} {measure(worst.required)}"
    if worst.bound == "min_gain" and worst.difference is not None:
        reached = f"{worst.metric} moved by {signed(worst.difference)}{where} against the last blessed model, required is at least {signed(worst.required)}"
    if worst.bound == "over":
        reached = worst.sentence.removesuffix(".")
    others = len(blessing.refused) - 1
    more = f", and {several(others, 'more requirement')} {'is' if others == 1 else 'are'} not met" if others else ""
    return Verdict("refused", "Not blessed", f"The model is not good enough: {reached}{more}.{then}")


def _where(anomalies: Sequence[Anomaly]) -> str:
    first = anomalies[0]
    place = f"in column {first.column} of the {first.split} split" if first.column else f"in the {first.split} split"
    return place if len(anomalies) == 1 else f"the first {place}"


def _last(run: Run, status: str) -> Step | None:
    return next((step for step in reversed(run.steps) if step.status == status), None)


def _first_sentence(text: str) -> str:
    lines = text.strip().splitlines()
    return clipped(lines[0], 320) if lines else "It gave no reason."


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def ingest_verdict(data: Data | Missing) -> Verdict:
    """Returns what became of the rows."""
    if isinstance(data, Missing):
        return Verdict("failed", "Not ingested", data.why)
    splits = f"{several(data.written, 'example')} in {several(len(data.rows), 'split')}"
    if not data.quarantined:
        return Verdict("done", "Ingested", f"{splits}; no row was set aside.")
    reasons = "for one reason" if len(data.reasons) == 1 else f"for {len(data.reasons):,} reasons"
    return Verdict("done", "Ingested", f"{splits}; {several(data.quarantined, 'row')} did not parse or fit, {reasons}.")


def training_verdict(history: History | Missing) -> Verdict:
    """Returns how training went."""
    if isinstance(history, Missing):
        return Verdict("failed", "Not trained", history.why)
    return Verdict("done", "Trained", story(history))


def data_verdict(anomalies: Sequence[Anomaly] | Missing, *, fails: bool) -> Verdict:
    """Returns what the data gate says; `fails` says whether anomalies stop the run."""
    if isinstance(anomalies, Missing):
        return Verdict("failed", "Not validated", anomalies.why)
    if not anomalies:
        return Verdict("done", "The data gate is open", "No anomalies: every split fits the schema.")
    found = f"The data has {several(len(anomalies), 'anomaly', 'anomalies')}, {_where(anomalies)}."
    if fails:
        return Verdict("refused", "Refused by the data gate", f"{found} No model is trained on it.")
    return Verdict("refused", "Reported by the data gate", f"{found} The run goes on, as the spec says.")


def model_verdict(blessing: Blessing | Missing) -> Verdict:
    """Returns what the model gate says."""
    if isinstance(blessing, Missing):
        return Verdict("failed", "Not judged", blessing.why)
    if blessing.refused:
        return _not_blessed(blessing, "")
    return Verdict("done", "Blessed", f"{_met(blessing)}.")


def rehearsal_verdict(rehearsal: Rehearsal | Missing) -> Verdict:
    """Returns whether the model was seen to serve."""
    if isinstance(rehearsal, Missing):
        return Verdict("failed", "Not rehearsed", rehearsal.why)
    if not rehearsal.rehearsed:
        return Verdict("skipped", "Not rehearsed", "The model is not blessed, so no server was started on it.")
    if rehearsal.refused:
        return Verdict("refused", "Did not pass its rehearsal", _first_sentence(rehearsal.refused[0].sentence))
    return Verdict("done", "Passed its rehearsal", "The model serves within everything that the spec requires.")
