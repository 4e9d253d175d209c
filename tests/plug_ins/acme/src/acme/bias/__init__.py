"""The metric `bias`: how far the mean of the predictions is from that of the labels. The spec loads this; the formula is apart."""

from stellwerk.metrics import DISTANCE, Measure, Metric

_MEASURE = Measure("acme.bias.formula:BIAS", tfma="Bias")

METRIC = Metric("bias", "Bias", "lower", DISTANCE, measures={"count": _MEASURE, "regression": _MEASURE})
