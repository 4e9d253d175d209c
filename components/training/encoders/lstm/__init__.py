"""`encoder: lstm`: `keys` has its section of the spec, `build` its layers."""
