"""Kubeflow runs a pipeline by itself: one schedule of a name, as it was asked for last."""

from __future__ import annotations

import json

import pytest

from .server import Fault

TO = ("-p", "to=models")
MADE = "/apis/v2beta1/recurringruns"


def only(backend):
    (schedule,) = backend.schedules.values()
    return schedule


def test_cron_as_people_write_it_begins_with_seconds_for_kubeflow(command, backend, ir):
    ran = command(
        "schedule", ir, *TO, "--cron", "0 3 * * mon-fri", "--start", "2026-12-01", "--end", "2027-01-01T12:00:00Z"
    )
    assert ran.code == 0, ran.err
    made = only(backend)
    assert made["trigger"]["cron_schedule"]["cron"] == "0 0 3 * * mon-fri"
    assert made["trigger"]["cron_schedule"]["start_time"].startswith("2026-12-01T00:00:00")
    assert made["trigger"]["cron_schedule"]["end_time"].startswith("2027-01-01T12:00:00")
    assert (made["no_catchup"], made["max_concurrency"], made["status"]) == (True, "1", "ENABLED")
    assert made["runtime_config"]["parameters"] == {"to": "models"}
    assert ran.out.splitlines()[1] == f"{backend.url}/#/recurringrun/details/{made['recurring_run_id']}"


def test_an_interval_with_catch_up_and_several_runs_at_one_time(command, backend, ir):
    ran = command("schedule", ir, *TO, "--every", "90m", "--catch-up", "--max-concurrency", 3, "--paused", "--json")
    assert ran.code == 0, ran.err
    made = only(backend)
    assert made["trigger"] == {"periodic_schedule": {"interval_second": "5400"}}
    assert (made["no_catchup"], made["max_concurrency"], made["status"]) == (False, "3", "DISABLED")
    told = json.loads(ran.out)
    assert (told["every_seconds"], told["catch_up"], told["paused"], told["changed"]) == (5400, True, True, True)


def test_the_spec_says_when_and_an_option_takes_its_place(command, backend, tmp_path):
    (tmp_path / "pipeline.yaml").write_text(
        "name: taxi\ndata: {sources: {trips: trips.csv}}\nfeatures: {fare: {type: number}}\n"
        "target: {column: tips, type: regression}\n"
        "cluster: {image: x/y:1, schedule: {cron: '@daily', max_concurrency: 2}}\n"
    )
    assert command("schedule").code == 0
    assert only(backend)["trigger"] == {"cron_schedule": {"cron": "@daily"}}
    assert "nothing has changed" in command("schedule").err
    assert command("schedule", "--every", "6h").code == 0
    assert only(backend)["trigger"] == {"periodic_schedule": {"interval_second": "21600"}}
    assert only(backend)["max_concurrency"] == "2"


def test_the_same_again_changes_nothing(command, backend, ir):
    assert command("schedule", ir, *TO, "--cron", "@daily").code == 0
    before = only(backend)["recurring_run_id"]
    again = command("schedule", ir, *TO, "--cron", "@daily")
    assert again.code == 0
    assert "nothing has changed" in again.err
    assert only(backend)["recurring_run_id"] == before


def test_a_schedule_of_the_same_name_is_replaced_and_has_no_twin(command, backend, ir):
    assert command("schedule", ir, *TO, "--cron", "@daily").code == 0
    before = only(backend)["recurring_run_id"]
    ran = command("schedule", ir, "-p", "to=elsewhere", "--cron", "@daily")
    assert ran.code == 0, ran.err
    assert f"replaced {before}" in ran.err
    assert only(backend)["recurring_run_id"] != before
    assert only(backend)["runtime_config"]["parameters"] == {"to": "elsewhere"}


