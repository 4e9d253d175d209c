"""`type: binary`: two values, of which one counts as positive; the model gives its probability."""
