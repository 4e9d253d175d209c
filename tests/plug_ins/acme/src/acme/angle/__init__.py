"""The kind of feature `angle`: a direction in degrees."""
