"""How requests are put together, and TensorFlow Serving's file of it (`--batching_parameters_file`)."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2

from stellwerk.errors import UsageError

_MOST_GROUPS = 64


@dataclass(frozen=True)
class BatchingOptions:
    """How requests are put together. Raises UsageError when the settings disagree.

    Names and defaults are TensorFlow Serving's, but for large requests: they are split, and refused only where a file says so.
    """

    max_batch_size: int = 1000
    """Most rows of a batch."""
    batch_timeout_seconds: float = 0.0
    """How long a batch that is not full waits for more requests. With 0 a batch holds what came while others ran."""
    allowed_batch_sizes: tuple[int, ...] = ()
    """Sizes that batches are padded to, increasing, the largest last; any size when empty."""
    max_enqueued_batches: int = 10
    """Most batches of a kind that wait; further requests are refused at once rather than late."""
    threads: int = os.cpu_count() or 1
    """Most batches that run at the same time (`num_batch_threads`)."""
    split_large_requests: bool = True
    """Whether a request may be larger than a batch and is split (`enable_large_batch_splitting`), or is refused."""
    max_execution_batch_size: int = 0
    """Most rows of a batch where requests are split, and `max_batch_size` those of a request. 0: requests have no limit."""

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_enqueued_batches", "threads"):
            if getattr(self, name) < 1:
                raise UsageError(f"batching: {name} must be at least 1, and got {getattr(self, name)}.")
        if self.batch_timeout_seconds < 0:
            raise UsageError(f"batching: the timeout must not be negative, and got {self.batch_timeout_seconds} s.")
        if not 0 <= self.max_execution_batch_size <= self.max_batch_size:
            raise UsageError(
                f"batching: max_execution_batch_size must be between 1 and max_batch_size ({self.max_batch_size}), "
                f"and got {self.max_execution_batch_size}."
            )
        sizes = self.allowed_batch_sizes
        if sizes and (sizes[0] < 1 or any(a >= b for a, b in pairwise(sizes))):
            raise UsageError(f"batching: allowed_batch_sizes must be increasing, and got {', '.join(map(str, sizes))}.")
        if sizes and sizes[-1] != self.largest_batch:
            raise UsageError(
                "batching: Last entry in allowed_batch_sizes must match max_batch_size; last entry was "
                f"{sizes[-1]}; expected {self.largest_batch}."
            )

    @property
    def groups(self) -> int:
        """How many groups of requests are answered at the same time: as the model is asked, and more where batches wait for others."""
        return _MOST_GROUPS if self.batch_timeout_seconds > 0 else self.threads

    @property
    def largest_request(self) -> float:
        """Most rows that may be asked in one request."""
        unbounded = self.split_large_requests and not self.max_execution_batch_size
        return math.inf if unbounded else self.max_batch_size

    @property
    def largest_batch(self) -> int:
        """Most rows that the model is asked at once."""
        return (self.split_large_requests and self.max_execution_batch_size) or self.max_batch_size

    def padded(self, rows: int) -> int:
        """Returns the allowed size that `rows` rows are padded to."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


_FIELDS = {
    "max_batch_size": (1, "Int64Value"),
    "batch_timeout_micros": (2, "Int64Value"),
    "max_enqueued_batches": (3, "Int64Value"),
    "num_batch_threads": (4, "Int64Value"),
    "thread_pool_name": (5, "StringValue"),
    "enable_large_batch_splitting": (8, "BoolValue"),
    "max_execution_batch_size": (9, "Int64Value"),
}
"""The fields of `tensorflow.serving.BatchingParameters` that have a wrapped value: number and type."""


def read_batching_options(path: Path) -> BatchingOptions:
    """Reads a `batching_parameters.txt` as TensorFlow Serving does: what it leaves out has the default there.

    Raises UsageError when the file is not there or is not such a file.
    """
    try:
        given = text_format.Parse(path.read_text(encoding="utf-8"), _message()())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"{path}: the batching parameters cannot be read: {reason}.") from error
    except text_format.ParseError as error:
        raise UsageError(
            f"{path}: this is not a file of batching parameters: {error}. "
            "Write lines such as: max_batch_size { value: 128 }"
        ) from error
    values = {name: getattr(given, name).value for name in _FIELDS if given.HasField(name)}
    values.setdefault("enable_large_batch_splitting", False)
    values.setdefault("max_execution_batch_size", values.get("max_batch_size", BatchingOptions.max_batch_size))
    renamed = {"num_batch_threads": "threads", "enable_large_batch_splitting": "split_large_requests"}
    options: dict[str, Any] = {renamed.get(name, name): value for name, value in values.items()}
    options.pop("thread_pool_name", None)
    if "batch_timeout_micros" in options:
        options["batch_timeout_seconds"] = options.pop("batch_timeout_micros") / 1e6
    try:
        if given.pad_variable_length_inputs:
            raise UsageError(
                "batching: pad_variable_length_inputs is not done here: requests whose arrays differ in more than the "
                "number of rows run in batches of their own. Leave it out."
            )
        return BatchingOptions(**options, allowed_batch_sizes=tuple(given.allowed_batch_sizes))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


@cache
def _message() -> Any:
    """Returns the class of BatchingParameters, which `tensorflow-serving-api` does not bring."""
    file = descriptor_pb2.FileDescriptorProto(
        name="batching_parameters.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    message = file.message_type.add(name="BatchingParameters")
    kind = descriptor_pb2.FieldDescriptorProto
    for name, (number, wrapper) in _FIELDS.items():
        message.field.add(
            name=name,
            number=number,
            label=kind.LABEL_OPTIONAL,
            type=kind.TYPE_MESSAGE,
            type_name=f".google.protobuf.{wrapper}",
        )
    message.field.add(name="allowed_batch_sizes", number=6, label=kind.LABEL_REPEATED, type=kind.TYPE_INT64)
    message.field.add(name="pad_variable_length_inputs", number=7, label=kind.LABEL_OPTIONAL, type=kind.TYPE_BOOL)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.serving.BatchingParameters"))