def test_the_old_schedule_stays_where_the_new_one_is_refused(command, backend, ir):
    assert command("schedule", ir, *TO, "--cron", "@daily").code == 0
    before = only(backend)["recurring_run_id"]
    backend.faults = [Fault("POST", f"{MADE}$", status=400, body=b'{"code": 3, "message": "no room"}')]
    ran = command("schedule", ir, *TO, "--cron", "@hourly")
    assert ran.code == 3
    assert "no room" in ran.err
    assert only(backend)["recurring_run_id"] == before


def test_a_schedule_that_somebody_else_made_is_left_alone(command, backend, ir):
    assert command("schedule", ir, *TO, "--cron", "@daily").code == 0
    only(backend)["description"] = "made in the dashboard"
    ran = command("schedule", ir, *TO, "--cron", "@hourly")
    assert ran.code == 2
    assert "a schedule 'flight-delays' that Stellwerk did not make" in ran.err
    assert only(backend)["trigger"] == {"cron_schedule": {"cron": "@daily"}}


def test_a_schedule_that_was_made_without_an_answer_is_found_and_not_made_again(command, backend, ir):
    backend.faults = [Fault("POST", MADE, accepted=True, silence=True)]
    ran = command("schedule", ir, *TO, "--cron", "@daily", "--timeout", 0.5)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[0] == only(backend)["recurring_run_id"]
    assert backend.count("POST", MADE) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "When? Give --cron '0 3 * * *' or --every 6h"),
        (["--cron", "0 25 * * *"], "--cron: is no cron expression: '25' is no hour, which is 0 to 23."),
        (["--cron", "0 3 * *"], "must have five fields"),
        (["--every", "6 hours"], "--every: must be a number and a unit (s, m, h, d, w), e.g. 6h."),
        (["--every", "6h", "--max-concurrency", "11"], "--max-concurrency: Input should be less than or equal to 10."),
        (["--every", "6h", "--cron", "@daily"], "give exactly one of cron and every"),
        (["--every", "6h", "--start", "tomorrow"], "--start: "),
        (["--every", "6h", "--start", "2027-01-01", "--end", "2026-01-01T00:00:00Z"], "start must be before end"),
        (["--every", "6h", "-p", "epochs=x"], "-p epochs: is a whole number"),
    ],
)
def test_what_is_no_schedule_is_refused_before_anything_is_sent(command, backend, ir, options: list[str], message: str):
    ran = command("schedule", ir, *TO, *options)
    assert ran.code == 2
    assert message in ran.err
    assert backend.seen == []


@pytest.fixture
def daily(command, backend, ir) -> str:
    assert command("schedule", ir, *TO, "--cron", "@daily", "--name", "daily").code == 0
    return only(backend)["recurring_run_id"]


def test_schedules_are_listed_and_shown(command, backend, daily):
    listed = json.loads(command("cluster", "schedules", "--json").out)
    assert [(each["schedule"], each["name"], each["cron"]) for each in listed] == [(daily, "daily", "@daily")]
    assert "@daily" in command("cluster", "schedules").out
    for named in (daily, "daily"):
        assert json.loads(command("cluster", "schedule", named, "--json").out)["name"] == "daily"


def test_a_schedule_is_paused_and_runs_again(command, backend, daily):
    backend.faults = [Fault("POST", ":disable", accepted=True)]
    assert json.loads(command("cluster", "pause", "daily", "--json").out)["paused"] is True
    assert only(backend)["status"] == "DISABLED"
    assert command("cluster", "resume", "daily").code == 0
    assert only(backend)["status"] == "ENABLED"


def test_a_schedule_is_deleted_whatever_becomes_of_the_answer(command, backend, daily):
    backend.faults = [Fault("DELETE", MADE, accepted=True)]
    ran = command("cluster", "unschedule", "daily")
    assert ran.code == 0, ran.err
    assert backend.schedules == {}


def test_a_schedule_that_is_not_there_is_told_with_the_one_that_was_meant(command, backend, daily):
    ran = command("cluster", "pause", "dayly")
    assert ran.code == 2
    assert "there is no schedule 'dayly'. Did you mean 'daily'?" in ran.err
