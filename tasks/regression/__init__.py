"""`type: regression`: a quantity; the model gives a number."""
