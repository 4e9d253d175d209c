"""Transformed examples in shuffled chunks, read ahead by a second thread; memory does not grow with the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow.parquet as pq

from stellwerk.components.artifacts.examples import Examples, Shard, parquet
from stellwerk.components.training.packing import Chunk, Packing
from stellwerk.components.training.rebalancing import Rebalanced

POOL_BYTES = 16 << 20
"""Packed rows that are mixed with one another: a small data set is shuffled whole, a larger one through this window."""

SAMPLE_ROWS = 1 << 16
"""Rows that say how the numbers are distributed, and teach the linear baseline."""

SAMPLE_BYTES = 64 << 20
"""Bytes that the tensors of these rows have at most."""

READ_AHEAD = 1
"""Chunks that wait while another is learned from."""


@dataclass(frozen=True)
class Reader:
    """Reads a split of transformed Examples for training (shuffled, whole batches) or evaluation (in order)."""

    examples: Examples
    packing: Packing
    batch_size: int
    pool_bytes: int = POOL_BYTES
    rebalanced: Rebalanced | None = None
    """How often a pass over the shuffled train split gives rows of each class; None: each row once."""
    _kept: dict[tuple[Shard, int], Chunk] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def pool_rows(self) -> int:
        """Rows held for mixing: what fits the pool, at least two batches, in whole batches."""
        return max(2, self.pool_bytes // (self.packing.row_bytes * self.batch_size)) * self.batch_size

    def rows(self, split: str) -> int:
        """Returns how many rows a pass over `split` gives."""
        return self.rebalanced.rows if self.rebalanced and split == "train" else self.examples.rows(split)

    def steps(self, split: str) -> int:
        """Returns how many batches the rows of a pass over `split` make."""
        return -(-self.rows(split) // self.batch_size)

    def sample(self, split: str) -> Chunk:
        """Returns some rows of `split`: of row groups from all over it, fewer where tensors are large."""
        groups = list(self._groups(split))
        rows = self.examples.rows(split)
        most = max(1, min(SAMPLE_ROWS, SAMPLE_BYTES // max(1, sum(item.row_bytes for item in self.packing.tensors))))
        wanted = max(1, round(len(groups) * min(1.0, most / max(rows, 1))))
        places = np.unique(np.linspace(0, len(groups) - 1, wanted).round().astype(int))
        return Chunk.join([self._read(*groups[place])[:most] for place in places])

    def in_order(self, split: str) -> Iterator[Chunk]:
        """Yields the rows of `split` in order."""
        for group in self._groups(split):
            chunk = self._read(*group)
            for start in range(0, len(chunk), self.pool_rows):
                yield chunk[start : start + self.pool_rows]

    def shuffled(self, split: str, seed: tuple[int, int]) -> Iterator[Chunk]:
        """Yields every row of `split` once, or as often as `rebalanced` says, in an order that `seed` alone decides.

        Row groups come in a random order into a pool that is permuted; half of it leaves whenever it is full. All
        chunks but the last are whole batches.
        """
        random = np.random.default_rng(seed)
        groups = list(self._groups(split))
        chunks: Iterable[Chunk] = (self._read(*groups[place]) for place in random.permutation(len(groups)))
        if self.rebalanced and split == "train":
            drawn = self.rebalanced.drawing(random)
            chunks = (part for chunk in chunks for part in drawn(chunk, self.pool_rows))
        pool: list[Chunk] = []
        for chunk in chunks:
            pool.append(chunk)
            while sum(map(len, pool)) > self.pool_rows:
                mixed = _permuted(pool, random)
                leaving = max(1, self.pool_rows // 2 // self.batch_size) * self.batch_size
                yield mixed[:leaving]
                pool = [mixed[leaving:]]
        if pool:
            yield _permuted(pool, random)

    def _groups(self, split: str) -> Iterator[tuple[Shard, pq.FileMetaData, int]]:
        for shard in self.examples.shards(split):
            with parquet(shard) as file:
                metadata = file.metadata
            for group in range(metadata.num_row_groups):
                if metadata.row_group(group).num_rows:
                    yield shard, metadata, group

    def _read(self, shard: Shard, metadata: pq.FileMetaData, group: int) -> Chunk:
        """Reads a row group; so many as fit the pool once more stay in memory, as every epoch asks for them again."""
        place = (shard, group)
        if place in self._kept:
            return self._kept[place]
        with parquet(shard, metadata) as file:
            chunk = self.packing.pack(file.read_row_group(group, columns=self.packing.columns, use_threads=False))
        if sum(map(len, self._kept.values()), len(chunk)) * self.packing.row_bytes <= self.pool_bytes:
            self._kept[place] = chunk
        return chunk


def _permuted(pool: list[Chunk], random: np.random.Generator) -> Chunk:
    joined = Chunk.join(pool)
    return joined[random.permutation(len(joined))]
