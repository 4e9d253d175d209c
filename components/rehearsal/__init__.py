"""The step rehearse: a real server on the candidate, real examples, and whether it serves within its resources."""
