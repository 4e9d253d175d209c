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
import apache_beam, keras, kfp, onnxruntime, scipy.linalg, tensorflow, tensorflow_data_validation, tensorflow_model_analysis
import tensorflow_serving.apis.predict_pb2, tensorflow_transform, tf2onnx, boto3
print(tensorflow.__version__)
"""
STACK = "import sys; print('older' if sys.version_info < (3, 12) else 'current')"
UNALIGNED = """
import pathlib, struct, sys
seen = 0
for file in pathlib.Path(sys.prefix, "lib").rglob("*.so*"):
    data = file.read_bytes() if file.is_file() and not file.is_symlink() else b""
    if not data.startswith(bytes([127]) + b"ELF"):
        continue
    seen += 1
    (start,), (size, count) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, offset, address = struct.unpack_from("<IIQQ", data, start + number * size)
        if kind == 1 and (address - offset) % 4096:
            print("cannot be mapped:", file)
print(seen)
"""
"""Prints the shared libraries whose segments (PT_LOAD) a loader refuses, as `strip` can make patched ones, and how many there are."""


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
    constraints = REPOSITORY / "constraints" / f"{shell('python3', '-c', STACK).strip()}.txt"
    (tensorflow,) = re.findall(r"^tensorflow==(.*)$", constraints.read_text(encoding="utf-8"), re.MULTILINE)
    assert shell("python3", "-c", LIBRARIES).split()[-1] == tensorflow
    assert shell("stellwerk", "--version").strip() == f"stellwerk, version {__version__}"


def test_no_shared_library_was_broken_by_making_it_smaller(shell):
    *broken, seen = shell("python3", "-c", UNALIGNED).splitlines()
    assert broken == []
    assert int(seen) > 100


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
