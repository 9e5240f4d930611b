"""Settled jobs go into the archive, whole and once, and people find them there when Redis has lost them."""

import csv
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aicity_fleet.archive import Archive, Wanted
from aicity_fleet.cli import app
from aicity_fleet.cli.display import console
from aicity_fleet.errors import ArchiveError
from aicity_fleet.health.fleet import check_health
from aicity_fleet.ledger import ClaimTerms, Lease, Ledger, ReportLease
from aicity_fleet.ledger.overview import read_overview
from aicity_fleet.ledger.read_backs import ReadLease, Seen
from aicity_fleet.models import AssignedTask, Completed, Failed, Outcome, Spent, Usage
from scheduler import archiver
from scheduler.archiver import Archiver

DONE = Completed("the deliverable", 1, "m")


@pytest.fixture
def archive(tmp_path, agent) -> Archive:
    return Archive(tmp_path / "archive.sqlite", agent)


@pytest.fixture
def copy(ledger, archive):
    """Copy what is settled; returns how many jobs that were."""
    return Archiver(ledger, archive).copy


def end(ledger: Ledger, job_id: str, outcome: Outcome = DONE, text: str = "Find out") -> None:
    ledger.accept(AssignedTask(job_id, "research", text, max_budget_cents=1000))
    lease = ledger.claim(job_id, ClaimTerms("host:1", 60))
    assert isinstance(lease, Lease)
    ledger.journals.append(lease, 0, '{"answer": "x"}')
    ledger.finish(lease, outcome, Spent(7, Usage(2, 100, 20), "gpt"), score=90)
    held = ledger.take_report(job_id)
    assert isinstance(held, ReportLease)
    receipt = {"verdict": "accepted", "answer": {"status": "completed"}}
    if outcome.kind == "complete":
        ledger.settle(held, receipt, "success", standing="completed")
    else:
        ledger.settle(held, {"verdict": "accepted"}, "failure")


def test_a_settled_job_is_copied_whole_and_once(ledger, archive, copy):
    ledger.controls.seed_guard(0)
    end(ledger, "before")
    assert copy() == 1, "what was settled before anybody archived"
    end(ledger, "good")
    end(ledger, "bad", Failed("quality", "no", 1))
    ledger.accept(AssignedTask("waiting", "research", "x"))
    assert copy() == 2
    assert copy() == 0
    whole = archive.get("good")
    assert whole == ledger.whole("good")
    assert whole is not None
    assert whole.job == ledger.get("good")
    assert whole.audit == ledger.audit("good")
    assert list(whole.journal) == ledger.journal("good") == ['{"answer": "x"}']
    found = {job.job_id: job for job in archive.each(Wanted())}
    assert found.keys() == {"before", "good", "bad"}
    good, bad = found["good"], found["bad"]
    assert (good.ending, good.standing, good.score) == ("complete", "completed", 90)
    assert (good.cost_usd, good.earnings_usd) == (Decimal(0), Decimal("8.50"))
    assert (bad.ending, bad.standing, bad.earnings_usd) == ("quality", "", Decimal(0))
    assert archive.get("waiting") is None


def test_what_a_read_back_changes_is_copied_again(ledger, archive, copy):
    copy()
    end(ledger, "a")
    assert copy() == 1
    ledger.client.zadd(ledger.keys.read_backs, {"a": 0})
    lease = ledger.read_backs.take()
    assert isinstance(lease, ReadLease)
    ledger.read_backs.note(lease, Seen("refunded", "refunded", is_final=True))
    assert copy() == 1
    (job,) = archive.each(Wanted())
    assert (job.standing, job.earnings_usd) == ("refunded", Decimal(0))


def test_what_settled_without_a_mark_is_copied_after_the_next_start(ledger, archive, copy):
    """A dispatcher of the version before, or one without an archive, marks nothing."""
    copy()
    end(ledger, "a")
    ledger.client.delete(ledger.keys.prefix + "to_archive")
    assert copy() == 0
    assert Archiver(ledger, archive).copy() == 1
    assert Archiver(ledger, archive).copy() == 0


def test_a_job_that_cannot_be_read_holds_up_no_other(ledger, archive, copy):
    copy()
    for job_id in ("damaged", "good"):
        end(ledger, job_id)
    ledger.client.lset(ledger.keys.journal("damaged"), 0, "znonsense")
    assert copy() == 1
    assert archive.get("good") is not None
    assert copy() == 0


def test_one_archives_at_a_time(ledger, copy):
    end(ledger, "a")
    other = Ledger(ledger.client, ledger.keys, retention_seconds=3600)
    with other.coordination.only_archive(60) as turn:
        assert turn is not None
        assert copy() == 0
    assert copy() == 1


def test_a_job_that_ran_again_after_a_wipe_stays_beside_the_first(ledger, archive, copy):
    for _ in range(2):
        end(ledger, "a")
        assert copy() == 1
        ledger.client.delete(*ledger.client.keys(ledger.keys.prefix + "*"))
    assert archive.count(Wanted()) == 2


def test_status_says_that_the_archive_fails_until_it_works(ledger, archive, copy):
    end(ledger, "a")
    archive.path.mkdir()
    with pytest.raises(ArchiveError):
        copy()
    (finding,) = [
        each
        for each in check_health(read_overview(ledger), poll_seconds=30)
        if each.name == "archive_fails"
    ]
    assert str(archive.path) in finding.what
    archive.path.rmdir()
    assert copy() == 1
    assert ledger.troubles.read("archive") is None


def test_nothing_is_marked_while_nobody_archives(ledger):
    end(ledger, "a")
    assert not ledger.client.exists(ledger.keys.prefix + "to_archive")


