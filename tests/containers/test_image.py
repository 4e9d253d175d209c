"""The image as it is built: who it runs as, what is not in it, how it says that it is well."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from stellwerk import __version__

SECONDS = 300.0
REPOSITORY = Path(__file__).parents[2]
LIBRARIES = """
import apache_beam, keras, kfp, onnxruntime, tensorflow, tensorflow_data_validation, tensorflow_model_analysis
import tensorflow_serving.apis.predict_pb2, tensorflow_transform, tf2onnx, boto3
print(tensorflow.__version__)
"""


@pytest.fixture
def shell(client, image):
    """Runs a command in a container that can write nowhere but in /tmp, with no network, as somebody unknown to it."""

    def run(*command: str) -> str:
        said = client.containers.run(
            image,
            list(command),
            user="54321:54321",
            read_only=True,
            tmpfs={"/tmp": ""},
            network_mode="none",
            cap_drop=["ALL"],
            remove=True,
        )
        return said.decode()

    return run


def test_every_library_loads_read_only_without_network_and_for_any_user(shell):
    assert "2.21." in shell("python3", "-c", LIBRARIES)
    assert shell("stellwerk", "--version").strip() == f"stellwerk, version {__version__}"


def test_it_is_nobody_and_says_what_it_is(client, image):
    config = client.images.get(image).attrs["Config"]
    assert config["User"] == "10001:10001"
    assert not config.get("Entrypoint")
    assert config["Labels"]["org.opencontainers.image.title"] == "stellwerk"
    assert config["Labels"]["org.opencontainers.image.version"] == __version__


def test_no_compiler_no_installer_and_no_secret_of_the_build_is_in_it(shell):
    every = (
        "for each in gcc g++ cc ld pip pip3 apt-get; do command -v $each; done; find /run/secrets /etc/pip.conf; true"
    )
    assert shell("sh", "-c", every).split() == ["/usr/bin/apt-get"]


def test_its_libraries_are_compiled_to_bytecode(shell):
    count = "import pathlib, tensorflow as t; p = pathlib.Path(t.__file__).parent; print(len([*p.rglob('*.pyc')]), len([*p.rglob('*.py')]))"
    compiled, sources = map(int, shell("python3", "-c", count).split()[-2:])
    assert compiled > 0.95 * sources > 1_000


def test_a_container_that_serves_is_well_once_its_server_is(client, image):
    (command,) = re.findall(r"^HEALTHCHECK .*? CMD (.*)$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    check = json.loads(command)
    save = (
        "import tensorflow as t; m = t.Module(); "
        "m.f = t.function(lambda x: {'y': x}, input_signature=[t.TensorSpec([None], name='x')]); "
        "t.saved_model.save(m, '/tmp/m/1', signatures=m.f)"
    )
    words = ["sh", "-c", f'mkdir /tmp/m && python3 -c "{save}" && exec stellwerk serve /tmp/m']
    serving = client.containers.create(image, words, read_only=True, tmpfs={"/tmp": ""}, network_mode="none")
    try:
        serving.start()
        deadline = time.monotonic() + SECONDS
        while b"/v1/models/m" not in serving.logs():
            assert time.monotonic() < deadline
            serving.reload()
            assert serving.status == "running", serving.logs().decode()
            time.sleep(0.5)
        assert serving.exec_run(check).exit_code == 0
        asked = "from stellwerk.health import url, COMMAND; print(url(COMMAND.read_text().split(chr(0))))"
        assert serving.exec_run(["python3", "-c", asked]).output.decode().strip() == "http://127.0.0.1:8501/healthz"
    finally:
        serving.remove(force=True)
