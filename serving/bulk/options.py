"""What a bulk prediction is asked to do besides its model, input and output."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from stellwerk.errors import UsageError
from stellwerk.spec.data import Source
from stellwerk.tables.encodings import is_known

NULL_VALUES = Source.model_fields["null_values"].default
"""Texts of a CSV file that mean 'missing': those that training takes by default."""

Format = str
"""Of an output: one of `stellwerk.tables.formats.WRITTEN`."""


@dataclass(frozen=True)
class Connection:
    """How a server is asked: how often at once, how patiently, and how it knows us. Tokens are never part of a message."""

    clients: int = 4
    """Requests under way at once."""
    timeout: float = 30.0
    """Seconds that one request may take."""
    patience: float = 60.0
    """Seconds for which a request that the server cannot take now is tried again."""
    token: str | None = field(default=None, repr=False)
    """Bearer token."""
    ca: Path | None = None
    """Certificates (PEM) by which the server is known; by default those of the system."""
    cert: Path | None = None
    """Our own certificate (PEM), for servers that ask for one."""
    key: Path | None = None
    """The private key (PEM) of `cert`."""

    def __post_init__(self) -> None:
        if self.clients < 1:
            raise UsageError(f"--clients: at least 1 request is under way at a time. Received: {self.clients}")
        if self.timeout <= 0 or self.patience < 0:
            raise UsageError(
                f"--timeout and --patience are seconds, and positive. Received: {self.timeout:g} and {self.patience:g}"
            )
        if (self.cert is None) != (self.key is None):
            raise UsageError("--cert and --key belong together: give both, or none.")
        for path in (self.ca, self.cert, self.key):
            if path is not None and not path.is_file():
                raise UsageError(f"{path}: there is no such file.")


@dataclass(frozen=True)
class Options:
    """What is read, which columns the output has, and how much is done at once."""

    version: int | None = None
    """Version of the model; None is the newest."""
    signature: str = "serving_default"
    """The signature that is asked."""
    format: Format | None = None
    """Format of the output; None takes it from the ending of its name."""
    keep: tuple[str, ...] | None = None
    """Columns of the input that the output has too, in this order; None keeps all, () none."""
    prefix: str = ""
    """Stands before the name of every column that the model adds."""
    threshold: float | None = None
    """Binary models: adds `predicted`, 1 where the probability is at least this."""
    all_probabilities: bool = False
    """Models with several classes: adds the probability of every class."""
    null_values: tuple[str, ...] = NULL_VALUES
    """CSV and workbooks: texts that mean 'missing'."""
    delimiter: str | None = None
    """CSV: what stands between values; None is a tab for .tsv files and a comma for all others, or what the first rows agree on."""
    quote: str = '"'
    """CSV: what stands around values that hold delimiters; nothing where quotes are letters as any other."""
    encoding: str = "utf-8"
    """CSV: how the bytes become text, by any name that Python knows."""
    decimal: str = "."
    """CSV: what stands before the fraction of a number."""
    thousands: str = ""
    """CSV: what stands between groups of three digits, if anything."""
    sheet: str | None = None
    """Workbooks: the name of the sheet; None is the first."""
    on_bad_rows: Literal["fail", "quarantine"] = "fail"
    """What becomes of a row that the model cannot take: end with an error, or set it aside beside the output."""
    batch_size: int | None = None
    """Rows that the model is asked about at once; None is 8192 in process and 1024 for a server."""
    connection: Connection = Connection()

    def __post_init__(self) -> None:
        if self.batch_size is not None and self.batch_size < 1:
            raise UsageError(f"--batch-size: at least 1 row. Received: {self.batch_size}")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UsageError(f"--threshold is a probability between 0 and 1. Received: {self.threshold:g}")
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise UsageError(f"--delimiter is one character. Received: {self.delimiter!r}")
        if len(self.quote) > 1 or not self.quote.isascii():
            raise UsageError(f"--quote is one character, or empty. Received: {self.quote!r}")
        if not is_known(self.encoding):
            raise UsageError(f"--encoding is one that Python knows, as cp1252 or utf-16. Received: {self.encoding!r}")
        if self.decimal not in (".", ",") or len(self.thousands) > 1 or self.decimal == self.thousands:
            raise UsageError(
                "--decimal is . or , and --thousands another character. "
                f"Received: {self.decimal!r} and {self.thousands!r}"
            )
