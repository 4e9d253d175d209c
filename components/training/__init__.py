"""The train step: a Keras model from the spec, learned from transformed examples, exported with its transform inside."""
