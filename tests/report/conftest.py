"""A realistic run folder, written with the real protos."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

SPLITS = {"train": 269_420, "eval": 33_678, "test": 33_678}
SPEC = """\
name: flight-delays
data:
  sources:
    flights: data/flights.csv.zip
    weather: data/weather.csv
  split: {by: hash, key: [tailnum], train: 0.8, eval: 0.1, test: 0.1}
  on_bad_rows: quarantine
features:
  distance: {type: number, scale: standard}
  carrier: {type: category, vocabulary: 200, oov: 1}
  date: {type: time, parts: [weekday]}
target: {column: late, type: binary}
model: {type: wide_deep, hidden: [128, 64], dropout: 0.1}
evaluate:
  slices: [[carrier], [origin]]
  min_slice_size: 300
  require: {auc: {min: 0.70, min_gain: -0.005}}
push: {to: models/}
"""
STEPS = ("ingest", "validate", "transform", "train", "evaluate", "push")
OUTPUTS = {
    "ingest": ["examples"],
    "validate": ["statistics", "schema", "anomalies"],
    "transform": ["transform_graph", "transformed"],
    "train": ["model", "history"],
    "evaluate": ["evaluation", "blessing"],
    "push": ["pushed_model"],
}
AFTER = {
    "ingest": [],
    "validate": ["ingest"],
    "transform": ["ingest", "validate"],
    "train": ["transform"],
    "evaluate": ["ingest", "train"],
    "push": ["train", "evaluate"],
}
WAITED = {"ingest": 0.44, "validate": 4.97}
SECONDS = {"ingest": 3.62, "validate": 4.31, "transform": 9.87, "train": 14.2, "evaluate": 5.03, "push": 0.41}
CARRIERS = ["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9", "YV", "HA", "OO"]

MakeRun = Callable[..., Path]


def digest(seed: object) -> str:
    return np.random.default_rng(abs(hash(str(seed))) % 2**32).bytes(32).hex()


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")


def _number(proto: Any, values: np.ndarray, rows: int) -> None:
    kept = values[~np.isnan(values)]
    common = proto.num_stats.common_stats
    common.num_non_missing, common.num_missing = len(kept) * rows // len(values), rows - len(kept) * rows // len(values)
    stats = proto.num_stats
    stats.mean, stats.std_dev, stats.median = kept.mean(), kept.std(), float(np.median(kept))
    stats.min, stats.max, stats.num_zeros = kept.min(), kept.max(), int((kept == 0).sum() * rows / len(values))
    for kind in ("STANDARD", "QUANTILES"):
        edges = (
            np.linspace(kept.min(), kept.max(), 11) if kind == "STANDARD" else np.quantile(kept, np.linspace(0, 1, 11))
        )
        counts = np.histogram(kept, edges)[0] if kind == "STANDARD" else np.full(10, len(kept) / 10)
        histogram = stats.histograms.add(type=getattr(statistics_pb2.Histogram, kind))
        for low, high, inside in zip(edges, edges[1:], counts, strict=False):
            histogram.buckets.add(low_value=low, high_value=high, sample_count=inside * rows / len(values))


def _text(proto: Any, shares: Mapping[str, float], rows: int) -> None:
    proto.type = statistics_pb2.FeatureNameStatistics.STRING
    stats = proto.string_stats
    stats.common_stats.num_non_missing = rows
    stats.unique, stats.avg_length = len(shares), float(np.mean([len(value) for value in shares]))
    for rank, (value, part) in enumerate(sorted(shares.items(), key=lambda pair: -pair[1])):
        stats.rank_histogram.buckets.add(low_rank=rank, high_rank=rank, label=value, sample_count=part * rows)
        stats.top_values.add(value=value, frequency=part * rows)


def _zipf(names: Sequence[str], random: np.random.Generator, power: float = 0.7) -> dict[str, float]:
    weights = (1 / np.arange(1, len(names) + 1) ** power) * random.uniform(0.9, 1.1, len(names))
    return dict(zip(names, weights / weights.sum(), strict=True))


def write_statistics(folder: Path, extra: int = 0, texts: Mapping[str, Sequence[str]] | None = None) -> None:
    """Writes FeatureStats.pb for every split: flights' columns, `extra` numeric ones, and text columns of given values."""
    random = np.random.default_rng(7)
    for split, rows in SPLITS.items():
        message = statistics_pb2.DatasetFeatureStatisticsList()
        dataset = message.datasets.add(num_examples=rows)

        def add(name: str, dataset: Any = dataset) -> Any:
            proto = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.FLOAT)
            proto.path.step.append(name)
            return proto

        size = 20_000
        hours = np.clip(np.concatenate([random.normal(8, 2, size // 2), random.normal(17, 2.4, size // 2)]), 5, 23)
        wind = np.abs(random.normal(10 + (split == "test"), 5, size)) * 1.0
        wind[random.random(size) < 0.043] = np.nan
        numbers = {
            "distance": random.gamma(2.1, 480, size) + 80,
            "hour": hours.round(),
            "month": random.integers(1, 13, size).astype(float),
            "wind_speed": wind,
            "visib": np.where(random.random(size) < 0.9, 10.0, random.uniform(0, 10, size)),
            "temp": np.concatenate([random.normal(38, 11, size // 2), random.normal(72, 10, size // 2)]),
            "precip": np.where(random.random(size) < 0.95, 0.0, random.gamma(1, 0.03, size)),
            "late": (random.random(size) < 0.24).astype(float),
            "year": np.full(size, 2013.0),
            "date": 1_356_998_400 + 86_400.0 * random.integers(0, 365, size),
        }
        numbers |= {f"sensor_{index:02d}": random.normal(index, 1 + index / 10, size) for index in range(extra)}
        for name, values in numbers.items():
            _number(add(name), values, rows)
        _text(add("carrier"), _zipf(CARRIERS, random), rows)
        _text(add("origin"), _zipf(["EWR", "JFK", "LGA"], random, 0.1), rows)
        _text(add("dest"), _zipf([f"{a}{b}T" for a in "ABCDEFGHIJ" for b in "ABCDEFGHIJ"], random, 0.5), rows)
        for name, values in (texts or {}).items():
            _text(add(name), _zipf(values, random), rows)
        path = folder / "validate" / "statistics" / split / "FeatureStats.pb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(message.SerializeToString())


def write_data(folder: Path, columns: Mapping[str, str]) -> None:
    sources = [
        {"name": name, "format": "csv", "files": [{"path": path, "bytes": size, "sha256": digest(name)}]}
        | {"bytes": size, "sha256": digest(name), "rows": rows, "rejected": rejected}
        for name, path, size, rows, rejected in (
            ("flights", "data/flights.csv.zip", 7_423_113, 336_776, 2),
            ("weather", "data/weather.csv", 2_104_112, 26_115, 1),
        )
    ]
    reasons = {"19 columns expected, 17 found": 2, "'calm' in wind_speed is no number": 1}
    counts = {"read": 336_776, "written": 336_776, "quarantined": 0, "rejected_before_query": 3, "by_reason": reasons}
    manifest = {
        "version": digest("data"),
        "columns": dict(columns),
        "splits": {split: {"rows": rows, "shards": []} for split, rows in SPLITS.items()},
        "sources": sources,
        "rows": counts,
    }
    _write(folder / "ingest" / "examples" / "dataset.json", manifest)
    rows = [
        {
            "source": "data/flights.csv.zip",
            "file": "data/flights.csv.zip",
            "line": 4711,
            "reason": "19 columns expected, 17 found",
            "row": "2013,1,5,NA,630",
        },
        {"source": "flights", "line": 9001, "reason": "19 columns expected, 17 found", "row": "2013,1,9"},
        {
            "source": "weather",
            "file": None,
            "line": 12,
            "reason": "'calm' in wind_speed is no number",
            "row": "EWR,calm",
        },
    ]
    _write(folder / "ingest" / "examples" / "quarantine" / "rows.jsonl", "\n".join(map(json.dumps, rows)) + "\n")


def write_training(folder: Path, epochs: int = 12) -> None:
    epoch = np.arange(1, epochs + 1)
    logs = {
        "loss": 0.46 + 0.14 * np.exp(-epoch / 3),
        "eval_loss": 0.474 + 0.11 * np.exp(-epoch / 2.4) + 0.0012 * np.maximum(0, epoch - 7),
        "auc": 0.76 - 0.14 * np.exp(-epoch / 3),
        "eval_auc": 0.742 - 0.11 * np.exp(-epoch / 2.6) - 0.001 * np.maximum(0, epoch - 7),
        "accuracy": 0.79 - 0.05 * np.exp(-epoch / 2),
        "eval_accuracy": 0.784 - 0.05 * np.exp(-epoch / 2),
        "seconds": np.full(epochs, 1.1),
        "rows_per_second": np.full(epochs, 244_000.0),
    }
    entries = [{"epoch": int(e)} | {name: float(row[e - 1]) for name, row in logs.items()} for e in epoch]
    facts = {
        "epochs": entries,
        "parameters": 21_377,
        "best_epoch": 9,
        "stopped_early": True,
        "resumed_from_epoch": None,
    }
    _write(folder / "train" / "history" / "history.json", facts)
    card = {
        "target": {"column": "late", "type": "binary"},
        "inputs": {"distance": "float", "carrier": "string"},
        "hyperparameters": {
            "model": {"type": "wide_deep", "hidden": [128, 64], "dropout": 0.1},
            "batch_size": 1024,
            "epochs": 12,
            "optimizer": {"type": "adam", "learning_rate": 0.001},
            "class_weights": None,
            "seed": 42,
        },
        "versions": {"tensorflow": "2.16.2"},
    }
    _write(folder / "train" / "model" / "assets.extra" / "stellwerk.json", card)


def _slice(key: dict[str, Any], examples: int, random: np.random.Generator, baseline: bool) -> dict[str, Any]:
    auc = float(np.clip(random.normal(0.737, 0.028), 0.5, 0.95))
    metrics: dict[str, float | None] = {
        "auc": auc if examples > 60 else None,
        "auc_pr": auc - 0.22,
        "accuracy": float(random.normal(0.786, 0.03)),
        "log_loss": float(random.normal(0.474, 0.03)),
        "calibration": float(random.normal(1.0, 0.06)),
    }
    entry: dict[str, Any] = {"slice": key, "examples": examples, "metrics": metrics}
    if baseline:
        entry["baseline"] = {
            name: None if value is None else value + float(random.normal(-0.002, 0.006))
            for name, value in metrics.items()
        }
    return entry


def write_evaluation(
    folder: Path, *, blessed: bool = True, slices: Sequence[dict[str, Any]] | None = None, baseline: bool = True
) -> None:
    random = np.random.default_rng(3)
    keys = slices or [{"carrier": name} for name in CARRIERS] + [{"origin": name} for name in ("EWR", "JFK", "LGA")]
    sizes = random.integers(50, 5_000, len(keys))
    rows = [_slice({}, SPLITS["test"], random, baseline)]
    rows[0]["metrics"]["auc"] = 0.7412 if blessed else 0.6834
    rows += [_slice(dict(key), int(size), random, baseline) for key, size in zip(keys, sizes, strict=True)]
    x = np.linspace(0, 1, 400)
    evaluation = {
        "examples": SPLITS["test"],
        "slices": rows,
        "curves": {
            "roc": [[float(a), float(a**0.42)] for a in x],
            "pr": [[float(a), float(0.24 + 0.62 * (1 - a) ** 1.6)] for a in x],
            "calibration": [
                {"mean_prediction": m, "mean_label": m + 0.04 * np.sin(6 * m), "examples": 3300}
                for m in np.linspace(0.03, 0.9, 10)
            ],
        },
        "confusion": {"classes": ["0", "1"], "counts": [[24_310, 1_402], [5_911, 2_055]]},
    }
    _write(folder / "evaluate" / "evaluation" / "evaluation.json", evaluation)
    auc = rows[0]["metrics"]["auc"]
    whole = "the whole test split"
    asked = [
        (
            "auc",
            {},
            "min",
            0.70,
            auc,
            auc - 0.70,
            f"auc is {auc:.4f} on {whole}, {abs(auc - 0.7):.4g} from the required minimum 0.7.",
        ),
        (
            "auc",
            {},
            "min_gain",
            -0.005,
            auc,
            0.0021,
            f"auc is {auc:.4f} on {whole}, 0.0021 better than the last blessed model's.",
        ),
        (
            "calibration",
            {},
            "max",
            1.1,
            1.012,
            -0.088,
            f"calibration is 1.0120 on {whole}, 0.088 below the required maximum 1.1.",
        ),
        (
            "auc",
            {"carrier": "UA"},
            "min",
            0.65,
            0.7201,
            0.0701,
            "auc is 0.7201 on carrier=UA, 0.0701 above the required minimum 0.65.",
        ),
    ]
    requirements = [
        {"metric": a, "slice": b, "examples": 9, "bound": c, "required": d, "value": e, "difference": f, "sentence": g}
        | {"ok": not (c == "min" and e < d)}
        for a, b, c, d, e, f, g in asked
    ]
    _write(folder / "evaluate" / "blessing" / "blessing.json", {"blessed": blessed, "requirements": requirements})


def _record(name: str, status: str, steps: Mapping[str, str], errors: Mapping[str, str]) -> dict[str, Any]:
    at = 0.34
    entries = []
    for step in STEPS:
        how = steps.get(step, "done")
        ran = how in ("done", "refused", "failed")
        entry: dict[str, Any] = {"name": step, "after": AFTER[step], "status": how, "key": digest(("key", step))}
        entry |= {"started": None, "seconds": None, "peak_memory": None, "rows": None, "cached_from": None}
        entry |= {"error": errors.get(step), "inputs": {}, "outputs": {}}
        if ran or how in ("cached", "running"):
            entry["started"] = at
        if ran:
            entry |= {"waited": WAITED.get(step, 0.01), "seconds": SECONDS[step]}
            entry |= {"peak_memory": 412_000_000 + 90_000_000 * len(entries)}
            entry["rows"] = None if step == "push" else 336_776
            at += WAITED.get(step, 0.01) + SECONDS[step] + 0.05
        if how == "cached":
            entry |= {"seconds": 0.0, "cached_from": "20261120-221105-77fe"}
        if how in ("done", "cached"):
            entry["outputs"] = {output: digest((step, output)) for output in OUTPUTS[step]}
        entries.append(entry)
    return {
        "run": name,
        "name": "flight-delays",
        "spec": "/home/ada/flights/pipeline.yaml",
        "started": "2026-11-21T19:01:02Z",
        "finished": None if status == "running" else "2026-11-21T19:01:40Z",
        "status": status,
        "exit_code": {"done": 0, "refused": 1, "failed": 3}.get(status),
        "error": next(iter(errors.values()), None),
        "versions": {"stellwerk": "0.1.0", "tensorflow": "2.16.2", "keras": "3.15.1", "tensorflow-transform": "1.16.0"},
        "steps": entries,
    }


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    """Writes a run folder: `make_run(path, status, steps={"push": "failed"}, errors={"push": "..."}, ...)`.

    Steps that did not run write nothing; `extra` adds numeric columns, `texts` text columns, `slices` replaces the slices.
    """

    def make(
        path: Path,
        status: str = "done",
        *,
        steps: Mapping[str, str] | None = None,
        errors: Mapping[str, str] | None = None,
        extra: int = 0,
        texts: Mapping[str, Sequence[str]] | None = None,
        slices: Sequence[dict[str, Any]] | None = None,
        anomalies: Sequence[dict[str, Any]] = (),
        blessed: bool = True,
    ) -> Path:
        steps = dict(steps or {})
        wrote = {step for step in STEPS if steps.get(step, "done") in ("done", "cached", "refused")}
        _write(path / "run.json", _record("20261121-190102-ab12", status, steps, errors or {}))
        _write(path / "spec.yaml", SPEC)
        if "ingest" in wrote:
            write_data(path, {"distance": "float", "carrier": "string", "late": "int64"})
        if "validate" in wrote:
            write_statistics(path, extra, texts)
            _write(path / "validate" / "anomalies" / "anomalies.json", {"anomalies": list(anomalies)})
        if "train" in wrote:
            write_training(path)
        if "evaluate" in wrote:
            write_evaluation(path, blessed=blessed, slices=slices)
        if "push" in wrote and steps.get("push", "done") != "refused":
            pushed = {"version": 3, "path": "/home/ada/flights/models/flight-delays/3", "model_digest": "9a" * 32}
            _write(path / "push" / "pushed_model" / "pushed.json", pushed)
        for step, error in (errors or {}).items():
            _write(path / step / "log.txt", "starting\n" * 100 + f"\x1b[31m{error}\x1b[0m\n")
        return path

    return make


CURVE = [
    {"clients": clients, "rate": None, "requests": 200, "failed": 0, "seconds": 0.2}
    | {"throughput": 900.0 * clients**0.5, "p50_ms": 1.0 * clients, "p99_ms": 3.0 * clients}
    for clients in (1, 2, 4, 8)
]


def _row(
    metric: str, bound: str, required: float, value: float | None, sentence: str, ok: bool = True
) -> dict[str, Any]:
    return {"metric": metric, "bound": bound, "required": required, "value": value, "ok": ok} | {
        "difference": None if value is None else value - required,
        "sentence": sentence,
    }


def _rehearsal(p99: float = 3.0) -> dict[str, Any]:
    latency = {**CURVE[0], "p99_ms": p99}
    return {
        "rehearsed": True,
        "passed": p99 <= 50,
        "server": "embedded",
        "api": "grpc",
        "batch_size": 1,
        "requirements": [
            _row("loads", "min", 1, 1, "The server was ready 2.9 s after its start."),
            _row("failed_requests", "max", 0, 0, "All 1,000 requests were answered."),
            _row("differing_answers", "max", 0, 0, "The answers for all 200 examples equal those of the model."),
            _row("p99_ms", "max", 50, p99, f"p99_ms is {p99:g} with one request after the other.", p99 <= 50),
            _row("memory", "max", 2e9, None, "memory could not be measured.", p99 <= 50),
        ],
        "measurements": {"startup_seconds": 2.9, "memory": 620_838_912, "model_size": 2_218_433, "latency": latency}
        | {"compared": {"answers": 200, "examples": 200, "differing": 0, "first": None}},
        "scaling": CURVE,
    }


@pytest.fixture(scope="session")
def rehearsal() -> Callable[..., dict[str, Any]]:
    """What a rehearsal writes: `rehearsal(p99)`, which passes up to 50 ms."""
    return _rehearsal


@pytest.fixture(scope="session")
def explain() -> Callable[..., None]:
    """Adds to the evaluation of a run what the model looks at and where it is most wrong: `explain(run, column=..., value=...)`."""

    def add(run: Path, column: str = "distance", value: Any = 1400) -> None:
        path = run / "evaluate" / "evaluation" / "evaluation.json"
        columns = [
            {"column": name, "mean": 0.3 / place, "deviation": 0.02}
            for place, name in enumerate((column, "carrier"), 1)
        ]
        importance = {
            "metric": "log_loss",
            "base": 0.41,
            "rows": 2_000,
            "columns": [*columns, {"column": "hour", "mean": -1e-5}],
        }
        rows = [
            {"row": {column: value, "carrier": "UA", "hour": None}, "actual": "1", "predicted": "0", "certainty": 0.98}
        ] * 3
        told = {"importance": importance, "worst": {"examined": 20_000, "rows": rows}}
        path.write_text(json.dumps(json.loads(path.read_text()) | told))

    return add
