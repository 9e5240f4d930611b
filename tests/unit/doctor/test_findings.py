"""Checks run side by side, and neither one that hangs nor one that breaks hides what the others found."""

import subprocess
import sys
import threading
import time

from support.source_files import ROOT

from aicity_fleet.doctor.findings import Severity, note, ok, problem, run_checks, warning, worst
from aicity_fleet.errors import LedgerError


def test_findings_come_in_the_order_of_the_checks():
    first_may_end = threading.Event()

    def first():
        assert first_may_end.wait(10), "both run at once"
        return [ok("a", "A."), note("b", "B.")]

    def second():
        first_may_end.set()
        return [problem("c", "C.", "", "")]

    found = run_checks({"first": first, "second": second}, limit_seconds=10)
    assert [finding.check for finding in found] == ["a", "b", "c"]
    assert worst(found) is Severity.PROBLEM
    assert worst([]) is Severity.OK
    assert worst([note("n", ""), warning("w", "", "", "")]) is Severity.WARNING


def test_a_check_that_hangs_or_breaks_is_told_and_hides_nothing():
    never = threading.Event()

    def hangs():
        never.wait(60)
        return []

    def breaks():
        raise ZeroDivisionError("secret words")

    def fails():
        raise LedgerError("Redis said no.")

    began = time.monotonic()
    found = run_checks(
        {"hangs": hangs, "breaks": breaks, "fails": fails, "works": lambda: [ok("works", "Yes.")]},
        limit_seconds=0.2,
    )
    assert time.monotonic() - began < 30, "nobody waits for the one that hangs"
    never.set()
    told = {finding.check: finding for finding in found}
    assert "did not finish" in told["hangs"].what
    assert "ZeroDivisionError" in told["breaks"].what
    assert "secret words" not in str(found)
    assert "Redis said no." in told["fails"].what
    assert told["works"].severity is Severity.OK


def test_a_check_that_hangs_does_not_keep_the_process():
    program = (
        "import threading; from aicity_fleet.doctor.findings import run_checks;"
        "found = run_checks({'hangs': threading.Event().wait}, limit_seconds=0.1);"
        "print(found[0].what)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=True,
    )
    assert "did not finish" in done.stdout, done.stderr
