"""What is to be known of counts where no framework is loaded."""

from stellwerk.tasks.parts import About

ABOUT = About(has_classes=False, one_score=True, output="predictions")
