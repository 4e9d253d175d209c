"""Rollouts to a cluster: created, changed, awaited, put back; every refusal in a sentence, and the model stays pushed."""

from __future__ import annotations

import copy
import re

import pytest
import yaml

from stellwerk.components.artifacts.folders import read_json
from stellwerk.components.deployment.work import push
from stellwerk.errors import StepFailed
from stellwerk.spec import Push

IMAGE = "tensorflow/serving:2.19.1"
KINDS = [("kserve", "inferenceservices"), ("kubernetes", "deployments")]
each_kind = pytest.mark.parametrize(("key", "plural"), KINDS)


@pytest.fixture
def deploy(pipeline, api):
    def pushed(model="one", key="kserve", **section):
        arguments = pipeline.arguments(model)
        section = {"namespace": "ml", "storage_uri": "pvc://claim/models", "wait_seconds": 1, **section}
        arguments["push_to"] = Push.model_validate({"to": "models", key: section})
        push(**arguments)
        return read_json(arguments["pushed_model"] / "pushed.json")

    return pushed


def uri(kept):
    return kept["spec"]["predictor"]["containers"][0]["env"][0]["value"]


@each_kind
def test_the_first_version_is_created_and_awaited(api, deploy, key, plural):
    api.comes_after = 0.2
    pushed = deploy(key=key)
    kind = "InferenceService" if key == "kserve" else "Deployment"
    assert pushed["deployed"] == [{"kind": kind, "namespace": "ml", "name": "late", "changed": True}]
    assert api.writes(plural) == ["POST"]
    assert api.find(plural)["metadata"]["annotations"]["stellwerk/model-digest"] == pushed["model_digest"]


def test_the_next_version_takes_the_place_of_the_earlier_one(api, deploy):
    deploy("one")
    assert deploy("two")["deployed"][0]["changed"]
    assert uri(api.find("inferenceservices")) == "pvc://claim/models/late/2"
    assert api.writes("inferenceservices") == ["POST", "PUT"]
    assert api.find("inferenceservices")["status"]["revision"] == 2


def test_a_deployment_gets_a_service_that_keeps_its_address(api, deploy):
    deploy("one", key="kubernetes")
    api.find("services")["spec"]["clusterIP"] = "10.0.0.99"
    deploy("two", key="kubernetes")
    assert api.find("services")["spec"]["clusterIP"] == "10.0.0.99"
    assert api.find("services")["metadata"]["labels"]["app.kubernetes.io/version"] == "2"


@each_kind
def test_the_same_model_again_changes_nothing(api, deploy, key, plural):
    deploy(key=key)
    before = copy.deepcopy(api.find(plural)["spec"])
    again = deploy(key=key)
    assert (again["new"], again["deployed"][0]["changed"]) == (False, False)
    assert api.find(plural)["spec"] == before
    assert api.find(plural)["metadata"]["generation"] == 1


def test_a_canary_gets_its_share_and_is_promoted_without_new_pods(api, deploy):
    deploy("one")
    deploy("two", canary_percent=10)
    assert api.find("inferenceservices")["spec"]["predictor"]["canaryTrafficPercent"] == 10
    promoted = deploy("two")
    assert promoted["deployed"][0]["changed"]
    assert "canaryTrafficPercent" not in api.find("inferenceservices")["spec"]["predictor"]
    assert api.find("inferenceservices")["status"]["revision"] == 2


@each_kind
def test_a_version_that_does_not_come_is_taken_back_and_the_reason_is_told(api, deploy, pipeline, key, plural):
    deploy("one", key=key)
    before = copy.deepcopy(api.find(plural)["spec"])
    api.broken = {"tensorflow/serving:0.0.0"}
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
    api.pods = [{"status": {"containerStatuses": [{"name": "server", "state": {"waiting": waiting}}]}}]
    said = r"ml/late: not ready after 1 s: .*server: ImagePullBackOff \(Back-off pulling image\)\. The earlier"
    with pytest.raises(StepFailed, match=said) as failed:
        deploy("two", key=key, image="tensorflow/serving:0.0.0")
    assert "was put back. The model itself is pushed: " + str(pipeline.served / "2") in str(failed.value)
    assert str(failed.value).startswith(f"push.{key}: ")
    assert api.find(plural)["spec"] == before
    assert api.find(plural)["metadata"]["labels"]["app.kubernetes.io/version"] == "1"
    assert pipeline.names() == ["1", "2"]
    pushed = read_json(pipeline.folder / "runs" / "two" / "pushed_model" / "pushed.json")
    assert (pushed["version"], "deployed" in pushed) == (2, False)


@each_kind
def test_a_first_version_that_does_not_come_is_removed(api, deploy, key, plural):
    api.comes_after = None
    with pytest.raises(StepFailed, match=r"The new \w+ was removed\. The model itself is pushed"):
        deploy(key=key)
    assert api.find(plural) is None
    assert api.find("services") is None


def test_a_version_that_no_longer_answers_is_not_taken_for_ready_and_nothing_is_put_back(api, deploy):
    deploy()
    api.comes_after = None
    with pytest.raises(StepFailed, match=r"Unable to fetch .*It was the same before"):
        deploy()
    assert api.writes("inferenceservices") == ["POST", "PUT"]


