"""Texts to words, by operations of TensorFlow: the same in training and in the served model."""

from __future__ import annotations

import tensorflow as tf

from stellwerk.kinds.text.extra import tensorflow_text
from stellwerk.kinds.text.keys import Text

NUMBER = "<number>"
"""The one word that stands for every number with `numbers: token`."""

_NUMBER_SIGN = "\ue000"
"""Stands for a number until punctuation is gone; a private character that no text should hold."""

_NUMBER = r"\p{Nd}+(?:[.,:]\p{Nd}+)*"

PARTS = {
    "headers": r"(?i)\A(?:from [^\n]*\n)?(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)+\r?\n",
    "quotes": r"(?im)^[ \t]*[>|][^\n]*$|^[^\n]*\b(?:wrote|writes|said|says):[ \t\r]*$|^-+ ?original message ?-+(?s:.*)\z",
    "footers": r"\n(?:--|[-_=*]{5,})[ \t\r]*\n(?:[^\n]*\n){0,10}[^\n]*\z",
    "html": r"(?is)<script\b.*?</script\s*>|<style\b.*?</style\s*>|<!.*?>|</?[a-z][^>]*>|&#?[a-z0-9]+;",
}
"""What `strip` takes out, in this order: what is told by lines, before tags. As scikit-learn means headers, quotes and footers in `fetch_20newsgroups(remove=...)`."""

_UNSPACED = r"(\p{Han}|(?:[\p{Hiragana}\p{Katakana}]|\p{Thai}|\p{Lao}|\p{Khmer}|\p{Myanmar})\pM*)"
"""A character of a script that is written without blanks between words, with the marks on it."""


def words_of(texts: tf.Tensor, feature: Text) -> tf.RaggedTensor:
    """Returns the words of each text: [batch, words]. Bytes that are no UTF-8 become U+FFFD, a sign as others."""
    texts = _letters(texts, feature)
    for part, pattern in PARTS.items():
        if part in feature.strip:
            texts = tf.strings.regex_replace(texts, pattern, " ")
    return tf.strings.split(_signs(texts, feature))


def _letters(texts: tf.Tensor, feature: Text) -> tf.Tensor:
    if feature.normalize is not None:
        texts = tensorflow_text().normalize_utf8(texts, feature.normalize)
    if feature.lowercase:
        return tf.strings.lower(texts, encoding="utf-8")
    return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8")


def _signs(texts: tf.Tensor, feature: Text) -> tf.Tensor:
    """Puts blanks around what is a word by itself, and in the place of what is none, as control characters (tensorflow-text crashes at a piece that begins with U+0011)."""
    texts = tf.strings.regex_replace(texts, r"\p{Cc}", " ")
    if feature.numbers == "token":
        texts = tf.strings.regex_replace(texts, _NUMBER, f" {_NUMBER_SIGN} ")
    if feature.numbers == "digits":
        texts = tf.strings.regex_replace(texts, r"(\p{Nd})", r" \1 ")
    if feature.punctuation != "keep":
        instead = r" \1 " if feature.punctuation == "split" else " "
        texts = tf.strings.regex_replace(texts, rf"([^\pL\pM\pN\s{_NUMBER_SIGN}])", instead)
    if feature.split_unspaced:
        texts = tf.strings.regex_replace(texts, _UNSPACED, r" \1 ")
    if feature.numbers == "token":
        texts = tf.strings.regex_replace(texts, _NUMBER_SIGN, NUMBER)
    return texts
