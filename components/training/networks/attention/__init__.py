"""Features that look at one another: `keys` has its section of the spec, `build` its layers."""
