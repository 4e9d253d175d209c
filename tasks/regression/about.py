"""What is to be known of a target that is a quantity where no framework is loaded."""

from __future__ import annotations

from stellwerk.tasks.parts import About

ABOUT = About(has_classes=False, one_score=True, output="predictions")
