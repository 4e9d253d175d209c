"""The evaluate step."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_a_first_model_is_measured_and_blessed(run, kind):
    done = run(kind, {"slices": [["carrier"], ["hour", "carrier"]]})
    assert done.blessing == {"blessed": True, "requirements": []}
    first = done.evaluation["slices"][0]
    assert (first["slice"], first["examples"]) == ({}, 600)
    assert all(value is not None for value in first["metrics"].values())
    print(first, len(done.evaluation["slices"]))
