"""The step push: a blessed model goes where TensorFlow Serving reads it."""
