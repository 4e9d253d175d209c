"""The steps of a pipeline, one folder each, all the same shape: `component.py` is the face, `work.py` the work."""
