"""Data that validate refuses can be refused by the step after it, so that the dashboard keeps what validate found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from stellwerk.components import transform
from stellwerk.components.admission import admit, refusals
from stellwerk.errors import DataError, GateRefused

ROW = {"split": "eval", "column": "carrier", "kind": "X", "what": "ZZ is new", "fix": "add it"}


def anomalies(folder: Path, *rows: dict[str, Any]) -> Any:
    (folder / "anomalies.json").write_text(json.dumps({"anomalies": rows}), encoding="utf-8")
    return dsl.Artifact(uri=str(folder))


def test_without_anomalies_a_step_goes_on(tmp_path: Path):
    admit(None)
    admit(anomalies(tmp_path))


def test_a_refusal_lists_what_was_found_and_what_to_change(tmp_path: Path):
    with pytest.raises(
        GateRefused, match=r"^The data do not pass: 1 anomaly\. .*\neval, carrier: ZZ is new\n  → add it$"
    ):
        admit(anomalies(tmp_path, ROW))
    with pytest.raises(GateRefused, match=r": 22 anomalies\.(?s:.*)\ntrain, all columns: empty\n(?s:.*)\nand 2 more$"):
        admit(anomalies(tmp_path, {**ROW, "split": "train", "column": None, "what": "empty"}, *[ROW] * 21))


def test_transform_refuses_before_it_begins(tmp_path: Path):
    (tmp_path / "anomalies").mkdir()
    anomalies(tmp_path / "anomalies", ROW)
    found = dsl.Artifact(uri=str(tmp_path))
    nothing = dsl.Artifact(uri=str(tmp_path / "nothing"))
    rest = dict.fromkeys(("examples", "transform_graph", "transformed"), nothing)
    with pytest.raises(GateRefused):
        transform.python_func(features={}, target={}, hooks={}, validation=found, stop=True, **rest)
    assert not (tmp_path / "nothing").exists()


def test_only_a_gate_may_be_left_to_the_next_step():
    with refusals(stop=False):
        raise GateRefused("the data do not pass")
    with pytest.raises(GateRefused), refusals(stop=True):
        raise GateRefused("the data do not pass")
    with pytest.raises(DataError), refusals(stop=False):
        raise DataError("no such column")
