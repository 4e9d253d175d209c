"""The example of spam mails."""

from __future__ import annotations

from pathlib import Path

from stellwerk.loading import load

SPEC = Path(__file__).parents[3] / "examples" / "spam" / "pipeline.yaml"


def test_the_example_is_a_spec_of_a_page_that_asks_for_what_it_reaches():
    loaded = load(SPEC)
    assert loaded.spec.features["mail"].type == "text"
    assert loaded.spec.evaluate.require["accuracy"].min == 0.98
    assert len(SPEC.read_text().splitlines()) < 40
