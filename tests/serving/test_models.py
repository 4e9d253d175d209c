"""Versions that come and go while they are asked: policies, labels, hot reloads, and folders in a bad state."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from stellwerk.serving.config import ALL, ModelConfig, VersionPolicy
from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.models import ModelManager, State

ONE = {"x": np.zeros(1, np.float32)}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model that answers with 1."""

    class One(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def ask(self, x):
            return {"y": x + 1.0}

    path, module = tmp_path_factory.mktemp("saved") / "model", One()
    tf.saved_model.save(module, str(path), signatures=module.ask)
    return path


@pytest.fixture
def base(tmp_path):
    return tmp_path / "flights"


@pytest.fixture
def push(saved, base):
    """Puts a version into the base path, whole at once as `push` does."""

    def push(number: int, name: str | None = None) -> Path:
        folder = base.parent / (name or base.name) / str(number)
        part = folder.parent / f".push-{number}.part"
        shutil.copytree(saved, part)
        return part.rename(folder)

    return push


@pytest.fixture
def serve(base):
    """Starts a manager that looks at its base paths only when it is told to."""
    started = []

    def serve(*configs: ModelConfig, **options) -> ModelManager:
        manager = ModelManager(configs or (ModelConfig("flights", base),), poll_seconds=0, **options)
        started.append(manager)
        return manager

    yield serve
    for manager in started:
        manager.close()


def states(manager: ModelManager, name: str = "flights") -> dict[int, str]:
    return {status.version: status.state.name for status in manager.status(name)}


def settled(manager: ModelManager, name: str = "flights") -> dict[int, str]:
    """The states once nothing unloads any more."""
    until = time.monotonic() + 60
    while "UNLOADING" in states(manager, name).values() and time.monotonic() < until:
        time.sleep(0.005)
    return states(manager, name)


def refusal(call, *arguments) -> tuple[Code, str]:
    with pytest.raises(ServingError) as caught:
        call(*arguments)
    return caught.value.code, str(caught.value)


def ask(manager: ModelManager, *chosen) -> int:
    with manager.servable("flights", *chosen) as servable:
        assert servable.predict(ONE)["y"].tolist() == [1.0]
        return servable.version


def test_the_newest_version_is_served(push, serve):
    push(2), push(10)
    manager = serve()
    assert states(manager) == {10: "AVAILABLE"}
    assert ask(manager) == 10


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        (VersionPolicy(2), [3, 2]),
        (ALL, [3, 2, 1]),
        (VersionPolicy(None, (1, 3, 9)), [3, 1]),
        (VersionPolicy(None, ()), []),
    ],
)
def test_a_policy_chooses_versions(policy, served):
    assert policy.choose([1, 2, 3]) == served


def test_several_versions_answer_by_number_and_by_label(push, serve, base):
    push(1), push(2)
    manager = serve(ModelConfig("flights", base, ALL, {"stable": 1, "canary": 2}))
    assert [ask(manager, 1), ask(manager, 2), ask(manager, None, "stable"), ask(manager, None, "canary")] == [
        1,
        2,
        1,
        2,
    ]
    assert manager.status("flights", label="stable")[0].version == 1


def test_what_is_not_served_is_refused_with_tensorflow_servings_texts(push, serve):
    push(1)
    manager = serve()
    assert refusal(ask, manager, 7) == (Code.NOT_FOUND, "Servable not found for request: Specific(flights, 7)")
    assert refusal(ask, manager, None, "x") == (Code.INVALID_ARGUMENT, "Unrecognized servable version label: x")
    assert refusal(manager.status, "nobody") == (Code.NOT_FOUND, "Could not find any versions of model nobody")
    assert refusal(manager.status, "flights", 7) == (Code.NOT_FOUND, "Could not find version 7 of model flights")
    with (
        pytest.raises(ServingError, match=r"Servable not found for request: Latest\(nobody\)"),
        manager.servable("nobody"),
    ):
        pass
    with pytest.raises(ServingError, match="ModelSpec has no name specified"), manager.servable(""):
        pass


def test_a_new_version_replaces_the_old_one(push, serve):
    push(1)
    manager = serve()
    push(2)
    manager.poll()
    assert ask(manager) == 2
    assert settled(manager) == {2: "AVAILABLE", 1: "END"}
    assert manager.status("flights", 1)[0].code is Code.OK


def test_the_old_version_answers_while_the_new_one_loads(push, serve):
    push(1)
    seen = []

    def load(path):
        if path.name == "2":
            seen.append((states(manager), ask(manager)))
        return LoadedModel(path)

    manager = serve(load=load)
    push(2)
    manager.poll()
    assert seen == [({2: "LOADING", 1: "AVAILABLE"}, 1)]


def test_a_version_in_use_is_unloaded_only_when_it_is_given_back(push, serve):
    push(1)
    manager = serve()
    with manager.servable("flights") as old:
        push(2)
        manager.poll()
        assert states(manager) == {2: "AVAILABLE", 1: "UNLOADING"}
        assert ask(manager) == 2
        assert refusal(ask, manager, 1)[0] is Code.NOT_FOUND
        assert old.predict(ONE)["y"].tolist() == [1.0]
    assert settled(manager)[1] == "END"


