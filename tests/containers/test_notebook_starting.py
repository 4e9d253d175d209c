"""How the notebook image starts and ends: as whom, with which home, and asking for a token where Kubeflow does not ask."""

from __future__ import annotations

import re
import time

import pytest

from .notebooks import HOME, answering, empty_home, object_of, prefix_of, started

PREFIX = prefix_of(object_of("Notebook"))
GROUP = 100
"""What Kubeflow's controller gives a pod as its `fsGroup`."""
ANYBODY = 1_000_660_000
"""A number as OpenShift gives to a namespace."""


@pytest.fixture
def home(client, notebook_image, tmp_path):
    return empty_home(client, notebook_image, tmp_path / "home", GROUP)


def test_it_ends_when_it_is_told_to_and_finds_its_home_again(client, notebook_image, home):
    with started(client, notebook_image, home) as running, answering(running, PREFIX).kernel() as kernel:
        assert kernel.run("open('kept.txt', 'w').close()").error == ""
        began = time.monotonic()
        running.stop(timeout=60)
        assert time.monotonic() - began < 30
    with started(client, notebook_image, home) as again:
        assert "kept.txt" in answering(again, PREFIX).ask("/api/contents").body


def test_it_runs_as_any_number_with_an_empty_home(client, notebook_image, tmp_path):
    volume = empty_home(client, notebook_image, tmp_path / "home", ANYBODY)
    with (
        started(client, notebook_image, volume, user=ANYBODY) as running,
        answering(running, PREFIX).kernel() as kernel,
    ):
        ran = kernel.run(
            "import os, stellwerk; open('mine', 'w').close(); print(os.getuid(), os.getgid(), os.getcwd())"
        )
    assert (ran.error, ran.text) == ("", f"{ANYBODY} 0 {HOME}\n")
    assert (volume / "mine").stat().st_uid == ANYBODY


@pytest.mark.parametrize("prefix", ["", "/"], ids=["none", "no path"])
def test_without_a_path_of_kubeflows_it_asks_for_a_token(client, notebook_image, home, prefix):
    with started(client, notebook_image, home, environment={"NB_PREFIX": prefix}) as running:
        lab = answering(running, "")
        assert [lab.ask(path).status for path in ("/api/contents", "/api/kernels", "/metrics")] == [403, 403, 403]
        assert lab.ask("/lab").headers["Location"].startswith("/login?")
        assert "Access-Control-Allow-Origin" not in lab.ask("/api/contents", Origin="https://evil.example").headers
        (token,) = set(re.findall(r"lab\?token=(\w+)", running.logs().decode()))
        assert lab.ask("/api/contents", Authorization=f"token {token}").status == 200


def test_a_token_that_is_given_counts_on_kubeflow_too(client, notebook_image, home):
    with started(client, notebook_image, home, environment={"JUPYTER_TOKEN": "s3cr3t"}) as running:
        lab = answering(running, PREFIX)
        assert lab.ask("/api/contents").status == 403
        assert lab.ask("/api/contents", Authorization="token s3cr3t").status == 200
