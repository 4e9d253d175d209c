"""Bits that flip on the disk, sizes and times as before: the run says which file is damaged and makes it anew, or refuses."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from stellwerk.components.artifacts.examples import Examples
from stellwerk.errors import DamagedWarning, DataError
from stellwerk.loading import load
from stellwerk.pipelines.cache import Cache
from stellwerk.pipelines.graph import graph
from stellwerk.pipelines.runs import all_runs

FILES = [
    "ingest/examples/dataset.json",
    "ingest/examples/train/part-00000.parquet",
    "ingest/examples/test/part-00000.parquet",
    "validate/statistics/train/FeatureStats.pb",
    "validate/schema/schema.pbtxt",
    "validate/anomalies/anomalies.json",
    "transform/transform_graph/transform_fn/saved_model.pb",
    "transform/transform_graph/features.json",
    "transform/transform_graph/rows.parquet",
    "transform/transformed/train/part-00000.parquet",
    "train/model/saved_model.pb",
    "train/model/variables/variables.data-00000-of-00001",
    "train/history/history.json",
    "evaluate/evaluation/evaluation.json",
    "evaluate/blessing/blessing.json",
]


def flip(path: Path, bit: int | None = None) -> None:
    """Flips one bit of a file, which looks as before."""
    looks, content = path.stat(), bytearray(path.read_bytes())
    bit = len(content) * 4 if bit is None else bit
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    os.utime(path, ns=(looks.st_atime_ns, looks.st_mtime_ns))


def runs_of(spec: Path) -> Path:
    return spec.parent / "runs" / "small-flights"


def newest(spec: Path) -> Any:
    return next(all_runs(runs_of(spec)))


@pytest.mark.parametrize("file", FILES)
def test_a_result_with_one_flipped_bit_is_not_taken_from_the_cache_and_the_file_is_named(project: Path, file: str):
    record, step = newest(project), file.partition("/")[0]
    cache, asked = Cache(runs_of(project)), graph(load(project)).step(step)
    assert cache.find(asked, record.step(step).key) is not None
    flip(record.folder / file)
    with pytest.warns(DamagedWarning, match=rf"{file} has other bytes: not what step {step} wrote\. It runs again"):
        assert cache.find(asked, record.step(step).key) is None


def test_a_run_makes_everything_anew_that_is_damaged_and_says_what(project: Path, stellwerk):
    folder = newest(project).folder
    for file in FILES:
        flip(folder / file)
    ran = stellwerk("run", project)
    assert ran.returncode == 0, ran.stderr
    record = newest(project)
    assert {step.name: step.status for step in record.steps} == dict.fromkeys(
        ("ingest", "validate", "transform", "train", "evaluate", "push"), "done"
    )
    for step in ("ingest", "validate", "transform", "train", "evaluate"):
        assert f"not what step {step} wrote. It runs again." in ran.stderr
    assert len(list((project.parent / "models" / "small-flights").glob("[0-9]*"))) == 1, "the same model was made anew"
    assert stellwerk("run", project).returncode == 0
    assert {step.status for step in newest(project).steps} == {"cached", "done"}


def test_whatever_bit_of_a_shard_flips_no_step_reads_other_values(project: Path, tmp_path: Path):
    examples, chance = newest(project).artifact("ingest", "examples"), random.Random(3)
    shard = examples / "train" / "part-00000.parquet"
    whole = shard.read_bytes()
    for number in range(100):
        copy = tmp_path / str(number)
        shutil.copytree(examples, copy)
        flip(copy / "train" / shard.name, chance.randrange(len(whole) * 8))
        with pytest.raises(DataError, match=r"train/part-00000\.parquet: is damaged: dataset\.json has SHA-256"):
            list(Examples.open(copy).batches("train"))


def test_a_shard_that_flips_after_it_was_checked_is_found_out_by_its_pages_or_gives_the_same_values(
    project: Path, tmp_path: Path
):
    pq = pytest.importorskip("pyarrow.parquet")
    from stellwerk.tables import pages  # noqa: PLC0415

    if not pages.verified():
        pytest.skip("this Arrow knows no checksums of pages")
    examples, chance = newest(project).artifact("ingest", "examples"), random.Random(3)
    shutil.copytree(examples, tmp_path / "copy")
    shard = tmp_path / "copy" / "train" / "part-00000.parquet"
    opened = Examples.open(tmp_path / "copy")
    whole, told = list(opened.batches("train")), list[str]()
    metadata = pq.ParquetFile(shard).metadata
    end = 8 * sum(metadata.row_group(0).column(place).total_compressed_size for place in range(metadata.num_columns))
    for _ in range(100):
        bit = 32 + chance.randrange(end)
        flip(shard, bit)
        try:
            assert list(opened.batches("train")) == whole
        except DataError as error:
            told.append(str(error))
        flip(shard, bit)
    assert len(told) > 90
    assert all("part-00000.parquet: is damaged" in each for each in told)


def test_statistics_of_an_earlier_run_that_are_damaged_are_not_compared_with(project: Path):
    from stellwerk.pipelines.embedded.previous_artifacts import previous_statistics  # noqa: PLC0415

    statistics = previous_statistics(runs_of(project), "other data")
    assert statistics is not None
    flip(statistics / "train" / "FeatureStats.pb")
    with pytest.warns(DamagedWarning, match="statistics: not what its run made; it is compared with none"):
        assert previous_statistics(runs_of(project), "other data") is None


@pytest.mark.parametrize("content", ["", "[]", "null", '{"run": 3}', "{" * 10_000, "\udcff", '"\\u0000'])
def test_a_broken_entry_of_the_cache_counts_as_missing_and_is_named(project: Path, content: str):
    record = newest(project)
    entry = runs_of(project) / ".cache" / f"{record.step('ingest').key}.json"
    entry.write_text(content, errors="surrogateescape")
    with pytest.warns(DamagedWarning, match=rf"{entry.name}: cannot be read .*it counts as missing"):
        assert Cache(runs_of(project)).find(graph(load(project)).step("ingest"), entry.stem) is None


@pytest.mark.parametrize("content", ["", "[]", "3", '{"/flights.csv": 3}', '{"/flights.csv": {"looks": "a"}}'])
def test_a_broken_memory_of_digests_stops_nothing(project: Path, content: str):
    (runs_of(project) / ".cache" / "files.json").write_text(content)
    with pytest.warns(DamagedWarning, match=r"files\.json: cannot be read"):
        cache = Cache(runs_of(project))
    (digest,) = cache.file_digests([project])
    assert len(digest) == 64


def test_an_entry_of_a_run_that_was_removed_is_no_damage(project: Path):
    record = newest(project)
    shutil.rmtree(record.folder)
    assert Cache(runs_of(project)).find(graph(load(project)).step("ingest"), record.step("ingest").key) is None


def test_every_run_keeps_the_digest_of_each_file_of_its_artifacts(project: Path):
    record = newest(project)
    for step in record.steps:
        files = json.loads((record.folder / step.name / "digests.json").read_text())
        assert set(files) == set(step.outputs)
        for artifact, digests in files.items():
            folder = record.artifact(step.name, artifact)
            assert set(digests) == {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
