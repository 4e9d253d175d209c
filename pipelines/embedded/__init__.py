"""Runs a pipeline on this machine: no cluster, no Docker."""
