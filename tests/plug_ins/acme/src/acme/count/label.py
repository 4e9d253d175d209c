"""As for any other quantity."""

from stellwerk.tasks.regression.label import *