def test_hot_reloads_under_load_fail_no_request(push, base):
    push(1)
    failures, versions, stop = [], set(), threading.Event()
    with ModelManager([ModelConfig("flights", base)], poll_seconds=0.02) as manager:

        def client():
            while not stop.is_set():
                try:
                    versions.add(ask(manager))
                except Exception as error:
                    failures.append(error)

        threads = [threading.Thread(target=client) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in (2, 3, 4):
            push(number)
            until = time.monotonic() + 60
            while number not in versions and time.monotonic() < until:
                time.sleep(0.01)
            shutil.rmtree(base / str(number - 1))
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert versions == {1, 2, 3, 4}


def test_a_half_written_version_is_taken_when_it_is_complete(push, serve, saved, base):
    push(1)
    manager = serve()
    folder = base / "2"
    folder.mkdir()
    manager.poll()
    assert states(manager) == {1: "AVAILABLE"}
    whole = (saved / "saved_model.pb").read_bytes()
    (folder / "saved_model.pb").write_bytes(whole[: len(whole) // 2])
    manager.poll()
    assert states(manager) == {2: "END", 1: "AVAILABLE"}
    shutil.copytree(saved, folder, dirs_exist_ok=True)
    manager.poll()
    assert settled(manager) == {2: "AVAILABLE", 1: "END"}


def test_a_corrupt_version_leaves_the_previous_one_serving(push, serve, base):
    push(1)
    manager = serve()
    (push(2) / "saved_model.pb").write_bytes(b"not a model")
    loads = []
    manager.poll()
    status = manager.status("flights", 2)[0]
    assert (status.state, status.code) == (State.END, Code.INTERNAL)
    assert "could not load this SavedModel" in status.message
    assert ask(manager) == 1
    manager._load = loads.append
    manager.poll()
    assert not loads, "files that are the same are not tried again at once"


def test_a_version_folder_deleted_while_serving_is_unloaded(push, serve, base):
    push(1), push(2)
    manager = serve()
    shutil.rmtree(base / "2")
    manager.poll()
    assert settled(manager) == {2: "END", 1: "AVAILABLE"}
    shutil.rmtree(base / "1")
    manager.poll()
    assert settled(manager) == {2: "END", 1: "END"}
    push(2)
    manager.poll()
    assert ask(manager) == 2


def test_a_base_path_that_vanishes_leaves_the_last_version_serving(push, serve, base):
    push(1)
    manager = serve()
    shutil.rmtree(base)
    manager.poll()
    assert ask(manager) == 1


def test_folders_that_are_not_versions_are_passed_over(push, serve, base):
    push(1)
    for name in ("latest", "-3", "٣", "9" * 30, "2.5"):
        shutil.copytree(base / "1", base / name)
    assert states(serve()) == {1: "AVAILABLE"}


def test_a_saved_model_is_its_own_only_version(saved, serve):
    assert states(serve(ModelConfig("flights", saved))) == {1: "AVAILABLE"}


def test_a_label_must_point_to_an_available_version(push, serve, base):
    push(1)
    code, text = refusal(serve, ModelConfig("flights", base, labels={"canary": 2}))
    assert code is Code.FAILED_PRECONDITION
    assert text == (
        "Request to assign label to version 2 of model flights, which is not currently available for inference"
    )
    early = serve(ModelConfig("flights", base, labels={"canary": 2}), allow_unavailable_labels=True)
    assert refusal(ask, early, None, "canary")[1] == "Servable not found for request: Specific(flights, 2)"


def test_a_reload_changes_models_policies_and_labels(push, serve, base):
    push(1), push(2), push(5, "taxi")
    manager = serve()
    manager.reload(
        [ModelConfig("flights", base, ALL, {"stable": 1}), ModelConfig("taxi", base.parent / "taxi", labels={"s": 5})]
    )
    assert ask(manager, None, "stable") == 1
    assert manager.names == ["flights", "taxi"]
    manager.reload([ModelConfig("taxi", base.parent / "taxi")])
    assert refusal(ask, manager)[0] is Code.NOT_FOUND
    assert settled(manager) == {2: "END", 1: "END"}
    manager.reload([ModelConfig("flights", base)])
    assert ask(manager) == 2


def test_a_reload_with_a_wrong_label_changes_nothing(push, serve, base):
    push(1), push(2)
    manager = serve(ModelConfig("flights", base, VersionPolicy(1), {"stable": 2}))
    code, _ = refusal(manager.reload, [ModelConfig("flights", base, VersionPolicy(None, (1,)), {"stable": 3})])
    assert code is Code.FAILED_PRECONDITION
    assert ask(manager, None, "stable") == 2
    assert settled(manager) == {2: "AVAILABLE", 1: "END"}


def test_a_reload_with_a_model_that_is_not_there_serves_the_others(push, serve, base):
    push(1)
    manager = serve()
    code, text = refusal(manager.reload, [ModelConfig("flights", base), ModelConfig("new", base.parent / "new")])
    assert code is Code.UNKNOWN
    assert text.startswith("1 model(s) did not become available: {{Name: new")
    assert ask(manager) == 1
    push(1, "new")
    manager.poll()
    assert manager.available("new")


def test_closing_waits_for_requests_under_way(push, serve):
    push(1)
    manager = serve()
    answers = []
    held = threading.Event()

    def slow():
        with manager.servable("flights") as servable:
            held.set()
            time.sleep(0.1)
            answers.extend(servable.predict(ONE)["y"].tolist())

    thread = threading.Thread(target=slow)
    thread.start()
    held.wait()
    manager.close()
    assert answers == [1.0]
    thread.join()
    assert refusal(ask, manager)[0] is Code.NOT_FOUND


def test_only_the_last_ended_versions_are_remembered(push, serve, base, monkeypatch):
    monkeypatch.setattr("stellwerk.serving.models.ENDED_KEPT", 2)
    manager = serve(load=lambda path: LoadedModel(base / path.name) if path.name == "1" else 1 / 0)
    for number in range(1, 6):
        push(number)
        manager.poll()
        shutil.rmtree(base / str(number)) if number > 1 else None
    manager.poll()
    assert states(manager) == {5: "END", 4: "END", 1: "AVAILABLE"}
