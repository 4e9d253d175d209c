"""TFDV's anomalies as rows that a person can act on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.validation.comparing import kind_of, measurements
from stellwerk.components.validation.curated import Curated
from stellwerk.components.validation.explaining import Finding, Held, explain
from stellwerk.components.validation.gate import Row

COMPARED = {"skew": "the train split", "drift": "the last run that passed"}
DISTANCES = {"L_INFTY": "l_infinity", "JENSEN_SHANNON_DIVERGENCE": "jensen_shannon"}


class Reporter:
    """Explains anomalies of the splits of one data set against one schema."""

    def __init__(
        self,
        examples: Examples,
        statistics: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList],
        schema: schema_pb2.Schema,
        curated: Curated | None,
        target: str,
    ) -> None:
        self._held = {split: Held(examples, split, target, schema, values) for split, values in statistics.items()}
        self._curated = curated

    def rows(self, split: str, anomalies: anomalies_pb2.Anomalies) -> Iterator[Row]:
        """Yields the anomalies of a split: of the split as a whole, of its columns by name, of its comparisons."""
        if anomalies.data_missing:
            fix = "change data.split or data.query in the spec so that the split gets examples"
            yield Row(split, None, "NO_EXAMPLES", "the split has no examples", 0, None, fix, None)
            return
        for reason in anomalies.dataset_anomaly_info.reason:
            fix = f"{self._place()}correct dataset_constraints"
            yield Row(split, None, kind_of(reason), reason.description.rstrip(". "), None, None, fix, None)
        for called, info in sorted(anomalies.anomaly_info.items()):
            column = info.path.step[0] if info.path.step else called  # a name with a dot is in quotes there
            for reason in _telling(info):
                yield self._row(split, column, reason)
        yield from self._compared(split, anomalies)

    def _row(self, split: str, column: str, reason: anomalies_pb2.AnomalyInfo.Reason) -> Row:
        held = self._held[split]
        told = explain(Finding(held, column, kind_of(reason), reason.description or reason.short_description))
        rows = held.examples.rows(split)
        share = told.examples / rows if told.examples is not None and rows else None
        line = self._curated.features.get(column) if self._curated else None
        fix = self._place(column, told.domain) + told.accept if told.in_schema else told.accept
        return Row(split, column, kind_of(reason), told.what, told.examples, share, fix, line)

    def _place(self, column: str = "", domain: str = "") -> str:
        """Returns where the schema is to be changed: at a domain of its own, at the column, or somewhere."""
        if self._curated is None:
            return "write a schema of your own with `stellwerk schema`; there "
        line = self._curated.domains.get(domain) or self._curated.features.get(column)
        return f"{self._curated.file}:{line}: " if line else f"{self._curated.file}: "

    def _compared(self, split: str, anomalies: anomalies_pb2.Anomalies) -> Iterator[Row]:
        for column, kind, measurement in measurements(anomalies):
            if measurement.value <= measurement.threshold:
                continue
            name = type(measurement).Type.Name(measurement.type)
            distance = DISTANCES.get(name, name.lower())
            what = (
                f"the values moved by {measurement.value:.3g} ({distance}) from {COMPARED[kind]}; "
                f"at most {measurement.threshold:g} is allowed"
            )
            limit = min(1, measurement.value * 1.05)
            fix = f"raise the limit in the spec: validate: {{{kind}: {{{column}: {{{distance}: {limit:.2g}}}}}}}"
            yield Row(split, column, f"{kind.upper()}_{name}_HIGH", what, None, None, fix, None)


def _telling(info: anomalies_pb2.AnomalyInfo) -> list[anomalies_pb2.AnomalyInfo.Reason]:
    """Returns the reasons worth a row: a wrong type explains whatever else is said of the values."""
    reasons = [reason for reason in info.reason if not kind_of(reason).startswith("COMPARATOR_")]
    types = [reason for reason in reasons if kind_of(reason) == "UNEXPECTED_DATA_TYPE"]
    return types or reasons
