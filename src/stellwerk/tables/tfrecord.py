"""TFRecord files of tf.Example, with features of at most one value each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import tensorflow as tf
from tfx_bsl.coders import example_coder

from stellwerk.errors import DataError

BATCH_ROWS = 8192


def batches(path: Path, where: str) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a TFRecord file. Raises DataError, which begins with `where`, when it is damaged or a feature has several values."""
    packed = "GZIP" if path.suffix.lower() == ".gz" else ""
    decoder = example_coder.ExamplesToRecordBatchDecoder()
    seen = 0
    try:
        for serialised in tf.data.TFRecordDataset(str(path), packed).batch(BATCH_ROWS).as_numpy_iterator():
            yield _flat(decoder.DecodeBatch(serialised.tolist()), where, seen)
            seen += len(serialised)
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        message = str(error).splitlines()[0]
        raise DataError(
            f"{where}: is not a TFRecord of tf.Example, or damaged after record {seen}: {message}. Fetch it again."
        ) from None


def _flat(batch: pa.RecordBatch, where: str, seen: int) -> pa.RecordBatch:
    """Makes every list column a column of single values; a feature without any value in the batch is left out."""
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_null(column.type):
            continue
        lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        if lengths.size and lengths.max() > 1:
            record = seen + int(lengths.argmax()) + 1
            raise DataError(
                f"{where}: record {record}: feature '{name}' has {lengths.max()} values; columns hold single values. "
                "Write one feature for each value."
            )
        positions = pa.array(lengths.cumsum() - 1, mask=lengths == 0)
        columns[name] = _texts(column.flatten().take(positions))
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _texts(column: pa.Array) -> pa.Array:
    """Makes bytes text where all of them are UTF-8."""
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
        return column
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return column.cast(pa.binary())
