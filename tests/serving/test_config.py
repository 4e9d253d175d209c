"""TensorFlow Serving's models.config, read with its rules and refused with its texts."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from stellwerk.errors import UsageError
from stellwerk.serving.config import ALL, ModelConfig, VersionPolicy, from_proto, one_model, places, read
from stellwerk.serving.errors import Code, ServingError


def parsed(text: str, **options):
    config = text_format.Parse(f"model_config_list {{ {text} }}", model_server_config_pb2.ModelServerConfig())
    return from_proto(config, **options)


def test_a_models_config_says_models_versions_and_labels(tmp_path):
    path = tmp_path / "models.config"
    path.write_text(
        """
        model_config_list {
          config { name: "flights" base_path: "/models/flights" model_platform: "tensorflow"
                   model_version_policy { specific { versions: 42 versions: 43 } }
                   version_labels { key: "stable" value: 42 } version_labels { key: "canary" value: 43 } }
          config { name: "taxi" base_path: "/models/taxi" model_platform: "tensorflow" model_version_policy { all {} } }
          config { name: "old" base_path: "/models/old" model_type: TENSORFLOW
                   model_version_policy { latest { num_versions: 2 } } }
          config { name: "plain" base_path: "/models/plain" model_platform: "tensorflow" }
        }
        """
    )
    flights, taxi, old, plain = read(path)
    assert flights == ModelConfig(
        "flights", Path("/models/flights"), VersionPolicy(None, (42, 43)), {"stable": 42, "canary": 43}
    )
    assert taxi.policy == ALL
    assert old.policy == VersionPolicy(2)
    assert plain.policy == VersionPolicy(1)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (
            'config { name: "a" base_path: "models/a" model_platform: "tensorflow" }',
            "Expected model a to have an absolute path or URI; got base_path()=models/a",
        ),
        (
            'config { name: "a" base_path: "/a" model_platform: "tensorflow" }'
            'config { name: "a" base_path: "/b" model_platform: "tensorflow" }',
            "Illegal to list model a multiple times in config list",
        ),
        ('config { name: "a" base_path: "/a" }', "Illegal setting neither ModelServerConfig::model_type"),
        (
            'config { name: "a" base_path: "/a" model_type: TENSORFLOW model_platform: "tensorflow" }',
            "Illegal setting both ModelServerConfig::model_type (deprecated)",
        ),
        ('config { name: "a" base_path: "/a" model_type: OTHER }', "model_type choice 2 not supported"),
        ('config { name: "a" base_path: "/a" model_platform: "torch" }', "Model a requests unsupported platform torch"),
        ('config { name: "a" base_path: "gs://b/a" model_platform: "tensorflow" }', "this server reads folders"),
        ('config { name: "" base_path: "/a" model_platform: "tensorflow" }', "Illegal model name ''"),
        ('config { name: "../a" base_path: "/a" model_platform: "tensorflow" }', "Illegal model name '../a'"),
        ('config { name: "a:b" base_path: "/a" model_platform: "tensorflow" }', "Illegal model name 'a:b'"),
        ('config { name: ".." base_path: "/a" model_platform: "tensorflow" }', "Illegal model name '..'"),
    ],
)
def test_a_wrong_config_is_refused(text, refusal):
    with pytest.raises(ServingError) as caught:
        parsed(text)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert refusal in str(caught.value)


def test_a_custom_config_is_refused():
    with pytest.raises(ServingError, match="custom_model_config is not supported"):
        from_proto(text_format.Parse("custom_model_config {}", model_server_config_pb2.ModelServerConfig()))


def test_a_file_that_cannot_be_used_is_a_usage_error_with_its_place(tmp_path):
    path = tmp_path / "models.config"
    with pytest.raises(UsageError, match=r"models\.config: No such file"):
        read(path)
    path.write_text("model_config_list {\n  config { nam: 3 }\n}")
    with pytest.raises(UsageError, match=r"models\.config:2:.*nam"):
        read(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="byte 0 is not UTF-8"):
        read(path)
    path.write_text('model_config_list { config { name: "a" base_path: "a" model_platform: "tensorflow" } }')
    with pytest.raises(UsageError, match=r"models\.config: Expected model a to have an absolute path"):
        read(path)


def test_a_base_path_outside_the_permitted_folders_is_refused(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "link").symlink_to(tmp_path)
    allowed = {"below": places([ModelConfig("a", tmp_path / "models" / "a")])}
    text = 'config {{ name: "b" base_path: "{}" model_platform: "tensorflow" }}'
    assert parsed(text.format(tmp_path / "models" / "b"), **allowed)[0].name == "b"
    for outside in (tmp_path, tmp_path / "models" / ".." / "b", tmp_path / "models" / "link" / "b", Path("/etc")):
        with pytest.raises(ServingError) as caught:
            parsed(text.format(outside), **allowed)
        assert caught.value.code is Code.PERMISSION_DENIED


def test_one_model_may_be_named_by_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert one_model(Path("flights"), "flights")[0].base_path == tmp_path / "flights"


def test_a_model_at_the_root_permits_only_itself():
    assert places([ModelConfig("a", Path("/models-that-are-nowhere"))]) == (Path("/models-that-are-nowhere"),)
