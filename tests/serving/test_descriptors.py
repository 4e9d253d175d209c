"""REST and gRPC share the open files of the process, and neither may have all."""

from __future__ import annotations

import resource

import pytest

from stellwerk.serving import descriptors


@pytest.fixture
def limit():
    """Sets the soft limit of open files, and puts it back."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda soft: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("soft", [512, 1024, 4096, 15_000])
def test_what_both_may_open_leaves_some_for_the_server_itself(limit, soft):
    limit(soft)
    rest, grpc = descriptors.shares(512)
    assert 0 < rest <= 512
    assert 0 < grpc <= 4096
    assert rest + grpc <= soft - 128


def test_rest_has_what_it_wants_where_there_is_enough(limit):
    limit(8192)
    assert descriptors.shares(512) == (512, 4096)


def test_the_limit_is_raised_as_far_as_the_system_lets_it(limit):
    limit(512)
    descriptors.raise_limit()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard
