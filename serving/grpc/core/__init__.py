"""Calls received through the completion queue of gRPC's C core: fewer seconds of CPU, by names of grpcio that are not public."""
