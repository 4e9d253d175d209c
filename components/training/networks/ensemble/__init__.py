"""Perceptrons that learn side by side as one network: `keys` has its section of the spec, `build` its layers."""
