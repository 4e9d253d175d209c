"""Working ahead gives the same items, bounded, and ends its thread however the block ends."""

from __future__ import annotations

import threading

import pytest

from stellwerk.ahead import read_ahead


def _threads():
    return [thread for thread in threading.enumerate() if thread.name == "read-ahead"]


def test_the_items_come_in_order_and_the_thread_has_ended():
    with read_ahead(iter(range(100)), 2) as items:
        assert list(items) == list(range(100))
    assert not _threads()


def test_who_stops_early_leaves_no_thread():
    with read_ahead(iter(int, 1), 2) as items:  # without end
        assert next(items) == 0
    assert not _threads()


def test_no_more_are_made_than_may_wait():
    made = []

    def making():
        for item in range(100):
            made.append(item)
            yield item

    with read_ahead(making(), 3) as items:
        for item in items:
            assert len(made) <= item + 1 + 3 + 1  # in use, waiting, and the one that finds no room
    assert len(made) == 100


def test_an_error_of_the_making_reaches_the_one_who_uses():
    def broken():
        yield 1
        raise OSError("the disk is gone")

    with read_ahead(broken(), 2) as items, pytest.raises(OSError, match="the disk is gone"):
        list(items)
    assert not _threads()
