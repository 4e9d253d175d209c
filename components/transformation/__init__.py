"""The transform step."""
