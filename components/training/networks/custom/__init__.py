"""Any Keras model, from a user's own function: `keys` has its section of the spec, `build` its layers."""
