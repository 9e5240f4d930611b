"""What the command ``status`` says about a fleet: what is wrong, and what to do."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aicity_fleet.health.fleet import check_health
from aicity_fleet.ledger.controls import Breaker, Controls, Switch
from aicity_fleet.ledger.overview import Overview
from aicity_fleet.ledger.server import ServerState
from aicity_fleet.ledger.troubles import Trouble
from aicity_fleet.models import JobState
from aicity_fleet.money.cost import Cost
from aicity_fleet.money.day import DaySpending, DayTotals

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
OFF = Switch(NOW - timedelta(hours=1), "AI City answered 401.")
POLL = {"at": NOW - timedelta(seconds=20), "status": "ok", "message": "", "failing": None}


def ago(**kwargs: float) -> datetime:
    return NOW - timedelta(**kwargs)


def failing(polls: int, *, may_pass: bool, message: str, **since: float) -> dict[str, Any]:
    """The latest poll of a row that failed."""
    row = {"polls": polls, "since": ago(**since), "message": message, "may_pass": may_pass}
    return {**POLL, "status": "error", "message": message, "failing": row}


def breaker(*, is_fatal: bool, is_open: bool = True) -> Breaker:
    until = NOW + timedelta(minutes=1) if is_open else None
    return Breaker("https://model.example", 3, until, "HTTP 401", is_fatal)


def day_totals(*, is_full: bool, wanted: str = "0.01") -> DayTotals:
    spent, cap = Cost(Decimal("9.99")), Decimal(10)
    midnight = NOW.replace(hour=0)
    day = DaySpending(
        midnight, spent, 40, Decimal(0), Decimal("0.005"), cap, Decimal(wanted), is_full
    )
    return DayTotals(day, Decimal(0), Decimal(0), 0, 0)


def overview(**changes) -> Overview:
    controls: dict[str, Any] = {
        "now": NOW, "paused": {}, "stopped": None, "quiet_seconds": 0.0, "failures_in_a_row": 0,
        "failures_assumed": 0, "guard_is_new": False, "jobs_in_hand": 0, "breakers": (), "availability": "",
        "is_braked": False, "recent_endings": (),
        "ignores_tools": {},
    }  # fmt: skip
    controls = {name: changes.pop(name, value) for name, value in controls.items()}
    counts = {**dict.fromkeys(JobState, 0), **changes.pop("counts", {})}
    values = {
        "oldest_queued_at": None, "overdue_seconds": 0.0, "owners": {}, "oldest_report_at": None,
        "report_trouble": "", "queues": {"control": 0, "jobs": 0, "reports": 0}, "last_poll": POLL,
        "swept_at": ago(seconds=1), **changes,
    }  # fmt: skip
    return Overview(counts=counts, controls=Controls(**controls), **values)


def test_a_fleet_that_works_gives_nothing_to_say():
    assert check_health(overview(), poll_seconds=30) == []
    busy = overview(
        counts={JobState.QUEUED: 5, JobState.RUNNING: 2, JobState.FINISHED: 1},
        overdue_seconds=300,
        oldest_report_at=ago(seconds=30),
    )
    assert check_health(busy, poll_seconds=30) == []
    assert check_health(overview(day_totals=day_totals(is_full=False)), poll_seconds=30) == []
    assert check_health(overview(swept_at=NOW + timedelta(seconds=2)), poll_seconds=30) == []
    roomy = ServerState(79 * 2**20, 100 * 2**20, "noeviction", False)
    assert check_health(overview(server=roomy), poll_seconds=30) == []


NEEDS_PERSON = [
    (
        {"stopped": OFF},
        "has refused the agent's key since",
        "AGENT_CITY_API_KEY.*aicity-fleet resume",
    ),
    ({"swept_at": None}, "No dispatcher has swept in the last 24 hours", "aicity-fleet up"),
    ({"swept_at": ago(seconds=31)}, "No dispatcher has swept for 31 s", "inspect ping"),
    (
        {"swept_at": NOW + timedelta(hours=1)},
        "No dispatcher has swept since the clock of Redis was set back by 60 min",
        "inspect ping",
    ),
    (
        {"last_poll": {**POLL, "at": NOW + timedelta(hours=1)}},
        "No poll has finished since the clock of Redis was set back by 60 min",
        "beat",
    ),
    (
        {"lapsed": {f"host:{pid}": 2 for pid in range(6)}},
        "12 leases lapsed in the last hour: 2 of process 0 at host, 2 of process 1 at host, "
        "2 of process 2 at host, the rest of 3 others.",
        "FLEET_WORKER_THREADS",
    ),
    ({"last_poll": None}, "No poll has finished in the last 24 hours", "beat"),
    ({"last_poll": {**POLL, "at": ago(hours=3)}}, "for 3 h 0 min", "beat"),
    (
        {"last_poll": None, "queues": {"control": 3, "jobs": 0, "reports": 0}},
        "No poll has finished",
        "the dispatcher takes none",
    ),
    (
        {"last_poll": failing(3, may_pass=False, message="GET /x: 404.", minutes=2)},
        "The last 3 polls failed, for 2 min: GET /x: 404.",
        "AGENT_CITY_BASE_URL.*FLEET_CONTRACT_FILE",
    ),
    (
        {"last_poll": failing(120, may_pass=True, message="503", minutes=61)},
        "The last 120 polls failed, for 61 min: 503",
        "whether AI City is up",
    ),
    (
        {"counts": {JobState.QUEUED: 1}, "overdue_seconds": 60.0},
        "ready to start for 60 s",
        "workers",
    ),
    ({"breakers": (breaker(is_fatal=True),)}, "refuses to serve the fleet: HTTP 401", "key, quota"),
    (
        {"breakers": (breaker(is_fatal=True, is_open=False),)},
        "refuses to serve the fleet",
        "key, quota",
    ),
    ({"counts": {JobState.QUARANTINED: 2}}, "2 jobs are in quarantine", "--state quarantined"),
    (
        {"day_totals": day_totals(is_full=True, wanted="12.5")},
        "would cost $12.50, more than the cap of $10.00",
        "aicity-fleet cap USD.*cancel",
    ),
    (
        {"server": ServerState(96 * 2**20, 100 * 2**20, "noeviction", False)},
        "Redis uses 96.0 MB of 100.0 MB (96%)",
        "maxmemory.*FLEET_RETENTION_DAYS",
    ),
    (
        {"server": ServerState(1, 0, "allkeys-lru", False)},
        "(maxmemory-policy allkeys-lru)",
        "noeviction",
    ),
    ({"server": ServerState(1, 0, "noeviction", True)}, "a read-only replica", "primary"),
    (
        {"alert_trouble": Trouble(ago(minutes=11), "It answered 404.")},
        "An alert has been waiting for 11 min. It answered 404.",
        "FLEET_ALERT_WEBHOOK.*aicity-fleet test-alert",
    ),
    ({"counts": {JobState.HELD: 1}}, "1 job is held", "rerun --state held.*--despite-guard"),
    (
        {
            "is_braked": True,
            "recent_endings": (*["fail writers gpt-x"] * 4, "fail testers gpt-x", "complete"),
        },
        "The brake is set: 5 of the latest 6 jobs failed, 4 of them of team writers with model gpt-x",
        "aicity-fleet job ID.*releases the brake",
    ),
]


@pytest.mark.parametrize(("changes", "what", "remedy"), NEEDS_PERSON)
def test_what_needs_a_person_says_so_with_its_remedy(changes, what, remedy):
    (finding,) = check_health(overview(**changes), poll_seconds=30)
    assert finding.needs_person
    assert what in finding.what
    assert re.search(remedy, finding.remedy)


REMARKS = [
    ({"paused": {"starts": OFF}}, "starts paused since 2026-07-01 11:00:00 UTC: no jobs start"),
    ({"quiet_seconds": 90.0}, "wait for another 90 s"),
    ({"failures_in_a_row": 2}, "The guard is closed after 2 failures"),
    (
        {"server": ServerState(90 * 2**20, 100 * 2**20, "noeviction", False)},
        "Redis uses 90.0 MB of 100.0 MB (90%). It fills up",
    ),
    ({"clock_ahead_seconds": -3600.0}, "The clock of Redis is 60 min behind this machine's."),
    ({"clock_ahead_seconds": 61.0}, "The clock of Redis is 61 s ahead of this machine's."),
    (
        {"lapsed": {"fd00::1:77": 1}},
        "1 lease lapsed in the last hour: 1 of process 77 at fd00::1. A process lets",
    ),
    ({"lapsed": {f"host:{pid}": 9 for pid in range(5)}}, "45 leases lapsed"),
    ({"failures_assumed": 2}, "The guard assumes 2"),
    (
        {"alert_trouble": Trouble(ago(minutes=1), "It answered 503.")},
        "for 60 s. It answered 503",
    ),
    ({"breakers": (breaker(is_fatal=False),)}, "is in trouble. No job starts there"),
    ({"oldest_report_at": ago(minutes=20), "report_trouble": "HTTP 503"}, "20 min. HTTP 503"),
    (
        {"day_totals": day_totals(is_full=True)},
        "cap for today is reached: $9.99 of $10.00, $0.005 in flight; resets at 2026-07-02 00:00:00 UTC",
    ),
    ({"last_poll": failing(1, may_pass=True, message="503", seconds=20)}, "poll failed: 503"),
    ({"last_poll": failing(99, may_pass=True, message="503", minutes=50)}, "99 polls failed"),
    ({"last_poll": failing(2, may_pass=False, message="404", minutes=1)}, "2 polls failed"),
    (
        {"ignores_tools": {"model.example m-1": "plain"}},
        "model.example m-1 is offered tools and hands in without them (as a plain answer)",
    ),
]


@pytest.mark.parametrize(("changes", "what"), REMARKS)
def test_what_mends_itself_or_was_wished_is_only_remarked(changes, what):
    (finding,) = check_health(overview(**changes), poll_seconds=30)
    assert not finding.needs_person
    assert what in finding.what


WAITS = {"counts": {JobState.QUEUED: 1}, "overdue_seconds": 600.0}


@pytest.mark.parametrize(
    "reason",
    [
        {"paused": {"starts": OFF}},
        {"breakers": (breaker(is_fatal=False),)},
        {"day_totals": day_totals(is_full=True)},
    ],
)
def test_jobs_that_wait_for_a_known_reason_do_not_accuse_the_workers(reason):
    found = check_health(overview(**WAITS, **reason), poll_seconds=30)
    assert not any("no worker takes jobs" in finding.what for finding in found)


def test_reports_that_wait_for_a_known_reason_are_not_remarked_twice():
    late = {"oldest_report_at": ago(hours=2)}
    for reason in ({"stopped": OFF}, {"quiet_seconds": 5.0}, {"paused": {"reports": OFF}}):
        assert len(check_health(overview(**late, **reason), poll_seconds=30)) == 1


def test_what_needs_a_person_comes_first():
    found = check_health(
        overview(quiet_seconds=5.0, paused={"starts": OFF}, counts={JobState.HELD: 1}),
        poll_seconds=30,
    )
    assert [finding.needs_person for finding in found] == [True, False, False]


def test_a_finding_keeps_its_name_while_its_numbers_change():
    def names(**changes: Any) -> list[str]:
        return [finding.name for finding in check_health(overview(**changes), poll_seconds=30)]

    few, many = {JobState.QUARANTINED: 1}, {JobState.QUARANTINED: 9}
    assert names(counts=few) == names(counts=many) == ["quarantined"]
    assert names(swept_at=ago(minutes=1)) == names(swept_at=ago(hours=1)) == ["no_sweep"]


def test_different_findings_have_different_names():
    everything: dict[str, Any] = {}
    for changes, *_ in (*NEEDS_PERSON, *REMARKS):
        assert isinstance(changes, dict)
        if "swept_at" not in changes:
            everything |= changes
    both = tuple(
        Breaker(f"https://{host}.example", 3, NOW, "HTTP 401", is_fatal=True) for host in "ab"
    )
    found = check_health(overview(**{**everything, "breakers": both}), poll_seconds=30)
    assert len({finding.name for finding in found}) == len(found) > 10
