"""A multilayer perceptron over all features: `keys` has its section of the spec, `build` its layers."""
