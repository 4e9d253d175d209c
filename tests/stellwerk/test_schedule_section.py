"""`cluster.schedule`: cron as people write it, and as Kubeflow's scheduler reads it."""

from __future__ import annotations

import pytest

from stellwerk.errors import SpecError
from stellwerk.loading import load
from stellwerk.spec.cron import with_seconds

SPEC = """\
name: taxi
data: {sources: {trips: trips.csv}}
features: {fare: {type: number}}
target: {column: tips, type: regression}
cluster:
  image: x/y:1
  schedule: """


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("0 3 * * *", "0 0 3 * * *"),
        ("*/15 8-18/2 1,15 jan-jun MON-FRI", "0 */15 8-18/2 1,15 jan-jun MON-FRI"),
        ("30 0 3 ? * sun", "30 0 3 ? * sun"),
        ("@daily", "@daily"),
    ],
)
def test_five_fields_get_the_seconds_that_kubeflow_counts_from(written: str, sent: str):
    assert with_seconds(written) == sent


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            "{cron: 60 * * * *}",
            "schedule.cron: is no cron expression: '60' is no minute, which is 0 to 59. Received: '60 * * * *'",
        ),
        ("{cron: 0 3 * * 7}", "'7' is no day of the week, which is 0 to 6, or sun to sat"),
        ("{cron: 0 3 * foo *}", "'foo' is no month, which is 1 to 12, or jan to dec"),
        ("{cron: 0 5-3 * * *}", "'5-3' is no hour: it ends before it begins"),
        ("{cron: '*/0 * * * *'}", "'*/0' is no minute: a step is at least 1"),
        ("{cron: '*-3 * * * *'}", "'*-3' is no minute"),
        ("{cron: '@every 6h'}", "unknown nickname. Known: @yearly"),
        ("{cron: 3 * *}", "must have five fields"),
        ("{every: 0h}", "schedule.every: must be a number and a unit (s, m, h, d, w), e.g. 6h. Received: '0h'"),
        ("{every: 6h, cron: '@daily'}", "schedule: give exactly one of cron and every"),
        ("{}", "schedule: give exactly one of cron and every"),
        ("{every: 6h, max_concurrency: 11}", "schedule.max_concurrency: "),
        ("{every: 6h, start: 2027-01-01, end: 2026-01-01T00:00:00Z}", "schedule: start must be before end"),
        ("{every: 6h, catchup: true}", "unknown key 'catchup'. Did you mean 'catch_up'?"),
    ],
)
def test_what_is_no_schedule_is_refused_with_its_line(tmp_path, written: str, message: str):
    (tmp_path / "pipeline.yaml").write_text(SPEC + written + "\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load(tmp_path / "pipeline.yaml")
    assert message in str(caught.value)
    assert "pipeline.yaml:7: cluster.schedule" in str(caught.value)
