"""The versions of a model in a folder."""

from __future__ import annotations

from stellwerk.components.artifacts.folders import read_json
from stellwerk.components.deployment.targets import last_blessed
from stellwerk.components.deployment.versions import versions


def newest_other_than(pipeline, digest):
    served = pipeline.served
    return last_blessed(str(served.parent), served.parent, served.name, digest, served.parent / "kept")


def test_a_folder_that_does_not_exist_has_no_versions(tmp_path):
    assert versions(tmp_path / "none") == []
    assert last_blessed("none", tmp_path, "late", "digest", tmp_path) is None


def test_versions_are_ordered_by_number_and_others_are_passed_over(pipeline):
    for name in ("2", "10", "1", "temp", ".3.part"):
        (pipeline.served / name).mkdir(parents=True)
    (pipeline.served / "4").write_text("a file")
    assert [one.number for one in versions(pipeline.served)] == [1, 2, 10]


def test_the_last_blessed_model_is_the_newest_that_is_another(pipeline):
    first = pipeline.push("one")
    assert newest_other_than(pipeline, first["model_digest"]) is None
    assert newest_other_than(pipeline, "another") == pipeline.served / "1"
    second = pipeline.push("two")
    assert newest_other_than(pipeline, second["model_digest"]) == pipeline.served / "1"
    assert newest_other_than(pipeline, "another") == pipeline.served / "2"


def test_a_version_that_somebody_put_there_by_hand_is_no_blessed_model(pipeline):
    pipeline.push("one")
    (pipeline.served / "7").mkdir()
    (pipeline.served / "8").mkdir()
    (pipeline.served / "8" / "provenance.json").write_text("{broken")
    assert newest_other_than(pipeline, "another") == pipeline.served / "1"
    assert versions(pipeline.served)[-1].provenance is None
    assert versions(pipeline.served)[0].provenance == read_json(pipeline.served / "1" / "provenance.json")
