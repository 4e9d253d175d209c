"""The options of `stellwerk serve`: what they mean, and what is refused before anything is loaded."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from stellwerk.commands import serving as command
from stellwerk.errors import UsageError
from stellwerk.serving.config import ALL, VersionPolicy


def given(*arguments):
    return command.serve.make_context("serve", list(arguments)).params


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("latest", VersionPolicy(1)),
        ("latest:3", VersionPolicy(3)),
        ("all", ALL),
        ("4,3", VersionPolicy(None, (3, 4))),
        ("7", VersionPolicy(None, (7,))),
    ],
)
def test_versions_are_chosen_in_words(model_path, text, policy):
    (config,) = command._models(given(str(model_path.parent), "--versions", text, "--label", "canary=3"))()
    assert (config.name, config.policy, dict(config.labels)) == ("flights", policy, {"canary": 3})


def test_a_version_folder_alone_has_the_name_of_its_model(model_path):
    (config,) = command._models(given(str(model_path)))()
    assert config.name == "flights"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Say what to serve"),
        (["{model}", "--models-config", "{file}"], "Say what to serve"),
        (["--models-config", "{file}", "--label", "a=1"], "write them into"),
        (["{model}", "--versions", "newest"], "--versions is latest"),
        (["{model}", "--versions", "latest:0"], "--versions is latest"),
        (["{model}", "--label", "canary"], "LABEL=VERSION"),
        (["{model}", "--label", "=3"], "LABEL=VERSION"),
        (["{model}", "--tls-cert", "{file}"], "both --tls-cert and --tls-key"),
        (["{model}", "--client-ca", "{file}"], "both --tls-cert and --tls-key"),
        (["{model}", "--tokens", "{file}"], "there is no token"),
        (["{model}", "--log-predictions", "{folder}", "--log-sample", "7"], "share from 0 to 1"),
        (["{model}", "--max-batch-size", "0"], "max_batch_size must be at least 1"),
        (["{model}", "--host", "0.0.0.0", "--port", "0", "--rest-port", "0"], "--insecure"),
    ],
)
def test_options_that_make_no_sense_are_told(model_path, tmp_path, arguments, sentence):
    (tmp_path / "empty").touch()
    places = {"model": model_path.parent, "file": tmp_path / "empty", "folder": tmp_path / "log"}
    ran = CliRunner().invoke(command.serve, [argument.format(**places) for argument in arguments])
    assert isinstance(ran.exception, UsageError)
    assert sentence in str(ran.exception)


def test_limits_and_the_log_are_set_by_their_options(model_path, tmp_path, monkeypatch):
    monkeypatch.setenv("STELLWERK_TOKENS", "flights secret")
    options = command._options(
        given(
            *(str(model_path.parent), "--max-body-mb", "1", "--timeout-seconds", "2", "--no-batching"),
            *(
                "--log-predictions",
                str(tmp_path),
                "--log-sample",
                "0.1",
                "--log-drop",
                "name, email",
                "--log-max-mb",
                "5",
            ),
        )
    )
    assert (options.limits.body_bytes, options.limits.answer_s) == (2**20, 2.0)
    assert options.batching is None
    assert options.tokens is not None
    assert options.log is not None
    assert (options.log.sample, options.log.drop, options.log.max_bytes) == (0.1, {"name", "email"}, 5 * 2**20)


def test_help_shows_how_to_begin():
    page = CliRunner().invoke(command.serve, ["--help"]).output
    assert "stellwerk serve models/flights" in page
    assert "--label canary=4" in page
