"""A recorded job as a test: it needs no network and no key, and fails when the job would end otherwise."""

import asyncio
from pathlib import Path

from aicity_fleet.team.replay.fixture import load_fixture, replay_fixture

RECORDED = Path(__file__).with_name("recorded_job.json")


def test_the_recorded_job_ends_as_it_did():
    fixture = load_fixture(RECORDED)
    result = asyncio.run(replay_fixture(fixture))
    assert fixture.is_met_by(result.ending)
    assert result.rounds == 2, "the gate sent the first hand-in back"
