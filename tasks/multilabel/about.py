"""What is to be known of a target of several labels a row where no framework is loaded."""

from __future__ import annotations

from stellwerk.tasks.parts import About

ABOUT = About(has_classes=False, one_score=False, output="probabilities", several=True)
