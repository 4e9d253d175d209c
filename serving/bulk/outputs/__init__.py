"""The output: rows as text or Parquet, and the parts it grows in."""

from __future__ import annotations

from stellwerk.serving.bulk.outputs.forms import Form, ParquetForm, TextForm
from stellwerk.serving.bulk.outputs.parts import Parts

__all__ = ["Form", "ParquetForm", "Parts", "TextForm"]
