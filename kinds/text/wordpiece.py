"""Words to pieces of words: which pieces there are is learned from the train split, and the graph cuts by the longest that fits."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import tensorflow as tf

from stellwerk.kinds.text.extra import tensorflow_text

INSIDE = "##"
"""In front of a piece that does not begin a word."""

UNKNOWN = "[UNK]"
"""Stands for a word with a character that no piece has, or of more than `LONGEST` bytes."""

LONGEST = 100

WORDS, LETTERS = 50_000, 30
"""So many words, the most frequent, and words of at most so many letters are learned from: what is rarer or longer (lines of base64) decides little and takes most of the time."""


def learned(counts: Iterable[tuple[str, int]], size: int) -> list[str]:
    """Returns at most `size` pieces: all characters of the words, and what the most frequent pairs become, joined one after the other.

    The words are joined as byte pair encoding does (Sennrich, Haddow & Birch, 2016), with the marks of WordPiece (Schuster & Nakajima, 2012), as
    `WordPieceTrainer` of tokenizers does; of pairs that are as frequent the first by name, so that the same words give the same pieces.
    """
    kept = [(word, count) for word, count in counts if len(word) <= LETTERS]
    spelled = [[word[0], *(INSIDE + character for character in word[1:])] for word, _ in kept]
    found = dict.fromkeys(sorted({piece for word in spelled for piece in word})[:size])
    pairs = _Pairs(spelled, [count for _, count in kept])
    while len(found) < size and (pair := pairs.most_frequent()):
        found[pairs.join(*pair)] = None
    found.pop(UNKNOWN, None)
    return list(found)


class _Pairs:
    """How often each pair of neighbours is in the words, and in which words."""

    def __init__(self, words: list[list[str]], times: Sequence[int]) -> None:
        self._words, self._times = words, times
        self._counts: Counter[tuple[str, str]] = Counter()
        self._where: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        for place, word in enumerate(words):
            for pair in pairwise(word):
                self._counts[pair] += times[place]
                self._where[pair].add(place)
        self._heap = [(-count, pair) for pair, count in self._counts.items()]
        heapq.heapify(self._heap)

    def most_frequent(self) -> tuple[str, str] | None:
        """Returns the pair that is there most often; None where none comes twice. Counts in the heap may be too high, never too low."""
        while self._heap:
            said, pair = heapq.heappop(self._heap)
            count = self._counts[pair]
            if count == -said:
                return pair if count > 1 else None
            if count > 0:
                heapq.heappush(self._heap, (-count, pair))
        return None

    def join(self, left: str, right: str) -> str:
        """Makes the pair one piece wherever it is, and returns that."""
        joined = left + right.removeprefix(INSIDE)
        changed = set()
        for place in self._where.pop((left, right)):
            for pair in pairwise(self._words[place]):
                self._counts[pair] -= self._times[place]
            self._words[place] = _joined(self._words[place], left, right, joined)
            for pair in pairwise(self._words[place]):
                self._counts[pair] += self._times[place]
                if joined in pair:
                    self._where[pair].add(place)
                    changed.add(pair)
        for pair in sorted(changed):
            heapq.heappush(self._heap, (-self._counts[pair], pair))
        return joined


def _joined(word: Sequence[str], left: str, right: str, joined: str) -> list[str]:
    made: list[str] = []
    for piece in word:
        if piece == right and made and made[-1] == left:
            made[-1] = joined
        else:
            made.append(piece)
    return made


def pieces_of(words: tf.RaggedTensor, vocabulary: Sequence[str]) -> tf.RaggedTensor:
    """Returns the pieces of the words of each text: [batch, pieces]. Raises DataError where tensorflow-text is not installed."""
    tokenizer = tensorflow_text().FastWordpieceTokenizer(
        [*vocabulary, UNKNOWN],
        suffix_indicator=INSIDE,
        max_bytes_per_word=LONGEST,
        token_out_type=tf.string,
        unknown_token=UNKNOWN,
        no_pretokenization=True,
        support_detokenization=True,
    )
    return tokenizer.tokenize(words).merge_dims(1, 2)
