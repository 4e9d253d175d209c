"""The step evaluate: how good the exported model is, overall and on every slice, and whether it is blessed."""
