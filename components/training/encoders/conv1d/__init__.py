"""`encoder: conv1d`: `keys` has its section of the spec, `build` its layers."""
