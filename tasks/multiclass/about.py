"""What is to be known of a target of several classes where no framework is loaded."""

from __future__ import annotations

from stellwerk.tasks.parts import About

ABOUT = About(has_classes=True, one_score=False, output="probabilities", whole_label=True)
