"""Spec to graph, graph to a run here or to Kubeflow; lineage, cache, report."""
