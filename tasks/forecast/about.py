"""What is to be known of a target that is the next values of a series where no framework is loaded."""

from __future__ import annotations

from stellwerk.tasks.parts import About

ABOUT = About(
    has_classes=False, one_score=False, output="predictions", many=True, baselines=("naive", "seasonal_naive")
)
