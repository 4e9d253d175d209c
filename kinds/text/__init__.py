"""`type: text`."""