def test_what_another_program_changed_meanwhile_is_left_as_it_is(api, deploy):
    deploy("one")
    api.comes_after = None

    def change(kept):
        if kept["metadata"]["generation"] == 2:
            kept["spec"]["predictor"]["minReplicas"] = 7

    api.meanwhile = change
    with pytest.raises(StepFailed, match=r"was changed by another program meanwhile and is left as it is"):
        deploy("two")
    assert api.writes("inferenceservices") == ["POST", "PUT"]


@each_kind
def test_a_write_that_meets_another_is_tried_again(api, deploy, key, plural):
    deploy("one", key=key)
    api.conflicts = 2
    deploy("two", key=key)
    assert api.writes(plural) == ["POST", "PUT", "PUT", "PUT"]


def test_an_autoscaler_does_not_keep_the_earlier_deployment_from_being_put_back(api, deploy):
    deploy("one", key="kubernetes")
    api.comes_after = None
    api.meanwhile = lambda kept: kept["spec"].update(replicas=3)
    with pytest.raises(StepFailed, match="The earlier Deployment was put back"):
        deploy("two", key="kubernetes")


def test_kserve_without_revisions_is_awaited_by_the_generation_of_its_deployment(api, deploy):
    api.revisions = False
    deploy("one")
    api.comes_after = 0.2
    assert deploy("two")["deployed"][0]["changed"]
    assert api.find("inferenceservices")["status"]["observedGeneration"] == 2


def test_an_object_that_is_changed_all_the_time_is_told(api, deploy):
    deploy("one")
    api.conflicts = 99
    with pytest.raises(StepFailed, match="another program keeps changing the InferenceService"):
        deploy("two")


@each_kind
def test_what_stellwerk_did_not_make_is_left_alone(api, deploy, key, plural):
    deploy("one", key=key)
    del api.find(plural)["metadata"]["labels"]["app.kubernetes.io/managed-by"]
    with pytest.raises(StepFailed, match=r"that Stellwerk did not make\. Remove it, or change `service`"):
        deploy("two", key=key)


@each_kind
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_missing_rights_are_told_with_the_verb(api, deploy, key, plural, method):
    api.refuse = lambda asked, kind: 403 if (asked, kind) == (method, plural) else None
    verb = {"GET": "get", "POST": "create"}[method]
    with pytest.raises(StepFailed, match=rf"may not {verb} {plural} in namespace ml .*Ask for that right\. The model"):
        deploy(key=key)


def test_missing_rights_to_put_back_are_told(api, deploy):
    deploy("one")
    api.comes_after = None
    puts = []

    def refuse(method, plural):
        puts.extend([method] * (method == "PUT"))
        return 403 if len(puts) > 1 and method == "PUT" else None

    api.refuse = refuse
    with pytest.raises(
        StepFailed, match="The earlier InferenceService could not be put back: this user may not update"
    ):
        deploy("two")


def test_a_namespace_that_is_not_there_is_told(api, deploy):
    api.namespaces = set()
    with pytest.raises(StepFailed, match=r"there is no namespace ml\. Create it"):
        deploy()


def test_a_cluster_without_kserve_is_told(api, deploy):
    api.groups -= {"/apis/serving.kserve.io/v1beta1"}
    with pytest.raises(StepFailed, match=r"does not know inferenceservices .*Install KServe on it"):
        deploy()


def test_what_the_cluster_finds_wrong_is_told(api, deploy):
    api.refuse = lambda method, plural: 422 if method == "POST" else None
    with pytest.raises(StepFailed, match=r"refuses to create the InferenceService \(HTTP 422: "):
        deploy()


def test_trouble_of_the_cluster_that_passes_while_waiting_is_no_failure(api, deploy):
    seen = []

    def refuse(method, plural):
        seen.append(method)
        return 503 if len(seen) in (3, 4) else None

    api.refuse = refuse
    assert deploy()["deployed"][0]["changed"]


def test_wrong_credentials_are_told(api, deploy, use_cluster):
    use_cluster(api.address, token="wrong")
    with pytest.raises(StepFailed, match=r"does not know these credentials \(Unauthorized\)\. Log in"):
        deploy()


def test_a_cluster_that_cannot_be_reached_is_told(api, deploy, use_cluster):
    use_cluster("http://127.0.0.1:9")
    with pytest.raises(StepFailed, match=r"the cluster cannot be reached .*Check the network\. The model itself"):
        deploy()


def test_a_missing_configuration_and_a_missing_context_are_told(api, deploy, monkeypatch, tmp_path):
    with pytest.raises(StepFailed, match=r"no cluster is configured .*there.*name a context"):
        deploy(context="there")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(StepFailed, match=r"no cluster is configured .*Set KUBECONFIG"):
        deploy()


def test_the_manifests_lie_in_the_artifact_as_they_were_applied(api, deploy, pipeline):
    deploy(key="kubernetes")
    folder = pipeline.folder / "runs" / "one" / "pushed_model" / "manifests"
    assert sorted(path.name for path in folder.iterdir()) == ["deployment.yaml", "service.yaml"]
    written = yaml.safe_load((folder / "deployment.yaml").read_text())
    live = api.find("deployments")
    assert written["spec"]["template"]["spec"].items() <= live["spec"]["template"]["spec"].items()
    assert re.search(IMAGE, (folder / "deployment.yaml").read_text())
