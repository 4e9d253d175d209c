"""The client of TensorFlow Serving's API: one module each for REST, which needs no TensorFlow here, and for gRPC.

It makes requests, sends them, and reads the answers. When to ask again, and what to tell whom, is left to who asks.
"""
