"""What is to be known of a binary target where no framework is loaded."""

from __future__ import annotations

from stellwerk.tasks.parts import About

ABOUT = About(has_classes=True, one_score=True, output="probabilities")
