"""The format `ledger`: a row a line, `speed=3.5 wind=270`. Loaded with every spec; what reads is in a module of its own."""

from stellwerk.tables.formats import SourceFormat

FORMAT = SourceFormat(
    name="ledger", title="Ledger", endings=(".ledger",), batches="acme.ledger.reading:batches", lineage="ledger"
)