def test_a_copy_that_failed_is_made_later_and_a_job_that_changed_meanwhile_again(
    ledger, archive, copy, monkeypatch
):
    copy()
    end(ledger, "a")
    put = Archive.put

    def fails(*_args):
        raise ArchiveError("the disk is full")

    monkeypatch.setattr(Archive, "put", fails)
    with pytest.raises(ArchiveError):
        copy()

    def changes(*args):
        put(*args)
        monkeypatch.setattr(Archive, "put", put)
        ledger.client.zadd(ledger.keys.read_backs, {"a": 0})
        lease = ledger.read_backs.take()
        assert isinstance(lease, ReadLease)
        ledger.read_backs.note(lease, Seen("refunded", "refunded", is_final=True))

    monkeypatch.setattr(Archive, "put", changes)
    assert copy() == 2, "the job that changed while it was copied comes again"
    assert [job.standing for job in archive.each(Wanted())] == ["refunded"]


def test_many_jobs_are_copied_in_rounds_and_one_that_is_gone_holds_up_none(
    ledger, archive, copy, monkeypatch
):
    monkeypatch.setattr(archiver, "ROUND_JOBS", 2)
    copy()
    for number in range(5):
        end(ledger, f"job {number}")
    ledger.client.delete(ledger.keys.job("job 1"))
    assert copy() == 4
    assert archive.count(Wanted()) == 4


def test_two_fleets_share_a_file_and_see_their_own_jobs(ledger, archive, copy):
    end(ledger, "a")
    copy()
    other = Archive(archive.path, "another")
    assert (archive.count(Wanted()), other.count(Wanted()), other.get("a")) == (1, 0, None)


def test_a_file_that_is_no_archive_is_left_alone(ledger, tmp_path, agent):
    later, other = tmp_path / "later.sqlite", tmp_path / "other.sqlite"
    with sqlite3.connect(later) as db:
        db.execute("PRAGMA user_version = 7")
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE theirs (x)")
    for trouble in (later, other, tmp_path / "no folder" / "archive.sqlite", tmp_path):
        with pytest.raises(ArchiveError, match=r"^FLEET_ARCHIVE: /.*(Name another file|Does its)"):
            Archive(trouble, agent).put([])


@pytest.fixture
def run(redis_server, agent, archive, monkeypatch):
    """Run a command of the command line; returns what it prints."""
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    monkeypatch.setenv("FLEET_AGENT", agent)
    monkeypatch.setenv("FLEET_ARCHIVE", str(archive.path))
    monkeypatch.setattr(console, "_width", 200)

    def run(*args: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, args)
        assert done.exit_code == code, done.output
        return done.stdout if code == 0 else str(done.exception) + done.output

    return run


@pytest.fixture
def three(ledger, copy):
    ledger.controls.seed_guard(0)
    end(ledger, "good")
    end(ledger, "bad", Failed("quality", "no", 1))
    end(ledger, "sly", text="=HYPERLINK('http://x.example') \x1b[2J\n;=2+2; \uff1d1+1")
    copy()


def test_history_lists_and_filters(run, three):
    shown = run("history")
    assert "good" in shown
    assert "3 jobs; cost $0.00; earned $17.00" in shown
    assert "3 jobs; the latest 1; cost $0.00; earned $8.50" in run("history", "--limit", "1")
    found = json.loads(run("history", "--json", "--ending", "complete", "--type", "research"))
    assert (found["total"], {job["job_id"] for job in found["jobs"]}) == (2, {"good", "sly"})
    for nobody in (["--until", "1h"], ["--since", "2099-01-01"], ["--standing", "refunded"]):
        assert json.loads(run("history", "--json", *nobody))["total"] == 0
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert json.loads(run("history", "--json", "--since", "1h", "--until", tomorrow))["total"] == 3
    for nonsense in ("soon", "2026-13-01", "999999d"):
        said = " ".join(run("history", "--since", nonsense, code=2).split())
        assert f"--since: '{nonsense}' is neither a date" in said


def test_a_job_that_redis_has_lost_is_shown_from_the_archive(run, three, ledger):
    before = json.loads(run("job", "good", "--json"))
    ledger.client.delete(*ledger.client.keys(ledger.keys.prefix + "*"))
    assert json.loads(run("job", "good", "--json")) == before
    assert "the deliverable" in run("job", "good")
    assert "the deliverable" in run("job", "good", "--follow")


def test_export_writes_rows_that_no_spreadsheet_computes(run, three, tmp_path: Path):
    path = tmp_path / "jobs.csv"
    run("export", str(path))
    rows = {row["job_id"]: row for row in csv.DictReader(path.read_text().splitlines())}
    assert rows.keys() == {"good", "bad", "sly"}
    assert (rows["good"]["earnings_usd"], rows["bad"]["ending"]) == ("8.50", "quality")
    assert rows["sly"]["description"] == "'=HYPERLINK('http://x.example') [2J ;'=2+2;' \uff1d1+1"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "already exists" in run("export", str(path), code=1)
    run("export", str(path), "--force")
    lines = tmp_path / "jobs.jsonl"
    run("export", str(lines), "--ending", "quality")
    assert [json.loads(line)["job_id"] for line in lines.read_text().splitlines()] == ["bad"]
    assert sorted(each.name for each in tmp_path.iterdir() if "jobs" in each.name) == [
        "jobs.csv",
        "jobs.jsonl",
    ]
    assert "ends with neither" in run("export", str(tmp_path / "jobs.xlsx"), code=2)


def test_without_an_archive_it_is_said_where_one_would_be(run, monkeypatch, tmp_path):
    assert "does not exist" in run("history", code=1)
    monkeypatch.delenv("FLEET_ARCHIVE")
    assert "Set FLEET_ARCHIVE" in run("history", code=1)
