"""`encoder: {type: application, name: ...}`: `keys` has its section of the spec, `networks` what there is, `build` its layers."""
