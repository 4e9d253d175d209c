"""`type: cross`."""
