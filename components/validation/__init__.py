"""The step validate: what the data look like, and the gate that stops data which do not fit."""
