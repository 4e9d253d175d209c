"""What is measured over the whole training split before the graph can be written.

Each measure takes a batch at a time, holds a state that does not grow with the rows, and can be merged with another of
its kind, so that shards may be measured apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tfx_bsl import sketches

_QUANTILE_ERROR = 0.001
_QUANTILE_STREAM = 1 << 32


class Measure(Protocol):
    """A running statistic."""

    def add(self, values: Any) -> None:
        """Takes one more batch of values."""

    def merge(self, other: Any) -> None:
        """Takes what another measure of the same kind has seen."""

    def as_json(self) -> Any:
        """Returns what was found as JSON values: how a measure comes back from another machine."""

    def restore(self, found: Any) -> None:
        """Takes the place of the measure whose `as_json` this is."""


class Moments:
    """Mean and population deviation of the values that are not NaN (Chan, Golub & LeVeque, 1979: stable merging)."""

    def __init__(self) -> None:
        self.count, self.mean, self._squares = 0, 0.0, 0.0

    def add(self, values: np.ndarray[Any, Any]) -> None:
        """Takes a float batch."""
        present = values[~np.isnan(values)].astype(np.float64)
        if len(present):
            mean = float(present.mean())
            self._take(len(present), mean, float(np.square(present - mean).sum()))

    def merge(self, other: Moments) -> None:
        """Takes what `other` has seen."""
        if other.count:
            self._take(other.count, other.mean, other._squares)

    def _take(self, count: int, mean: float, squares: float) -> None:
        total, delta = self.count + count, mean - self.mean
        self._squares += squares + delta * delta * self.count * count / total
        self.mean += delta * count / total
        self.count = total

    def as_json(self) -> list[float]:
        """Returns count, mean and sum of squares."""
        return [self.count, self.mean, self._squares]

    def restore(self, found: list[float]) -> None:
        """Takes count, mean and sum of squares."""
        self.count, self.mean, self._squares = int(found[0]), found[1], found[2]

    @property
    def deviation(self) -> float:
        """Square root of the population variance; 0 when nothing varies or nothing was seen."""
        return float(np.sqrt(self._squares / self.count)) if self.count else 0.0


class Range:
    """Smallest and largest value that is not NaN; both 0 when there was none."""

    def __init__(self) -> None:
        self._low, self._high = np.inf, -np.inf

    def add(self, values: np.ndarray[Any, Any]) -> None:
        """Takes a float batch."""
        present = values[~np.isnan(values)]
        if len(present):
            self._low = min(self._low, float(present.min()))
            self._high = max(self._high, float(present.max()))

    def merge(self, other: Range) -> None:
        """Takes what `other` has seen."""
        self._low, self._high = min(self._low, other._low), max(self._high, other._high)

    def as_json(self) -> list[float]:
        """Returns smallest and largest value."""
        return [self._low, self._high]

    def restore(self, found: list[float]) -> None:
        """Takes smallest and largest value."""
        self._low, self._high = found

    @property
    def low(self) -> float:
        """Smallest value."""
        return self._low if self._low <= self._high else 0.0

    @property
    def high(self) -> float:
        """Largest value."""
        return self._high if self._low <= self._high else 0.0


class Quantiles:
    """Quantiles of the values that are not NaN, by TFX's sketch: exact for small data, within 0.1 % of rank for large.

    `parts` are the numbers of shares that will be asked for.
    """

    def __init__(self, *parts: int) -> None:
        self._parts = parts
        self._sketch = sketches.QuantilesSketch(_QUANTILE_ERROR, _QUANTILE_STREAM, 1)
        self._count = 0
        self._found: dict[int, list[float]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """A sketch that has answered cannot be pickled: then what it found goes alone."""
        return {**vars(self), "_sketch": None} if self._found else vars(self)

    def add(self, values: np.ndarray[Any, Any]) -> None:
        """Takes a float batch."""
        present = values[~np.isnan(values)]
        self._count += len(present)
        if len(present):
            self._sketch.AddValues(pa.array(present.astype(np.float64)))

    def merge(self, other: Quantiles) -> None:
        """Takes what `other` has seen."""
        self._sketch.Merge(other._sketch)
        self._count += other._count

    def as_json(self) -> list[tuple[int, list[float]]]:
        """Returns the cuts for every number of shares that will be asked for."""
        return [(parts, self.inner(parts)) for parts in self._parts]

    def restore(self, found: list[tuple[int, list[float]]]) -> None:
        """Takes the cuts for every number of shares."""
        self._found = {int(parts): cuts for parts, cuts in found}

    def inner(self, parts: int) -> list[float]:
        """Returns the distinct values that cut the data into `parts` equal shares: at most `parts` - 1, none for no data."""
        if parts not in self._found:
            values = self._sketch.GetQuantiles(parts).to_pylist()[0] if self._count else []
            self._found[parts] = sorted(set(values[1:-1]))
        return self._found[parts]


class Counts:
    """How often each string or whole number occurs. Missing and empty values do not count."""

    def __init__(self) -> None:
        self._counts: Counter[Any] = Counter()

    def add(self, values: pa.Array) -> None:
        """Takes an Arrow batch of strings or whole numbers."""
        found = pc.value_counts(values.drop_null())
        self._counts.update(dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)))

    def merge(self, other: Counts) -> None:
        """Takes what `other` has seen."""
        self._counts.update(other._counts)

    def as_json(self) -> list[tuple[Any, int]]:
        """Returns values and how often they occur."""
        return list(self._counts.items())

    def restore(self, found: list[tuple[Any, int]]) -> None:
        """Takes values and how often they occur."""
        self._counts = Counter(dict(found))

    def vocabulary(self, top: int | None = None, at_least: int = 1) -> list[str]:
        """Returns the values seen `at_least` so often, the most frequent `top` of them, in order; ties by name.

        Values with a line break are left out: a vocabulary file has one value a line.
        """
        return _most_frequent(self._counts, top, at_least)


class First:
    """Some of the whole numbers, the first that are seen: enough to tell what they look like."""

    ENOUGH = 1000

    def __init__(self) -> None:
        self.found: list[int] = []

    def add(self, values: pa.Array) -> None:
        """Takes an Arrow batch of whole numbers."""
        if len(self.found) < self.ENOUGH:
            self.found += values.drop_null().slice(0, self.ENOUGH - len(self.found)).to_pylist()

    def merge(self, other: First) -> None:
        """Takes what `other` has seen."""
        self.found = [*self.found, *other.found][: self.ENOUGH]

    def as_json(self) -> list[int]:
        """Returns what was found."""
        return self.found

    def restore(self, found: list[int]) -> None:
        """Takes what was found."""
        self.found = list(found)


class Words:
    """How often each word occurs, and in how many texts."""

    def __init__(self) -> None:
        self.texts = 0
        self._counts: Counter[str] = Counter()
        self._texts_with: Counter[str] = Counter()

    def add(self, values: WordsOfTexts) -> None:
        """Takes the words of a batch of texts."""
        encoded = values.words.dictionary_encode()
        names = encoded.dictionary.to_pylist()
        codes = np.asarray(encoded.indices)
        self._counts.update(dict(zip(names, np.bincount(codes, minlength=len(names)).tolist(), strict=True)))
        once = np.unique(values.text.astype(np.int64) * len(names) + codes) % max(1, len(names))
        self._texts_with.update(dict(zip(names, np.bincount(once, minlength=len(names)).tolist(), strict=True)))
        self.texts += values.texts

    def merge(self, other: Words) -> None:
        """Takes what `other` has seen."""
        self._counts.update(other._counts)
        self._texts_with.update(other._texts_with)
        self.texts += other.texts

    def as_json(self) -> list[Any]:
        """Returns the number of texts, and words with how often they occur and in how many texts."""
        return [self.texts, list(self._counts.items()), list(self._texts_with.items())]

    def restore(self, found: list[Any]) -> None:
        """Takes the number of texts, and words with how often they occur and in how many texts."""
        self.texts, counts, texts_with = found
        self._counts, self._texts_with = Counter(dict(counts)), Counter(dict(texts_with))

    def texts_with(self, word: str) -> int:
        """Returns how many texts have `word`."""
        return self._texts_with[word]

    def vocabulary(self, top: int) -> list[str]:
        """Returns the `top` most frequent words, in order; ties by name."""
        return _most_frequent(self._counts, top, 1)

    def most_frequent(self, top: int) -> list[tuple[str, int]]:
        """Returns the words of `vocabulary`, each with how often it occurs."""
        return [(word, self._counts[word]) for word in self.vocabulary(top)]


@dataclass(frozen=True)
class WordsOfTexts:
    """The words of `texts` texts in one array, and for each word the number of its text."""

    words: pa.Array
    text: np.ndarray[Any, Any]
    texts: int


def _most_frequent(counts: Mapping[Any, int], top: int | None, at_least: int) -> list[str]:
    kept = [(-count, str(value)) for value, count in counts.items() if count >= at_least and _fits_a_line(str(value))]
    return [value for _, value in sorted(kept)[:top]]


def _fits_a_line(value: str) -> bool:
    return bool(value) and "\n" not in value and "\r" not in value
