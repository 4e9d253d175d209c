"""Where Kubeflow keeps artifacts: `cluster.pipeline_root` goes into the pipeline as KFP reads it, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from stellwerk.errors import SpecError
from stellwerk.loading import load
from stellwerk.pipelines.kubeflow.compilation import compile as compile_spec
from stellwerk.pipelines.kubeflow.compilation import intermediate
from stellwerk.pipelines.kubeflow.submission import package_of

EXAMPLE = Path(__file__).parents[3] / "examples" / "flight-delays" / "pipeline.yaml"
IMAGE = "cluster.image=registry.example/stellwerk:0.1.0"


@pytest.mark.parametrize(
    "root", ["gs://runs-of-ada/flights", "minio://mlpipeline", "s3://runs-of-ada/flights?region=eu-central-1"]
)
def test_a_root_is_in_the_pipeline(tmp_path: Path, root: str) -> None:
    compile_spec(load(EXAMPLE, [IMAGE, f"cluster.pipeline_root={root}"]), tmp_path / "ir.yaml")
    ir = next(iter(yaml.load_all((tmp_path / "ir.yaml").read_text(), yaml.CSafeLoader)))
    assert ir["defaultPipelineRoot"] == root


def test_without_one_the_namespace_decides_and_a_local_run_has_its_own() -> None:
    assert "defaultPipelineRoot" not in intermediate(load(EXAMPLE, [IMAGE]))[0]
    elsewhere = load(EXAMPLE, [IMAGE, "cluster.pipeline_root=gs://runs-of-ada"])
    assert "defaultPipelineRoot" not in intermediate(elsewhere, local=True)[0]


@pytest.mark.parametrize(
    ("root", "sentence"),
    [
        ("https://runs.example", "is no store. Kubeflow keeps artifacts in stores only: gs://BUCKET/PREFIX"),
        ("gs:runs-of-ada", "is no store"),
        ("' '", "is no store"),
        ("s3://", "names no bucket"),
        ("s3://key:secret@bucket", "has credentials in it"),
        ("GS://runs-of-ada", "is not written as KFP reads it"),
    ],
)
def test_what_no_backend_takes_is_refused_with_its_line(root: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=r"cluster\.pipeline_root: ") as refused:
        load(EXAMPLE, [IMAGE, f"cluster.pipeline_root={root}"])
    assert sentence in str(refused.value)


@pytest.mark.parametrize("root", ["artifacts", "/data/runs", "../runs of ada"])
def test_a_folder_is_for_runs_on_this_machine_and_no_cluster_gets_it(tmp_path: Path, root: str) -> None:
    (tmp_path / "pipeline.yaml").write_text(
        f"{EXAMPLE.read_text()}\ncluster:\n  image: stellwerk\n  pipeline_root: {root}\n", encoding="utf-8"
    )
    loaded = load(tmp_path / "pipeline.yaml")
    assert loaded.spec.cluster is not None
    assert loaded.spec.cluster.root_here == root
    assert "defaultPipelineRoot" not in intermediate(loaded, local=True)[0]
    line = len((tmp_path / "pipeline.yaml").read_text().splitlines())
    said = rf"pipeline\.yaml:{line}: cluster\.pipeline_root: is a folder of this machine, where `stellwerk run --docker` keeps"
    with pytest.raises(SpecError, match=said) as refused:
        compile_spec(loaded, tmp_path / "ir.yaml")
    assert refused.value.exit_code == 2
    assert "--set cluster.pipeline_root=URI" in str(refused.value)
    assert not (tmp_path / "ir.yaml").exists()
    compile_spec(load(tmp_path / "pipeline.yaml", ["cluster.pipeline_root=gs://runs-of-ada"]), tmp_path / "ir.yaml")
    assert "defaultPipelineRoot: gs://runs-of-ada" in (tmp_path / "ir.yaml").read_text()


def test_a_root_that_the_run_is_given_takes_the_place_of_a_folder() -> None:
    loaded = load(EXAMPLE, [IMAGE, "cluster.pipeline_root=artifacts"])
    with pytest.raises(SpecError, match="is a folder of this machine"):
        package_of(loaded)
    assert "defaultPipelineRoot" not in package_of(loaded, "gs://runs-of-ada").documents[0]


def test_rows_cannot_be_read_in_place_where_the_root_is_a_folder() -> None:
    with pytest.raises(SpecError, match=r"cluster\.examples: in_place needs to know the store"):
        load(EXAMPLE, [IMAGE, "cluster.pipeline_root=artifacts", "cluster.examples=in_place"])


def test_uris_of_sources_travel_as_they_are(tmp_path: Path) -> None:
    source = "data.sources.flights={path: 's3://data/flights/*.parquet', endpoint: 'http://minio.kubeflow:9000'}"
    compile_spec(load(EXAMPLE, [IMAGE, source]), tmp_path / "ir.yaml")
    assert "s3://data/flights/*.parquet" in (tmp_path / "ir.yaml").read_text()
