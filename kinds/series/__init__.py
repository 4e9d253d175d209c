"""`type: series`."""
