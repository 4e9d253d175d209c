"""The same picture in two splits is an anomaly; one that looks alike is counted; what is measured of pictures is validated as numbers are."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_data_validation as tfdv
from PIL import Image

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.ingestion.work import ingest
from stellwerk.components.validation.following import open_columns
from stellwerk.components.validation.media import NEAR, near
from stellwerk.components.validation.statistics import by_column, read
from stellwerk.components.validation.work import validate
from stellwerk.errors import GateRefused
from stellwerk.report.reading import read_repeated
from stellwerk.spec import Target, Validate
from stellwerk.spec.data import Data

TARGET = Target(column="y", type="binary")


def _saved(values: np.ndarray[Any, Any], kind: str = "PNG") -> bytes:
    target = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(target, kind)
    return target.getvalue()


def _scene(seed: int) -> np.ndarray[Any, Any]:
    coarse = np.random.default_rng(seed).integers(20, 236, (8, 9), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((36, 32), Image.Resampling.NEAREST))


@dataclass(frozen=True)
class Outcome:
    folder: Path
    rows: list[dict[str, Any]]
    refused: GateRefused | None


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Ninety scenes: sixty for train, fifteen each for eval and test, as their folders say."""
    sides = [("train", 60), ("eval", 15), ("test", 15)]
    for number, side in enumerate(name for name, count in sides for _ in range(count)):
        path = tmp_path / "photos" / side / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_saved(_scene(number)))
    return tmp_path / "photos"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Outcome]:
    """`run(key=..., **settings)` ingests the pictures and validates them."""

    def validated(split: dict[str, Any] | None = None, **settings: Any) -> Outcome:
        folder = tmp_path / f"run{len(list(tmp_path.glob('run*')))}"
        query = "SELECT content AS photo, folder, (CAST(file[-6:-5] AS BIGINT) % 2)::VARCHAR AS y FROM photos"
        data = {
            "sources": {"photos": {"path": "photos", "format": "images"}},
            "query": query,
            "split": split or {"by": "column", "column": "folder"},
        }
        ingest(
            data=Data.model_validate(data), directory=tmp_path, numbers=[], target=TARGET, examples=folder / "examples"
        )
        refused = None
        try:
            validate(
                settings=Validate.model_validate(settings),
                target=TARGET,
                examples=folder / "examples",
                statistics=folder / "statistics",
                schema=folder / "schema",
                anomalies=folder / "anomalies",
                named=["photo", "y", "folder"],
            )
        except GateRefused as error:
            refused = error
        rows = json.loads((folder / "anomalies" / "anomalies.json").read_text())["anomalies"]
        return Outcome(folder, rows, refused)

    return validated


def test_pictures_that_differ_pass_and_what_is_measured_has_statistics_and_a_schema(pictures, run):
    made = run()
    assert made.refused is None
    statistics = by_column(read(made.folder / "statistics" / "train"))
    assert statistics["photo.width"].num_stats.mean == 36
    assert statistics["photo.brightness"].num_stats.std_dev > 0
    assert statistics["photo.format"].string_stats.top_values[0].value == "PNG"
    assert statistics["photo"].bytes_stats.common_stats.num_non_missing == 60
    schema = tfdv.load_schema_text(str(made.folder / "schema" / "schema.pbtxt"))
    features = {feature.name: feature for feature in schema.feature}
    assert features["photo"].HasField("image_domain")
    assert features["photo.format"].domain
    assert not features["photo.digest"].domain


def test_the_same_picture_in_two_splits_is_an_anomaly_that_says_how_to_keep_them_together(pictures, run):
    for number in (0, 1, 2):
        (pictures / "test" / f"1{number:02}.png").write_bytes((pictures / "train" / f"{number:03}.png").read_bytes())
    (pictures / "eval" / "110.png").write_bytes(_saved(_scene(5)))
    made = run()
    told = {(row["split"], row["column"]): row for row in made.rows if row["kind"] == "MEDIA_IN_TWO_SPLITS"}
    assert {place: row["examples"] for place, row in told.items()} == {("test", "photo"): 3, ("eval", "photo"): 1}
    assert "data.split: {by: hash, key: [photo]}" in str(made.refused)
    kept = run(split={"by": "hash", "key": ["photo"], "train": 0.6, "eval": 0.2, "test": 0.2})
    assert not [row for row in kept.rows if row["kind"] == "MEDIA_IN_TWO_SPLITS"]


def test_pictures_that_look_alike_are_counted_and_are_no_anomaly(pictures, run):
    for number in (0, 1):
        lighter = np.clip(_scene(number).astype(int) + 9, 0, 255)
        (pictures / "test" / f"1{number:02}.png").write_bytes(_saved(lighter))
    for number in range(3):
        (pictures / "test" / f"2{number:02}.png").write_bytes(_saved(np.full((32, 36), 10 * number)))
    made = run()
    assert not [row for row in made.rows if row["kind"] == "MEDIA_IN_TWO_SPLITS"]
    told = {one.split: one for one in read_repeated(made.folder / "anomalies")}
    assert (told["test"].alike, told["test"].equal, told["test"].blank) == (2, 0, 3)
    assert (told["eval"].alike, told["train"].alike) == (0, 0)


def test_other_formats_and_darker_pictures_are_anomalies_and_skew(pictures, run):
    for path in (pictures / "test").glob("*.png"):
        path.write_bytes(_saved(np.asarray(Image.open(path)) // 4, "JPEG"))
    made = run(skew={"photo.brightness": {"jensen_shannon": 0.2}})
    kinds = {(row["split"], row["column"]): row["kind"] for row in made.rows}
    assert kinds["test", "photo.brightness"].startswith("SKEW_JENSEN_SHANNON")
    assert kinds["test", "photo.format"] == "ENUM_TYPE_UNEXPECTED_STRING_VALUES"


def test_no_picture_is_read_to_find_what_follows_from_the_key(pictures, run, monkeypatch):
    made = run(split={"by": "hash", "key": ["photo"], "train": 0.6, "eval": 0.2, "test": 0.2})
    examples, asked = Examples.open(made.folder / "examples"), []
    read_batches = Examples.batches

    def seen(self: Examples, split: str, columns: Any = None, *more: Any) -> Any:
        asked.extend(columns or self.names(split))
        return read_batches(self, split, columns, *more)

    monkeypatch.setattr(Examples, "batches", seen)
    assert open_columns(examples, ["photo.format", "photo.digest"]) == set()
    assert sorted(asked) == ["photo.digest", "photo.format"]


def test_hashes_within_two_bits_are_found_among_many():
    generator = np.random.default_rng(0)
    known = np.unique(generator.integers(0, 2**63, 5_000, np.uint64))
    flipped = known[:300].copy()
    for row in range(300):
        for bit in generator.choice(64, row % 4, replace=False):
            flipped[row] ^= np.uint64(1) << np.uint64(bit)
    np.testing.assert_array_equal(near(flipped, known), np.arange(300) % 4 <= NEAR)
