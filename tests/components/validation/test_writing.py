"""A schema as text."""

from __future__ import annotations

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from stellwerk.components.validation.writing import WIDTH, as_text


def test_nothing_is_lost_and_lines_stay_short():
    schema = schema_pb2.Schema()
    schema.feature.add(name='a "quoted"\nname', type=schema_pb2.BYTES, domain="many")
    schema.string_domain.add(name="few", value=["ä", ""])
    schema.string_domain.add(name="many", value=[f"value {n}" for n in range(100)], is_categorical=1)
    schema.default_environment.append("TRAINING")
    schema.dataset_constraints.min_examples_count = 3
    text = as_text(schema)
    assert text_format.Parse(text, schema_pb2.Schema()) == schema
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "ä" in text
