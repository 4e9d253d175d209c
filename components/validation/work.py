"""The step validate: statistics of every split, a schema, what does not fit it, and the gate."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import write_json, written_aside
from stellwerk.components.validation import comparing
from stellwerk.components.validation.curated import Curated, read_curated
from stellwerk.components.validation.following import open_columns
from stellwerk.components.validation.gate import Row, refusal
from stellwerk.components.validation.inferring import infer
from stellwerk.components.validation.media import as_json, media_rows, repeated
from stellwerk.components.validation.reporting import Reporter
from stellwerk.components.validation.statistics import read, statistics_of, write
from stellwerk.components.validation.targets import target_rows
from stellwerk.components.validation.writing import as_text
from stellwerk.errors import DataError, did_you_mean
from stellwerk.progress import Progress, silent
from stellwerk.showing import listed
from stellwerk.spec import SPLITS, Beam, Target, Validate
from stellwerk.spec.features.patterns import Names

Statistics = Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]

NEW_VALUES = ("ENUM_TYPE_UNEXPECTED_STRING_VALUES", "BOOL_TYPE_UNEXPECTED_STRING", "BOOL_TYPE_BIG_INT")
"""Kinds of anomalies that say of a target that it has a new class."""


def validate(
    *,
    settings: Validate,
    target: Target,
    examples: Path | str,
    curated: Path | None = None,
    previous: Path | None = None,
    statistics: Path,
    schema: Path,
    anomalies: Path,
    progress: Progress = silent,
    beam: Beam | None = None,
    named: list[str] | None = None,
) -> None:
    """Measures every split and compares it with the schema, with the train split and with an earlier run.

    `curated` is a person's own schema; without one it is inferred from the train split. `previous` is the Statistics
    artifact of the last run that passed; `named` are the columns, and patterns, that the spec names: an inferred schema lets the
    others have any value. With `beam` the statistics are counted on its workers. Writes Statistics, Schema and Anomalies whole, then raises GateRefused
    where there are anomalies and `settings.on_anomaly` is fail. Raises DataError where the data or the curated schema
    cannot be used at all.
    """
    data = Examples.open(examples)
    own = read_curated(curated, settings.schema_ or curated.name) if curated else None
    earlier = read(previous / "train") if previous else None
    _check_target(target, data)
    comparing.check_columns(settings, data.columns)
    categorical = _categorical(settings, target, own)
    measured = _measured_on(beam, data, categorical, statistics) if beam else _measure(data, categorical, progress)
    used = own.schema if own else _inferred(measured, data, settings, target, named)
    found = _anomalies(measured, used, settings, target, earlier)
    twice = repeated(data, list(measured))
    besides = [*target_rows(target, data, measured), *media_rows(twice, data.manifest.get("media", {}))]
    rows = _rows(Reporter(data, measured, used, own, target.column), found, besides)
    with written_aside(statistics) as folder:
        for split, values in measured.items():
            write(values, folder / split)
    with written_aside(schema) as folder:
        (folder / "schema.pbtxt").write_text(own.text if own else as_text(used), encoding="utf-8")
    with written_aside(anomalies) as folder:
        for split, proto in found.items():
            (folder / split).mkdir()
            (folder / split / "SchemaDiff.pb").write_bytes(proto.SerializeToString(deterministic=True))
        told = {"media": as_json(twice)} if twice else {}
        write_json(folder / "anomalies.json", {"anomalies": [asdict(row) for row in rows], **told})
    if rows and settings.on_anomaly == "fail":
        raise refusal(rows)


def _rows(reporter: Reporter, found: Mapping[str, anomalies_pb2.Anomalies], besides: list[Row]) -> list[Row]:
    """Returns all anomalies; a new class that the schema's domain reports already is not told twice."""
    rows = [row for split, anomalies in found.items() for row in reporter.rows(split, anomalies)]
    known = {(row.split, row.column) for row in rows if row.kind in NEW_VALUES}
    told = [row for row in besides if row.kind != "TARGET_NEW_CLASS" or (row.split, row.column) not in known]
    return rows + told


def _check_target(target: Target, examples: Examples) -> None:
    if target.column not in examples.columns:
        raise DataError(
            f"target.column: the data have no column '{target.column}'.{did_you_mean(target.column, examples.columns)} "
            f"Columns: {listed(examples.columns)}"
        )


def _splits(examples: Examples) -> list[str]:
    return [split for split in SPLITS if split in examples.manifest["splits"]]


def _categorical(settings: Validate, target: Target, own: Curated | None) -> set[str]:
    columns = comparing.categorical_columns(settings, own.schema if own else None)
    return columns | {target.column} if target.about.has_classes else columns


def _measure(examples: Examples, categorical: set[str], progress: Progress) -> Statistics:
    return statistics_of(examples, _splits(examples), categorical, progress)


def _measured_on(beam: Beam, examples: Examples, categorical: set[str], beside: Path) -> Statistics:
    from stellwerk.components.validation.beam import statistics_on  # noqa: PLC0415 - only where Beam is asked for

    return statistics_on(beam, examples, _splits(examples), categorical, beside)


def _inferred(
    measured: Statistics, examples: Examples, settings: Validate, target: Target, named: list[str] | None
) -> schema_pb2.Schema:
    if not examples.rows("train"):
        raise DataError(
            "data.split: the train split has no examples, so there is no schema to infer. Change data.split"
        )
    used = None if named is None else Names.of(_with_facts(named, examples))

    def is_open(columns: Collection[str]) -> set[str]:
        unused = {column for column in columns if used is not None and column not in used}
        return unused | open_columns(examples, [column for column in columns if column not in unused])

    integers = {column for column, kind in examples.columns.items() if kind == "int64"}
    return infer(
        measured["train"],
        smallest=min(examples.rows(split) for split in measured),
        target=target.column,
        categorical=_categorical(settings, target, None) & integers,
        is_open=is_open,
        media=examples.manifest.get("media", {}),
    )


def _with_facts(named: list[str], examples: Examples) -> list[str]:
    """Returns the columns that a spec names, and what is known of the media among them: that is held to the schema too."""
    media = [column for column in examples.manifest.get("media", {}) if column in Names.of(named)]
    return [*named, *(name for name in examples.columns if any(name.startswith(f"{column}.") for column in media))]


def _anomalies(
    measured: Statistics,
    schema: schema_pb2.Schema,
    settings: Validate,
    target: Target,
    earlier: statistics_pb2.DatasetFeatureStatisticsList | None,
) -> dict[str, anomalies_pb2.Anomalies]:
    asked = _asked(schema, target)
    found = {split: tfdv.validate_statistics(values, asked) for split, values in measured.items()}
    for split, anomalies in found.items():
        if split != "train":
            comparing.merge(anomalies, comparing.skew(measured["train"], measured[split], schema, settings.skew))
    if earlier is not None:
        comparing.merge(found["train"], comparing.drift(measured["train"], earlier, schema, settings.drift))
    return found


def _asked(schema: schema_pb2.Schema, target: Target) -> schema_pb2.Schema:
    """Returns the schema as the splits are held to it: every example needs a target; comparators are asked apart."""
    asked = schema_pb2.Schema()
    asked.CopyFrom(schema)
    for feature in asked.feature:
        feature.ClearField("skew_comparator")
        feature.ClearField("drift_comparator")
        if feature.name == target.column:
            feature.presence.min_fraction, feature.presence.min_count = 1, 1
    return asked
