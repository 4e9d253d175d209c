"""Loads a pushed model as TensorFlow Serving would, and answers its REST API."""
