"""As for any other quantity."""

from stellwerk.tasks.regression.tally import *
