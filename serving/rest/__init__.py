"""TensorFlow Serving's REST API: HTTP/1.1 by one thread that waits for all connections, and what it answers.

A request is read in `server.py` and `connection.py` (its bytes: `messages.py`, `bodies.py`), answered in `api.py` (bodies:
`predict.py`, `examples.py`), or in `grouping.py` with the others that came with it. `openapi.py` describes it all.
"""
