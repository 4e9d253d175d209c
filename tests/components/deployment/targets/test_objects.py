"""Push to object stores: whole or not at all, one number for one model, nothing overwritten, errors in a sentence."""

from __future__ import annotations

import importlib.util
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from stellwerk.components.artifacts.folders import folder_digest, read_json
from stellwerk.components.deployment.targets import last_blessed, objects, target
from stellwerk.errors import StepFailed
from stellwerk.loading import load
from stellwerk.pipelines.checking import check
from stellwerk.pipelines.embedded.previous_artifacts import baseline

FILES = ["assets.extra/stellwerk.json", "provenance.json", "saved_model.pb", "variables/variables.data-00000-of-00001"]

SPEC = """\
name: late
data: {{sources: {{rows: rows.csv}}}}
features: {{a: {{type: number}}}}
target: {{column: b, type: binary}}
push: {{to: "{to}"}}
"""


def version(number):
    return [f"production/late/{number}/{file}" for file in FILES]


def test_a_blessed_model_appears_byte_for_byte_with_what_made_it(store, pipeline):
    pushed = pipeline.push("one", to=store.to)
    assert (pushed["path"], pushed["version"], pushed["new"]) == (f"{store.to}/late/1", 1, True)
    assert store.names() == version(1)
    assert store.aside() == ["production/late/.push/1.json"]
    folder = last_blessed(store.to, pipeline.folder, "late", "another", pipeline.folder / "kept")
    assert read_json(folder / "provenance.json")["context"]["run"] == "run of one"
    (folder / "provenance.json").unlink()
    assert folder_digest(folder) == pushed["model_digest"] == folder.name


def test_a_prefix_may_have_signs_that_mean_something_in_a_uri(store, pipeline):
    to = f"{store.to}/of ada #1, b: [c]"
    assert pipeline.push("one", to=to)["path"] == f"{to}/late/1"
    assert "production/of ada #1, b: [c]/late/1/saved_model.pb" in store.names()
    assert not pipeline.push("one", to=to)["new"]


def test_the_same_model_again_is_the_same_version_and_another_is_the_next(store, pipeline):
    first = pipeline.push("one", to=store.to)
    before = store.at().bucket.changed("")
    assert pipeline.push("one", to=store.to) == {**first, "new": False}
    assert store.at().bucket.changed("") == before
    assert pipeline.push("two", to=store.to)["version"] == 2
    assert store.names() == [*version(1), *version(2)]
    assert pipeline.push("one", to=store.to)["version"] == 3


def test_the_mark_of_a_version_is_written_last(store, pipeline, monkeypatch):
    bucket, written = type(store.at().bucket), []
    for method in ("create", "copy"):
        original = getattr(bucket, method)

        def call(self, first, second, original=original, method=method):
            written.append(second if method == "copy" else first)
            return original(self, first, second)

        monkeypatch.setattr(bucket, method, call)
    pipeline.push("one", to=store.to)
    visible = [name for name in written if "/.push/" not in name]
    assert sorted(visible) == version(1)
    assert visible[-1].endswith("saved_model.pb")


def test_a_reader_that_looks_all_the_time_never_sees_half_a_version(store, pipeline):
    done, seen = threading.Event(), []

    def look():
        bucket = target(store.to, pipeline.folder, "late").bucket
        while not done.is_set():
            seen.append(set(bucket.changed("production/late/")))

    with ThreadPoolExecutor(1) as thread:
        looking = thread.submit(look)
        for model in ("one", "two"):
            pipeline.push(model, to=store.to)
        done.set()
        looking.result()
    assert len(seen) > 5
    for names in seen:
        for number in (1, 2):
            assert f"production/late/{number}/saved_model.pb" not in names or names.issuperset(version(number))


@pytest.mark.parametrize("at", ["variables", "provenance", "saved_model.pb"])
def test_after_a_push_that_was_cut_off_no_version_is_there_and_the_next_push_completes_it(
    store, pipeline, monkeypatch, at
):
    bucket = type(store.at().bucket)

    def killed(method):
        original = getattr(bucket, method)

        def call(self, *names):
            if "/.push/" not in names[-2 if method == "create" else -1] and at in str(names):
                raise KeyboardInterrupt
            return original(self, *names)

        return call

    with monkeypatch.context() as patch:
        for method in ("copy", "create"):
            patch.setattr(bucket, method, killed(method))
        with pytest.raises(KeyboardInterrupt):
            pipeline.push("one", to=store.to)
    assert "production/late/1/saved_model.pb" not in store.names()
    assert last_blessed(store.to, pipeline.folder, "late", "another", pipeline.folder) is None
    pushed = pipeline.push("one", to=store.to)
    assert (pushed["version"], pushed["new"]) == (1, True)
    assert store.names() == version(1)


