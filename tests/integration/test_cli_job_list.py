"""The list of jobs at the widths that terminals have: what matters is always there, and whole."""

import pytest

from aicity_fleet.cli.display import console
from aicity_fleet.ledger import ClaimTerms, Lease, ReportLease
from aicity_fleet.models import AssignedTask, Completed, Failed, Outcome, Spent, Usage

LONG_TYPE = "a_task_type_with_a_very_long_name_that_nobody_needs"
SPENT = Spent(1_234_567, Usage(12, 1_000_000, 200_000), "gpt-x")


def ended(ledger, job_id: str, outcome: Outcome) -> None:
    ledger.accept(AssignedTask(job_id, LONG_TYPE, "Find out", max_budget_cents=1000))
    lease = ledger.claim(job_id, ClaimTerms("host:1", 60))
    assert isinstance(lease, Lease)
    ledger.finish(lease, outcome, SPENT)


@pytest.fixture
def some_jobs(ledger):
    """Jobs in several states with ids as long as AI City's."""
    ended(ledger, "clx0123456789abcdefghijkl0", Completed("text", 1, "m"))
    ledger.settle(ledger.take_report("clx0123456789abcdefghijkl0"), {}, "success")
    ended(ledger, "clx0123456789abcdefghijkl1", Failed("over_budget", "No."))
    ended(ledger, "clx0123456789abcdefghijkl2", Completed("text", 1, "m"))
    report = ledger.take_report("clx0123456789abcdefghijkl2")
    assert isinstance(report, ReportLease)
    ledger.quarantine(report, "422", was_refused=True)
    ledger.accept(AssignedTask("clx0123456789abcdefghijkl3", LONG_TYPE, "Find out"))
    lease = ledger.claim("clx0123456789abcdefghijkl3", ClaimTerms("host:1", 60))
    ledger.release(lease, "the provider \x1b[31mis down and says so at length", SPENT)


def lines(run, monkeypatch, width: int) -> list[str]:
    monkeypatch.setattr(console, "_width", width)
    return [line.strip() for line in run("jobs").splitlines() if line.strip()]


def test_at_80_columns_id_state_ending_and_age_are_whole(run, some_jobs, monkeypatch):
    shown = lines(run, monkeypatch, 80)
    assert max(map(len, shown)) <= 80
    rows = {line.split()[0]: line for line in shown if line.startswith("clx")}
    for number, parts in enumerate(
        [("reported", "complete"), ("finished", "fail (over_budget)"), ("quarantined", "complete"),
         ("queued", "the provider [31mis down")]
    ):  # fmt: skip
        row = rows[f"clx0123456789abcdefghijkl{number}"]
        assert all(part in row for part in parts), row
        assert " s" in row, "its age"
    assert LONG_TYPE not in "".join(shown), "the least important columns go first"


def test_a_wide_terminal_shows_every_column_and_a_narrow_one_loses_no_id(
    run, some_jobs, monkeypatch
):
    wide = "\n".join(lines(run, monkeypatch, 220))
    for part in (LONG_TYPE, "tokens", "1200000", "1234.6", "margin"):
        assert part in wide
    narrow = "\n".join(lines(run, monkeypatch, 50))
    for number in range(4):
        assert f"clx0123456789abcdefghijkl{number}" in narrow


def test_an_id_that_is_longer_than_a_line_is_folded_and_not_cut(run, ledger, monkeypatch):
    ledger.accept(AssignedTask("x" * 100, "research", "Find out"))
    shown = "\n".join(lines(run, monkeypatch, 80))
    assert shown.count("x") == 100
    assert "queued" in shown


def test_an_empty_list_is_no_error(run):
    assert "queued 0" in run("jobs")
