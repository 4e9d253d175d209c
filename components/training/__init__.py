"""The train step: a Keras model from the spec, learned from transformed examples, exported with its transform inside."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow reads it when it is loaded, before anyone can ask it