def test_a_number_that_another_model_has_claimed_is_left_to_it(store, pipeline):
    claimed = store.at()
    assert claimed.bucket.create(f"{claimed.base}.push/1.json", b'{"model_digest": "another"}')
    assert pipeline.push("one", to=store.to)["version"] == 2


def test_what_a_push_left_that_was_killed_long_ago_is_removed(store, pipeline, monkeypatch):
    claimed = store.at()
    claimed.bucket.create(f"{claimed.base}.push/1.json", b'{"model_digest": "another"}')
    claimed.bucket.create(f"{claimed.base}.push/1-abc/variables/x", b"half")
    claimed.bucket.create(f"{claimed.base}1/variables/x", b"half")
    pipeline.push("one", to=store.to)
    assert "production/late/1/variables/x" in store.names()
    monkeypatch.setattr(objects, "STALE", timedelta(seconds=-60))
    pipeline.push("two", to=store.to)
    assert store.names() == [*version(2), *version(3)]
    assert [name for name in store.aside() if not name.endswith(".json")] == []


def test_a_version_that_somebody_put_there_by_hand_stays_and_is_no_baseline(store, pipeline):
    bucket = store.at().bucket
    for name in ("7/saved_model.pb", "8/model.onnx"):
        bucket.create(f"production/late/{name}", b"by hand")
    assert pipeline.push("one", to=store.to)["version"] == 9
    assert bucket.read("production/late/8/model.onnx") == b"by hand"
    digest = pipeline.push("one", to=store.to)["model_digest"]
    assert last_blessed(store.to, pipeline.folder, "late", digest, pipeline.folder) is None


def test_the_baseline_is_downloaded_once(store, pipeline):
    first = pipeline.push("one", to=store.to)
    second = pipeline.push("two", to=store.to)
    kept = pipeline.folder / "kept"
    assert last_blessed(store.to, pipeline.folder, "late", second["model_digest"], kept).name == first["model_digest"]
    asked = []
    store.refuse = lambda method, path: asked.append(path)
    last_blessed(store.to, pipeline.folder, "late", second["model_digest"], kept)
    assert not [path for path in asked if "variables" in path]


def test_a_run_is_compared_with_the_newest_version_in_the_bucket(store, pipeline):
    spec = pipeline.folder / "pipeline.yaml"
    spec.write_text(SPEC.format(to=store.to))
    (pipeline.folder / "rows.csv").write_text("a,b\n1,0\n")
    first = pipeline.push("one", to=store.to)
    found = baseline(load(spec), pipeline.folder / "kept", "another", "another")
    assert found == pipeline.folder / "kept" / ".baselines" / first["model_digest"]
    assert baseline(load(spec), pipeline.folder / "kept", "another", first["model_digest"]) is None


def test_two_models_at_once_become_two_versions_and_one_twice_becomes_one(store, pipeline):
    arguments = [pipeline.arguments(name, to=store.to) for name in ("one", "two", "three")]
    start = threading.Barrier(5)

    def pushed(given):
        start.wait()
        return target(store.to, pipeline.folder, "late").push(
            given["model"], folder_digest(given["model"]), {"model_digest": folder_digest(given["model"])}
        )

    with ThreadPoolExecutor(5) as threads:
        done = list(threads.map(pushed, [*arguments, arguments[0], arguments[0]]))
    assert len({one.version for one in done}) == 3
    assert sum(one.new for one in done) == 3
    assert sorted(one.version for one in done if one.new) == [1, 2, 3]
    for given, one in zip(arguments, done, strict=False):
        assert store.at()._provenance(one.version)["model_digest"] == folder_digest(given["model"])


def test_a_missing_bucket_is_told(store, pipeline):
    to = store.to.replace("models", "nothing-here")
    with pytest.raises(StepFailed, match=r"nothing-here/production/late: there is no such bucket.*Nothing was pushed"):
        pipeline.push("one", to=to)


def test_missing_rights_are_told_and_nothing_is_there(store, pipeline):
    store.refuse = lambda method, path: 403 if method in ("PUT", "POST") else None
    with pytest.raises(StepFailed, match=r"these credentials have no right to it.*Nothing was pushed"):
        pipeline.push("one", to=store.to)
    store.refuse = lambda method, path: None
    assert store.names() == store.aside() == []
    assert not (pipeline.folder / "runs" / "one" / "pushed_model").exists()


def test_a_busy_store_is_asked_again_until_the_version_is_there(store, pipeline):
    seen = set()

    def refuse(method, path):
        asked = (method, path.partition("?")[0])
        return None if asked in seen else seen.add(asked) or 503

    store.refuse = refuse
    assert pipeline.push("one", to=store.to)["version"] == 1
    store.refuse = lambda method, path: None
    assert store.names() == version(1)


