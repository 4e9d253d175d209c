"""`type: time`."""
