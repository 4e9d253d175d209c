"""A schema as text that a person likes to edit: a feature a line, so that a line of a message is a whole rule."""

from __future__ import annotations

from google.protobuf import text_format
from google.protobuf.message import Message
from tensorflow_metadata.proto.v0 import schema_pb2

WIDTH = 120


def as_text(schema: schema_pb2.Schema) -> str:
    """Returns the schema as TFDV reads it: features in their order, then string domains, then what else it says."""
    rest = schema_pb2.Schema()
    rest.CopyFrom(schema)
    rest.ClearField("feature")
    rest.ClearField("string_domain")
    lines = [f"feature {{ {as_line(feature)} }}" for feature in schema.feature]
    lines += [_domain(domain) for domain in schema.string_domain]
    return "\n".join(lines) + "\n" + str(text_format.MessageToString(rest, as_utf8=True))


def as_line(message: Message) -> str:
    """Returns a message as text on one line."""
    return str(text_format.MessageToString(message, as_one_line=True, as_utf8=True)).strip()


def _domain(domain: schema_pb2.StringDomain) -> str:
    """Returns a domain on one line, or with its values over several lines where they are many."""
    line = f"string_domain {{ {as_line(domain)} }}"
    if len(line) <= WIDTH:
        return line
    lines = [f"string_domain {{ {as_line(schema_pb2.StringDomain(name=domain.name))}"]
    for value in domain.value:
        entry = as_line(schema_pb2.StringDomain(value=[value]))
        if lines[-1].startswith("  ") and len(lines[-1]) + len(entry) < WIDTH:
            lines[-1] += f" {entry}"
        else:
            lines.append(f"  {entry}")
    rest = schema_pb2.StringDomain()
    rest.CopyFrom(domain)
    for field in ("name", "value"):
        rest.ClearField(field)
    return "\n".join([*lines, *([f"  {as_line(rest)}"] if rest.ByteSize() else []), "}"])
