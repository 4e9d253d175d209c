"""The same graph on Kubeflow Pipelines: compiled, submitted, scheduled."""
