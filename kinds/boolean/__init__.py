"""`type: boolean`."""
