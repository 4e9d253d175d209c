"""What clients make the log say is bounded."""

from __future__ import annotations

import logging

import pytest

from stellwerk.serving.log_limit import LogLimit


@pytest.fixture
def log(caplog):
    """Returns what writes a line, with a limit of two lines of one message in a tenth of a second."""
    log, limit = logging.getLogger("tests.log_limit"), LogLimit(most=2, seconds=0.1)
    log.addFilter(limit)
    yield log.warning
    log.removeFilter(limit)


def test_of_one_message_so_many_lines_are_written_whatever_they_are_about(log, caplog):
    for number in range(100):
        log("no connection can be accepted: %s", number)
    assert len(caplog.records) == 2
    log("another message")
    assert len(caplog.records) == 3


def test_the_first_line_afterwards_says_how_many_were_left_out(log, caplog, monkeypatch):
    now = 1000.0
    monkeypatch.setattr("stellwerk.serving.log_limit.time.monotonic", lambda: now)
    for _ in range(10):
        log("it failed: %s", "x")
    now += 0.2
    log("it failed: %s", "y")
    assert caplog.messages[-1] == "it failed: y (8 more like it in the 0.1 s before)"


def test_messages_without_end_take_no_memory_without_end(log, caplog):
    for number in range(10_000):
        log(f"message {number}")
    assert len(caplog.records) == 10_000