@pytest.mark.parametrize("at", ["variables", "saved_model.pb"])
def test_rights_that_end_half_way_are_told_and_no_version_is_there(store, pipeline, at):
    def refuse(method, path):
        write = method in ("PUT", "POST") and ".push/1.json" not in path
        return 403 if write and (at in path or "uploadType=multipart" in path) else None

    store.refuse = refuse
    with pytest.raises(StepFailed, match=r"these credentials have no right to it.*Nothing was pushed"):
        pipeline.push("one", to=store.to)
    store.refuse = lambda method, path: None
    assert "production/late/1/saved_model.pb" not in store.names()
    assert [name for name in store.aside() if "-" in name] == []


@pytest.mark.parametrize(
    ("to", "variable"), [("gs://models", "STORAGE_EMULATOR_HOST"), ("s3://models", "AWS_ENDPOINT_URL")]
)
def test_a_store_that_cannot_be_reached_is_told(pipeline, monkeypatch, to, variable):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-central-1")
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with pytest.raises(StepFailed, match=rf"{to}/late: cannot be reached .*Check the network and {variable}\. Nothing"):
        pipeline.push("one", to=to)


def test_missing_credentials_are_told(pipeline, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(StepFailed, match=r"no credentials .*AWS_ACCESS_KEY_ID"):
        pipeline.push("one", to="s3://models")
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(StepFailed, match=r"no credentials .*none\.json.*GOOGLE_APPLICATION_CREDENTIALS"):
        pipeline.push("one", to="gs://models")


def test_a_model_that_changes_while_it_is_uploaded_is_not_pushed(store, pipeline):
    model = pipeline.arguments("one")["model"]
    with pytest.raises(StepFailed, match="was changed while it was uploaded"):
        store.at().push(model, "0" * 64, {})
    assert store.names() == []


def test_a_missing_boto3_is_told_before_anything_runs(pipeline, monkeypatch):
    spec = pipeline.folder / "pipeline.yaml"
    spec.write_text(SPEC.format(to="s3://models"))
    monkeypatch.setitem(sys.modules, "boto3", None)
    installed = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "boto3" else installed(name))
    (pipeline.folder / "rows.csv").write_text("a,b\n1,0\n2,1\n")
    said = "push.to: needs the package boto3: pip install 'stellwerk[s3]'."
    assert said in "\n".join(str(problem) for problem in check(load(spec)))
    assert check(load(spec), data=False) == []
    with pytest.raises(StepFailed, match=r"boto3 is not installed\. Install stellwerk\[s3\]"):
        pipeline.push("one", to="s3://models")


def overwrite(store, pipeline, file):
    """Puts as many other bytes in the place of an object of version 1."""
    bucket, name = store.at().bucket, f"production/late/1/{file}"
    other = pipeline.folder / "other"
    other.write_bytes(bucket.read(name)[::-1])
    bucket.upload(name, other)


@pytest.mark.parametrize("file", ["saved_model.pb", "assets.extra/stellwerk.json"])
def test_a_damaged_version_is_pushed_again_as_the_next(store, pipeline, file):
    first = pipeline.push("one", to=store.to)
    overwrite(store, pipeline, file)
    again = pipeline.push("one", to=store.to)
    assert (again["version"], again["new"], again["model_digest"]) == (2, True, first["model_digest"])
    assert not pipeline.push("one", to=store.to)["new"]


def test_a_store_that_keeps_other_bytes_than_were_written_gets_no_version(store, pipeline, monkeypatch):
    bucket = type(store.at().bucket)
    copy = bucket.copy

    def damaged(self, source, name):
        copy(self, source, name)
        if name.endswith("stellwerk.json"):
            other = pipeline.folder / "other"
            other.write_bytes(self.read(name)[::-1])
            self.upload(name, other)

    monkeypatch.setattr(bucket, "copy", damaged)
    with pytest.raises(
        StepFailed, match=r"stellwerk\.json does not have the bytes that were written to it.*Push again"
    ):
        pipeline.push("one", to=store.to)
    assert "production/late/1/saved_model.pb" not in store.names()


@pytest.mark.parametrize("size", [0, 1000, (8 << 20) - 1, 8 << 20, (16 << 20) + 5])
def test_what_a_store_says_of_an_object_of_any_size_tells_one_bit(store, tmp_path, size):
    bucket, file = store.at().bucket, tmp_path / "file"
    file.write_bytes(b"a" * size)
    bucket.upload("a", file)
    bucket.copy("a", "b")
    assert bucket.holds("b", file)
    assert bucket.digest("b") == folder_digest(file)
    file.write_bytes(b"a" * (size - 1) + b"b")
    assert not bucket.holds("b", file)
