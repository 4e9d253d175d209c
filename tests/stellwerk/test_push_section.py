"""What `push` takes, and what it refuses before anything runs; a secret in the wrong place is not repeated."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stellwerk.section import Contradiction
from stellwerk.spec import Push


def refused(to="gs://bucket", **sections):
    with pytest.raises((ValidationError, Contradiction)) as error:
        Push.model_validate({"to": to, **sections})
    return str(error.value)


@pytest.mark.parametrize(
    "to", ["models", "/srv/models", "~/models", "gs://my-bucket", "gs://my.bucket/a/b/", "s3://b-1/x"]
)
def test_folders_and_buckets_are_places(to):
    assert Push(to=to).to == to


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("hdfs://host/x", "unknown scheme 'hdfs'. Known: a folder, gs://BUCKET/PREFIX, s3://BUCKET/PREFIX"),
        ("s3:///x", "names no bucket"),
        ("gs://Upper/x", "names no bucket"),
        ("s3://bucket/x?versionId=1", "names no bucket"),
        ("s3://key:secret@bucket/x", "has credentials in it"),
    ],
)
def test_other_places_are_refused(to, said):
    assert said in refused(to)


def test_a_cluster_does_not_see_a_folder_of_this_machine():
    assert "kserve.storage_uri: is needed, as push.to is a folder" in refused("models", kserve={"namespace": "ml"})
    claim = {"namespace": "ml", "storage_uri": "pvc://claim/models"}
    assert Push.model_validate({"to": "models", "kserve": claim}).kserve.storage_uri == "pvc://claim/models"


def test_two_servers_of_one_name_are_refused():
    both = {"kserve": {"namespace": "ml"}, "kubernetes": {"namespace": "ml"}}
    assert "kubernetes.service: is the same for push.kserve and push.kubernetes" in refused(**both)
    both["kubernetes"]["service"] = "other"
    assert list(Push.model_validate({"to": "gs://bucket", **both}).servers) == ["kserve", "kubernetes"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("image", "tensorflow/serving", "must name a version"),
        ("image", "tensorflow/serving:latest", "must name a version"),
        ("image", "registry:5000/serving", "must name a version"),
        ("image", "a b:1", "must name a version"),
        ("namespace", "Upper", "should match pattern"),
        ("service", "9lives", "should match pattern"),
        ("storage_uri", "s3://key:secret@bucket", "has credentials in it"),
        ("canary_percent", 101, "less than or equal to 100"),
        ("wait_seconds", 0, "greater than or equal to 1"),
        ("memory", "much", "should match pattern"),
    ],
)
def test_what_a_server_cannot_be_is_refused(key, value, said):
    assert said in refused(kserve={"namespace": "ml", key: value})


@pytest.mark.parametrize("image", ["registry:5000/serving:2.19.1", "a/b@sha256:0123", "a/b:latest@sha256:0123"])
def test_an_image_has_a_tag_or_a_digest(image):
    assert (
        Push.model_validate({"to": "gs://bucket", "kserve": {"namespace": "ml", "image": image}}).kserve.image == image
    )
