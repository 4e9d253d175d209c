"""Scales, ticks and marks; graphs whose tracks cross no station; numbers as people write them."""

from __future__ import annotations

import math
import re

import pytest

from stellwerk.report.charts import Line, Scale, line_chart, nice_ticks, tag, thinned, tick
from stellwerk.report.diagram import Node, diagram, direct, places
from stellwerk.report.distributions import histogram, top_values
from stellwerk.report.matrices import confusion
from stellwerk.report.wording import (
    MINUS,
    NOTHING,
    count,
    duration,
    measure,
    share,
    short,
    signed,
    size,
    titled,
)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.45, 0.6, [0.45, 0.5, 0.55, 0.6]),
        (-3, 12, [-5, 0, 5, 10, 15]),
        (0, 270_000, [0, 100_000, 200_000, 300_000]),
    ],
)
def test_ticks_are_round_and_cover_the_values(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize(
    "ends", [(5, 5), (0, 0), (-1e-300, 1e-300), (1e300, 1.7e308), (math.nan, 1), (1, 1 + 1e-16), (-math.inf, 0)]
)
def test_ticks_survive_strange_ends(ends: tuple[float, float]) -> None:
    ticks = nice_ticks(*ends)
    assert 2 <= len(ticks) < 20
    assert ticks == sorted(ticks)


def test_a_scale_keeps_values_inside_the_axis() -> None:
    scale = Scale(0, 10, 100, 200)
    assert [scale(value) for value in (-5, 0, 5, 10, 99)] == [100, 100, 150, 200, 200]
    assert Scale(3, 3, 0, 10)(3) == 5


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    points = [(float(index), 0.0) for index in range(10_000)]
    kept = thinned(points)
    assert len(kept) < 200
    assert (kept[0], kept[-1]) == (points[0], points[-1])


def test_what_comes_from_outside_is_escaped_in_children_and_attributes() -> None:
    assert tag("text", "<b>", title='"><b>') == '<text title="&#34;&gt;&lt;b&gt;">&lt;b&gt;</text>'


def test_a_constant_column_is_one_bar_with_its_value_below() -> None:
    drawn = histogram([("train", "s0", [(2013.0, 2013.0, 10.0)] * 10)], title="year", label="year")
    assert re.findall(r'class="tick[^>]*>([^<]+)<', drawn) == ["2013"]


def test_splits_with_other_bounds_share_one_axis() -> None:
    splits = [
        ("train", "s0", [(0.0, 5.0, 10.0), (5.0, 10.0, 30.0)]),
        ("eval", "s1", [(0.0, 10.0, 4.0), (10.0, 20.0, 0.0)]),
    ]
    drawn = histogram(splits, title="x", label="x")
    assert "x 4 to 6: train 20.0 %, eval 20.0 %" in drawn


@pytest.mark.parametrize("buckets", [[], [(0.0, 0.0, 0.0)], [(math.nan, math.nan, 3.0)], [(-math.inf, math.inf, 3.0)]])
def test_a_histogram_without_a_finite_bucket_does_not_fail(buckets: list[tuple[float, float, float]]) -> None:
    assert "nan" not in histogram([("train", "s0", buckets)], title="x", label="x")


def test_lines_are_told_apart_without_colour() -> None:
    drawn = line_chart(
        [Line("a", [(0, 0), (1, 1)], "s0", True), Line("b", [(0, 1), (1, 0)], "s1", True)], title="t", labels=("x", "y")
    )
    assert "<circle" in drawn
    assert '<path class="point s1"' in drawn


def test_a_confusion_matrix_of_one_class_and_of_no_rows_draws() -> None:
    assert "0 examples" in confusion(["only"], [[0]], title="t")


def test_names_of_classes_are_turned_where_a_column_is_too_narrow_for_them() -> None:
    counts = [[1] * 9] * 9
    only_true = confusion(list("abcdefghi"), counts, title="t")
    assert only_true.count("rotate(-90)") == 1
    drawn = confusion([f"class number {letter}" for letter in "abcdefghi"], counts, title="t")
    assert drawn.count("rotate(-90)") == 1 + 9
    assert drawn.count(">class number c</text>") == 2


def test_a_label_is_as_long_as_its_axis_at_most() -> None:
    drawn = line_chart([Line("a", [(0, 0), (1, 1)])], title="t", labels=("x" * 300, "y" * 300))
    labels = re.findall(r'class="label mid"[^>]*>([xy]+…)<', drawn)
    assert [len(label) < 50 for label in labels] == [True, True]


def test_values_stand_beside_their_bars_and_points_at_the_end_of_their_share() -> None:
    drawn = top_values([("v" * 300, [("train", "s0", 0.4), ("eval", "s1", 0.2)])], title="t")
    assert re.search(r'<span class="value">v{59}…</span>', drawn)
    assert f'title="{"v" * 300}: train 40.0 %, eval 20.0 %"' in drawn
    assert '<rect class="soft s0" y="3" width="97.0%"' in drawn
    assert '<svg x="48.5%"' in drawn


def _node(name: str, *after: str) -> Node:
    return Node(name, name, (), after, "done")


def test_a_track_that_another_one_implies_is_left_out() -> None:
    nodes = [_node("a"), _node("b", "a"), _node("c", "a", "b"), _node("d", "a", "c", "unknown")]
    assert direct(nodes) == {"a": (), "b": ("a",), "c": ("b",), "d": ("c",)}


def test_branches_get_rows_of_their_own() -> None:
    nodes = [_node("a"), _node("b", "a"), _node("c", "b"), _node("x", "a"), _node("end", "c", "x")]
    at = places(nodes)
    assert len(set(at.values())) == len(nodes)
    assert at["end"][0] == 3
    assert at["x"][1] != at["b"][1]


def test_a_long_track_does_not_run_through_a_station() -> None:
    nodes = [_node("a"), _node("b", "a"), _node("c", "b"), _node("s"), _node("end", "c", "s")]
    at = places(nodes)
    assert all(at["s"][1] != at[name][1] for name in "abc")


def test_a_graph_that_bites_its_tail_still_draws() -> None:
    assert "<svg" in diagram([_node("a", "b"), _node("b", "a")], title="t")


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (count(336776), "336,776"),
        (count(None), NOTHING),
        (measure(0.70512), "0.7051"),
        (measure(12345.6), "12,346"),
        (measure(2013.0), "2013"),
        (measure(0.000012), "1.2e-5"),
        (measure(-1.5), f"{MINUS}1.500"),
        (measure(math.nan), "nan"),
        (signed(0.0031), "+0.0031"),
        (signed(-0.000009), "±0"),
        (share(0.00001), "<0.01 %"),
        (share(0.123), "12.3 %"),
        (share(0.99999), ">99.9 %"),
        (duration(0.034), "34 ms"),
        (duration(185), "3 min 05 s"),
        (duration(7800), "2 h 10 min"),
        (size(812_000), "812 kB"),
        (size(1_234_567_890), "1.2 GB"),
        (short("ab" * 32), "ababababab…"),
        (titled("auc_pr"), "PR AUC"),
        (titled("log_loss"), "Log loss"),
        (tick(250_000), "250 k"),
        (tick(-0.5), f"{MINUS}0.5"),
    ],
)
def test_values_read_as_people_write_them(written: str, wanted: str) -> None:
    assert written == wanted
