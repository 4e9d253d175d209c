"""`type: category`."""
