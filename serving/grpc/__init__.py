"""TensorFlow Serving's gRPC services over its own protos, with the standard health and reflection services."""

from stellwerk.serving.grpc.server import GrpcServer, grpc_server

__all__ = ["GrpcServer", "grpc_server"]
