"""What statistics of single columns cannot say of media: whether the same picture, or one that looks like it, is in two splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from stellwerk.columns import DIGEST, MEDIA
from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.validation.gate import Row

Codes = np.ndarray[Any, Any]
"""64 bits a row, uint64."""

LOOK, BLANK = "hash", "blank"
"""Facts of a medium: the hash that is alike where pictures are, and whether nothing is on one."""
NEAR = 2
"""Bits of 64 in which pictures that look alike differ at most."""
_BANDS = ((0, 22), (22, 21), (43, 21))
"""First bit and number of bits: of three bands one is equal where two bits differ."""
_MOST_ALIKE = 1_000
"""Pictures with one equal band that are compared with each; of more, some near duplicates may go uncounted."""
_ONES = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


@dataclass(frozen=True)
class Repeated:
    """Pictures of a split that those before it have too: eval is compared with train, test with both."""

    column: str
    split: str
    rows: int
    equal: int
    """Bit by bit, in standard form."""
    alike: int
    """Others that differ in a bit or two of their perceptual hash, without blank ones."""
    blank: int


def repeated(examples: Examples, splits: Sequence[str]) -> list[Repeated]:
    """Counts the repeated pictures of every column of media, split by split. Memory: 16 bytes a picture."""
    return [one for column in examples.manifest.get("media", {}) for one in _repeated(examples, column, splits)]


def _repeated(examples: Examples, column: str, splits: Sequence[str]) -> list[Repeated]:
    facts = [f"{column}.{fact}" for fact in (DIGEST, LOOK, BLANK)]
    if not set(facts) <= examples.columns.keys():
        return []
    found, digests, looks = [], np.zeros(0, np.uint64), np.zeros(0, np.uint64)
    for split in splits:
        own, look, blank = _codes(examples, split, facts)
        equal = np.isin(own, digests)
        shown = ~equal & ~blank
        alike = int(near(look[shown], looks).sum())
        found.append(Repeated(column, split, examples.rows(split), int(equal.sum()), alike, int(blank.sum())))
        digests, looks = np.union1d(digests, own), np.union1d(looks, look[~blank])
    return found


def _codes(examples: Examples, split: str, facts: Sequence[str]) -> tuple[Codes, Codes, np.ndarray[Any, Any]]:
    """Returns the beginnings of the digests, the perceptual hashes, and which are blank, of the rows that have a picture."""
    digests, looks, blanks = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)], [np.zeros(0, np.bool_)]
    for batch in examples.batches(split, facts):
        there = batch.filter(pc.is_valid(batch.column(batch.schema.get_field_index(facts[0]))))
        digest, look, blank = (there.column(there.schema.get_field_index(fact)) for fact in facts)
        digests.append(_bits(digest.to_pylist()))
        looks.append(_bits(look.to_pylist()))
        blanks.append(np.asarray(blank.to_pylist(), np.bool_))
    return np.concatenate(digests), np.concatenate(looks), np.concatenate(blanks)


def _bits(texts: Sequence[str]) -> Codes:
    return np.array([int(text[:16], 16) for text in texts], np.uint64)


def near(asked: Codes, known: Codes) -> np.ndarray[Any, Any]:
    """Returns which of some hashes differ from one of the known ones (sorted, each once) in `NEAR` bits at most, bool [asked]."""
    wanted, place = np.unique(asked, return_inverse=True)
    found = np.isin(wanted, known)
    for first, bits in _BANDS:
        shift, mask = np.uint64(first), np.uint64((1 << bits) - 1)
        band = (known >> shift) & mask
        order = np.argsort(band, kind="stable")
        left = np.flatnonzero(~found)
        own = (wanted[left] >> shift) & mask
        begin, end = np.searchsorted(band[order], own), np.searchsorted(band[order], own, side="right")
        for at in np.flatnonzero(begin < end):
            some = known[order[begin[at] : min(end[at], begin[at] + _MOST_ALIKE)]]
            differing = np.ascontiguousarray(some ^ wanted[left[at]]).view(np.uint8).reshape(-1, 8)
            found[left[at]] = _ONES[differing].sum(axis=1).min() <= NEAR
    alike: np.ndarray[Any, Any] = found[place]
    return alike


def media_rows(found: Sequence[Repeated], media: Mapping[str, str]) -> list[Row]:
    """Returns an anomaly for every split that has pictures of those before it."""
    return [_row(one, MEDIA[media[one.column]].words) for one in found if one.equal and one.split != found[0].split]


def _row(one: Repeated, words: str) -> Row:
    earlier = "the train split has" if one.split == "eval" else "the train or the eval split has"
    what = f"{words} that {earlier} as well: what was learned by heart looks like skill"
    fix = f"keep equal {words} on one side: data.split: {{by: hash, key: [{one.column}]}}"
    return Row(one.split, one.column, "MEDIA_IN_TWO_SPLITS", what, one.equal, one.equal / one.rows, fix, None)


def as_json(found: Sequence[Repeated]) -> list[dict[str, Any]]:
    """Returns it for `anomalies.json`."""
    return [asdict(one) for one in found]
