"""As for any other quantity."""

from stellwerk.tasks.regression.metrics import *
