"""Where Kubeflow keeps artifacts: `cluster.pipeline_root` goes into the pipeline as KFP reads it, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from stellwerk.errors import SpecError
from stellwerk.loading import load
from stellwerk.pipelines.kubeflow.compilation import compile as compile_spec
from stellwerk.pipelines.kubeflow.compilation import intermediate

EXAMPLE = Path(__file__).parents[3] / "examples" / "flight-delays" / "pipeline.yaml"
IMAGE = "cluster.image=registry.example/stellwerk:0.1.0"


@pytest.mark.parametrize(
    "root", ["gs://runs-of-ada/flights", "minio://mlpipeline", "s3://runs-of-ada/flights?region=eu-central-1"]
)
def test_a_root_is_in_the_pipeline(tmp_path: Path, root: str) -> None:
    compile_spec(load(EXAMPLE, [IMAGE, f"cluster.pipeline_root={root}"]), tmp_path / "ir.yaml")
    ir = next(iter(yaml.safe_load_all((tmp_path / "ir.yaml").read_text())))
    assert ir["defaultPipelineRoot"] == root


def test_without_one_the_namespace_decides_and_a_local_run_has_its_own() -> None:
    assert "defaultPipelineRoot" not in intermediate(load(EXAMPLE, [IMAGE]))[0]
    elsewhere = load(EXAMPLE, [IMAGE, "cluster.pipeline_root=gs://runs-of-ada"])
    assert "defaultPipelineRoot" not in intermediate(elsewhere, local=True)[0]


@pytest.mark.parametrize(
    ("root", "sentence"),
    [
        ("/data/runs", "is no store. KFP keeps artifacts in stores only: gs://BUCKET/PREFIX"),
        ("https://runs.example", "is no store"),
        ("s3://", "names no bucket"),
        ("s3://key:secret@bucket", "has credentials in it"),
        ("GS://runs-of-ada", "is not written as KFP reads it"),
    ],
)
def test_what_no_backend_takes_is_refused_with_its_line(root: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=r"cluster\.pipeline_root: ") as refused:
        load(EXAMPLE, [IMAGE, f"cluster.pipeline_root={root}"])
    assert sentence in str(refused.value)


def test_uris_of_sources_travel_as_they_are(tmp_path: Path) -> None:
    source = "data.sources.flights={path: 's3://data/flights/*.parquet', endpoint: 'http://minio.kubeflow:9000'}"
    compile_spec(load(EXAMPLE, [IMAGE, source]), tmp_path / "ir.yaml")
    assert "s3://data/flights/*.parquet" in (tmp_path / "ir.yaml").read_text()
