"""`type: number`."""
