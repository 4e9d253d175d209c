"""Packaging: folder X of the repository is the package `stellwerk.X`."""

from __future__ import annotations

from setuptools import find_packages, setup

ROOMS = ("components", "pipelines", "serving")

packages = ["stellwerk", *(f"stellwerk.{name}" for name in find_packages("src/stellwerk"))]
package_dir = {"stellwerk": "src/stellwerk"}
for room in ROOMS:
    package_dir[f"stellwerk.{room}"] = room
    packages += [f"stellwerk.{room}", *(f"stellwerk.{room}.{name}" for name in find_packages(room))]

setup(packages=packages, package_dir=package_dir)
