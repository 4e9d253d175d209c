"""How fast pictures are decoded and their pixels read again, beside TensorFlow's own operations, and in how much memory.

python benchmarks/decoding_pictures.py [PICTURES] prints, for photos of 512 x 384 made to 224 px, images a second of CPU time:
tf.io.decode_jpeg and tf.image.resize alone; the transform graph of `type: image`; a later epoch from the stored pixels; and how much
the memory of the process grew while PICTURES rows were written and read.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import tensorflow as tf

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import write_json
from stellwerk.components.forms.base import ModelInput
from stellwerk.components.forms.lists import column_of
from stellwerk.components.training.packing import Packing
from stellwerk.components.training.reading import Reader
from stellwerk.components.transformation.materialising import opened_shard
from stellwerk.kinds.image.decoding import pixels_of
from stellwerk.kinds.image.keys import Image

SIZE = (224, 224)
PHOTOS, REPEATS, GROUP = 64, 5, 64


def photos() -> tf.Tensor:
    """Returns JPEGs of smooth scenes with grain, about 50 kB each."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:384, 0:512]
    made = []
    for at in range(PHOTOS):
        scene = np.stack(
            [90 * np.sin(x / (20 + at)) + 128, 90 * np.cos(y / (15 + at)) + 128, (x + y + at) % 256], axis=-1
        )
        grain = random.normal(0, 6, scene.shape)
        made.append(tf.io.encode_jpeg((scene + grain).clip(0, 255).astype(np.uint8), quality=90).numpy())
    return tf.constant(made)


def bare(picture: tf.Tensor) -> tf.Tensor:
    """Decodes and resizes one picture by the two operations that have to be."""
    image = tf.io.decode_jpeg(picture, 3, dct_method="INTEGER_ACCURATE")
    return tf.cast(tf.round(tf.image.resize(image, SIZE, "area")), tf.uint8)


def rate(work: Callable[[], object], images: int) -> float:
    """Returns the median of images a second of CPU time."""
    work()
    found = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        found.append(images / (time.process_time() - began))
    return float(np.median(found))


def written(folder: Path, rows: int) -> Reader:
    """Writes rows of pixels as the transform step does, and returns what reads them for training."""
    line = {"name": "photo", "feature": "photo", "kind": "tensor", "dtype": "uint8", "shape": [*SIZE, 3]}
    item = ModelInput.of(line)
    schema = pa.schema([pa.field("photo", item.known.stored(item)), pa.field("label", pa.int64())])
    pixels = np.random.default_rng(2).integers(0, 256, (GROUP, *SIZE, 3), np.uint8)
    batch = pa.RecordBatch.from_arrays([column_of(pixels, schema[0].type), pa.array(range(GROUP))], schema=schema)
    with opened_shard(folder / "train" / "part-00000.parquet", schema) as writer:
        for _ in range(rows // GROUP):
            writer.write_batch(batch)
    kept = rows // GROUP * GROUP
    splits = {"train": {"rows": kept, "shards": [{"path": "train/part-00000.parquet", "rows": kept}]}}
    write_json(folder / "dataset.json", {"version": "1", "columns": {}, "splits": splits})
    return Reader(Examples.open(folder), Packing((item,), "label", whole_label=True), 32)


def main(rows: int) -> None:
    """Measures and prints."""
    given, feature = photos(), Image(type="image", size=SIZE)
    spec = tf.TensorSpec([None], tf.string)
    alone = tf.function(
        lambda pictures: tf.map_fn(bare, pictures, fn_output_signature=tf.uint8, parallel_iterations=16), [spec]
    )
    whole = tf.function(lambda pictures: pixels_of(pictures, feature), [spec])
    own, ours = (rate(lambda graph=graph: graph(given), PHOTOS) for graph in (alone, whole))
    print(f"decode and resize: tf.io alone {own:,.0f} a CPU second, type: image {ours:,.0f} ({ours / own:.0%})")
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        reader = written(Path(folder), rows)
        kept = reader.examples.rows("train")
        began = time.process_time()
        seen = sum(len(chunk) for chunk in reader.shuffled("train", (1, 1)))
        second = seen / (time.process_time() - began)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    stored = kept * 3 * SIZE[0] * SIZE[1] >> 20
    print(
        f"a later epoch: {second:,.0f} pictures a CPU second; {kept:,} pictures ({stored:,} MB) in {grown:,} MB of memory"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
