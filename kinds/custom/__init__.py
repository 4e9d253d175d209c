"""`type: custom`, a function of the user's own."""
