"""The promises under fire, small: real processes are killed and stopped, Redis dies, answers get lost.

``CHAOS_SEED`` chooses the plan; it is printed, and another one is drawn for every run.
"""

import os
import secrets

import pytest
from chaos.options import Options
from chaos.plan import BY_NAME
from chaos.receipt import as_text, receipt
from chaos.run import Run

from aicity_fleet.embedded.redis_server import find_redis_server

SEED = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(1_000_000))

# What makes the fleet rest for a minute is for longer runs.
KINDS = frozenset(
    {"kill-worker", "kill-dispatcher", "kill-beat", "stop-worker", "redis-kill", "redis-reset"}
    | {"city-reply-lost", "city-5xx", "city-429", "city-garbage", "model-5xx", "model-cut"}
)

KILLS = 10


@pytest.mark.timeout(420)
def test_nothing_is_lost_and_nothing_ends_twice(tmp_path):
    print(f"CHAOS_SEED={SEED}")
    options = Options(
        jobs=60,
        kills=KILLS,
        seed=SEED,
        kinds=KINDS,
        workers=3,
        lease_seconds=6.0,  # two cores that test other things as well pause a process for seconds
        sweep_seconds=0.5,
        poll_seconds=1.0,
        model_seconds=(0.3, 2.0),
        settle_seconds=180.0,
        hold_seconds=2.0,
        open_at_once=40,
        failing_share=0.1,
    )
    outcome = Run(options, tmp_path).execute()
    text = as_text(receipt(outcome, f"CHAOS_SEED={SEED} pytest", find_redis_server()))
    print(text)
    verdict = outcome.verdict
    assert verdict.faults == [], text
    assert outcome.came_to_rest, text
    assert verdict.resting == {}, text
    assert verdict.submitted >= 60
    assert verdict.completed + verdict.failed == verdict.submitted
    # It met what it was meant to meet.
    assert outcome.kills == KILLS
    assert outcome.injected["kill-worker"] >= 7
    assert outcome.kills_that_hit >= 5, text
    assert outcome.hits >= 10, text
    assert outcome.rescues, text
    assert verdict.failed >= 1, text
    missing = {k for k in KINDS if BY_NAME[k].group != "kill" and not outcome.injected.get(k)}
    assert not missing, text
