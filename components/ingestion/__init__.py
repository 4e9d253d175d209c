"""Reads sources, joins them, splits their rows, and writes Examples; nothing vanishes on the way."""
