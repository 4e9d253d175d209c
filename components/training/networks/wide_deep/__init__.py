"""A linear model beside a perceptron: `keys` has its section of the spec, `build` its layers."""
