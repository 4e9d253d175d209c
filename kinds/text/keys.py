"""`type: text`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stellwerk.encoders.base import Looks
from stellwerk.kinds.base import SingleColumn
from stellwerk.section import Contradiction

MODULE, EXTRA = "tensorflow_text", "stellwerk[text]"

Part = Literal["headers", "quotes", "footers", "html"]


class Text(SingleColumn):
    """Free text, cut into words after it is normalised."""

    TAKES: ClassVar[Mapping[str, str]] = {"string": "string"}
    EXAMPLE: ClassVar[str] = """\
features:
  review: {type: text, encoding: tokens, max_tokens: 100}
"""

    type: Literal["text"]
    encoding: Literal["bag_of_words", "tokens"] = "bag_of_words"
    """bag_of_words: which words occur, weighted by TF-IDF; tokens: the word ids in order."""
    tokens: Literal["words", "wordpiece"] = "words"
    """With `encoding: tokens`, what has an id: words, or pieces of words that are learned from the train split, as `play`, `##ing`, so that few words are unknown. The second needs the extra `stellwerk[text]`."""
    vocabulary: Annotated[int, Field(ge=1)] = 10_000
    """How many words to keep, the most frequent first; how many pieces to learn."""
    max_tokens: Annotated[int, Field(ge=1)] = 64
    """With `tokens`: longer texts are cut, shorter ones filled with 0."""
    normalize: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = None
    """Unicode's normal form that texts are brought to first: one of them, so that `é` is `é` however it was typed; the K ones make `ﬁ`, `①` and full-width letters ordinary too. Needs the extra `stellwerk[text]`."""
    lowercase: bool = True
    """Makes upper and lower case the same."""
    strip: tuple[Part, ...] = ("html",)
    """What is taken out before anything else: html: `<tags>`, scripts, styles, comments and `&entities;`; headers: of a mail, up to the first empty line;
    quotes: lines that begin with `>` or `|`, and the line `... wrote:` above them; footers: a line `--` or of five dashes, underscores, `=` or `*`, and the last lines behind it, at most eleven."""
    numbers: Literal["keep", "token", "digits"] = "keep"
    """keep: `3.50` is read as other words are; token: one word stands for every number; digits: each digit is a word."""
    punctuation: Literal["strip", "split", "keep"] = "strip"
    """strip: takes out all that is not a letter, a digit or a blank; split: each such sign is a word; keep: signs stay at their words."""
    split_unspaced: bool = True
    """Makes each character a word where a script has no blanks between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese."""
    embedding: Annotated[int, Field(ge=1)] = 32
    """With `tokens`: width of the learned vector of a word."""

    def looks(self) -> Looks:
        """Returns words in order, or how often each is there."""
        return ("tokens", 1) if self.encoding == "tokens" else ("vector", 1)

    def instead(self) -> str:
        """Says how its words are given in order."""
        return "Say encoding: tokens" if self.encoding != "tokens" else ""

    def needs(self) -> Mapping[str, tuple[str, str]]:
        """Returns what needs tensorflow-text."""
        return {name: (MODULE, EXTRA) for name in ("tokens", "normalize") if self.changed(name)}

    @model_validator(mode="after")
    def _tokens_only(self) -> Text:
        if self.encoding != "tokens":
            wrong = [name for name in ("tokens", "max_tokens", "embedding") if self.changed(name)]
            if wrong:
                message = f"belongs to encoding: tokens. Received: encoding: {self.encoding}"
                raise Contradiction(*(((name,), message) for name in wrong))
        return self


KEYS = Text
