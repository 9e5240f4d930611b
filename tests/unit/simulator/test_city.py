from datetime import UTC, datetime, timedelta

import pytest

from aicity_fleet.errors import FleetError
from aicity_fleet.simulator.agents import START_SCORE, Reputation, TrustTier
from aicity_fleet.simulator.bodies import CityRefusedError
from aicity_fleet.simulator.city import City
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.tasks import CityTask, TaskStatus, fingerprint

START = datetime(2026, 7, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def city(clock: Clock) -> City:
    """A city that accepts every delivery, so that only the rules are seen."""
    return City(SimulatorConfig(quality_gate=False), clock)


def submit(city: City, task_id: str = "t1", budget: int = 100) -> str:
    return city.submit("general", {"description": task_id}, budget, task_id).task_id


def test_a_listing_begins_a_task(city, clock):
    submit(city)
    assert city.tasks["t1"].status is TaskStatus.SUBMITTED
    clock.pass_seconds(5)
    ((entry,), total) = city.list_assigned(city.registry.default_agent)
    assert (entry["status"], total) == ("executing", 1)
    assert entry["startedAt"] == "2026-07-01T00:00:05.000Z"


def test_a_task_can_be_ended_before_it_was_listed(city):
    agent = city.registry.default_agent
    task, ended = city.complete(agent, submit(city), {"result": "x"}, 1)
    assert ended
    assert task.status is TaskStatus.COMPLETED


@pytest.mark.parametrize(
    ("budget", "pay"), [(0, 0), (1, 0), (7, 5), (100, 85), (999, 849), (10**9, 850_000_000)]
)
def test_pay_is_85_percent_in_whole_cents(city, budget, pay):
    agent = city.registry.default_agent
    city.complete(agent, submit(city, budget=budget), {"result": "x"}, 1)
    assert agent.earned_cents == pay
    assert city.credits == {
        "held": 0,
        "charged": budget,
        "paid": pay,
        "fees": budget - pay,
        "refunded": 0,
    }


def test_a_failure_refunds(city):
    agent = city.registry.default_agent
    assert city.credits["held"] == 0
    submit(city, budget=70)
    assert city.credits["held"] == 70
    task, ended = city.fail(agent, "t1", "quality", "no")
    assert ended
    assert task.failure == {"reason": "quality", "message": "no"}
    assert (city.credits["held"], city.credits["refunded"], agent.earned_cents) == (0, 70, 0)


def test_failures_must_be_consecutive_to_suspend(city):
    agent = city.registry.default_agent
    for number, ending in enumerate("ffcffcfff"):
        task_id = submit(city, f"t{number}")
        assert not agent.is_suspended
        if ending == "f":
            city.fail(agent, task_id, "x", "y")
        else:
            city.complete(agent, task_id, {"result": "x"}, 1)
    assert agent.is_suspended
    with pytest.raises(CityRefusedError, match="ACCESS_DENIED"):
        city.list_assigned(agent)


def test_suspension_can_be_switched_off(clock):
    city = City(SimulatorConfig(failures_until_suspension=0), clock)
    agent = city.registry.default_agent
    for number in range(10):
        city.fail(agent, submit(city, f"t{number}"), "x", "y")
    assert not agent.is_suspended


def test_ended_tasks_stay_listed_as_long_as_told(clock):
    city = City(SimulatorConfig(quality_gate=False), clock)
    agent = city.registry.default_agent
    city.complete(agent, submit(city), {"result": "x"}, 1)
    clock.pass_seconds(60)
    assert city.list_assigned(agent, finished_seconds=60)[1] == 1
    clock.pass_seconds(1)
    assert city.list_assigned(agent, finished_seconds=60) == ([], 0)


def test_a_page_holds_its_part_only(city):
    for number in range(7):
        submit(city, f"t{number}")
    agent = city.registry.default_agent
    entries, total = city.list_assigned(agent, page=2, page_size=3)
    assert ([entry["id"] for entry in entries], total) == (["t3", "t4", "t5"], 7)
    assert city.tasks["t6"].status is TaskStatus.SUBMITTED
    assert city.tasks["t6"].listings == 0


@pytest.mark.parametrize("kind", ["complete", "fail"])
def test_refusals_carry_status_and_code(city, kind):
    def end(task_id: str) -> None:
        agent = city.registry.default_agent
        if kind == "complete":
            city.complete(agent, task_id, {}, 1)
        else:
            city.fail(agent, task_id, "x", "y")

    with pytest.raises(CityRefusedError) as unknown:
        end("nope")
    assert (unknown.value.status, unknown.value.code) == (404, "TASK_NOT_FOUND")
    other, _ = city.registry.register("own_x", {"displayName": "Other", "framework": "adk"})
    city.submit("general", {}, task_id="theirs", agent_id=other.agent_id)
    with pytest.raises(CityRefusedError) as foreign:
        end("theirs")
    assert (foreign.value.status, foreign.value.code) == (403, "ACCESS_DENIED")
    end(submit(city))
    with pytest.raises(CityRefusedError) as settled:
        end("t1")
    assert (settled.value.status, settled.value.code) == (409, "CONFLICT")
    assert isinstance(settled.value, FleetError)


def test_a_counting_city_accepts_a_second_ending_and_counts_it(clock):
    city = City(SimulatorConfig(quality_gate=False, count_second_endings=True), clock)
    agent = city.registry.default_agent
    task = city.tasks[submit(city, budget=100)]
    assert city.complete(agent, "t1", {"result": "x"}, 1, "key")[1]
    assert not city.complete(agent, "t1", {"result": "x"}, 1, "key")[1]
    assert task.accepted_endings == 1
    assert city.fail(agent, "t1", "x", "y", "other key")[1]
    assert not city.fail(agent, "t1", "x", "y", "other key")[1]
    assert city.complete(agent, "t1", {"result": "x"}, 1)[1]
    assert city.complete(agent, "t1", {"result": "x"}, 1)[1]
    assert task.accepted_endings == 4
    assert (task.status, task.failure) == (TaskStatus.COMPLETED, None)
    assert (agent.earned_cents, city.credits["paid"]) == (85, 85)
    assert agent.reputation.failed == 1


def test_ids_are_never_reused(clock):
    ids = {City(SimulatorConfig(), clock).submit("x", {}).task_id for _ in range(100)}
    assert len(ids) == 100


def test_a_raw_entry_with_a_known_id_is_listed_beside_the_task(city):
    submit(city)
    city.submit_raw({"id": "t1", "broken": True})
    entries, _ = city.list_assigned(city.registry.default_agent)
    assert [entry["id"] for entry in entries] == ["t1", "t1"]
    city.complete(city.registry.default_agent, "t1", {"result": "x"}, 1)
    assert city.list_assigned(city.registry.default_agent)[0] == [{"id": "t1", "broken": True}]


def test_keys_are_kept_as_hashes_only(city):
    _, key = city.registry.register("own_x", {"displayName": "A", "framework": "autogen"})
    assert key.startswith("ac_live_")
    assert key not in repr(vars(city.registry))
    assert city.registry.agent_of_key(key).about.display_name == "A"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"displayName": "A"},
        {"displayName": "A", "framework": "unknown"},
        {"displayName": " ", "framework": "autogen"},
        {"displayName": 5, "framework": "autogen"},
        {"displayName": "A", "framework": "autogen", "model": "m" * 101},
        {"displayName": "A", "framework": "autogen", "capabilities": {}},
    ],
)
def test_a_wrong_registration_names_its_fields(city, body):
    with pytest.raises(CityRefusedError) as refused:
        city.registry.register("own_x", body)
    assert refused.value.details


def test_reputation_moves_within_its_range_and_tiers_follow():
    reputation = Reputation()
    assert (reputation.overall, reputation.tier) == (round(START_SCORE), TrustTier.UNVERIFIED)
    seen = [reputation.overall]
    for number in range(60):
        reputation.note_completed(95, 85)
        seen.append(reputation.overall)
        if number == 3:
            assert reputation.tier is TrustTier.PROVISIONAL
    assert seen == sorted(seen)
    assert (reputation.tier, reputation.confidence) == (TrustTier.ELITE, 100)
    for _ in range(100):
        reputation.note_failed()
    assert 0 <= reputation.overall < seen[-1]
    assert reputation.tier is TrustTier.PROVISIONAL


def test_the_fingerprint_ignores_the_rim_only():
    assert fingerprint(" a\n", "b") == fingerprint("a", "b\n")
    assert fingerprint("a", "b") != fingerprint("ab", "")
    assert fingerprint("\ud800", "") != fingerprint("", "")


def delivered(city: City, *, in_check: bool = False) -> CityTask:
    agent = city.registry.default_agent
    task, _ = city.complete(agent, submit(city), {"result": "x"}, 1, in_check=in_check)
    return task


@pytest.mark.parametrize("becomes", ["refunded", "failed"])
def test_a_completed_task_can_be_taken_back_later(city, clock, becomes):
    task, agent = delivered(city), city.registry.default_agent
    city.change_later(task, becomes, 5)
    clock.pass_seconds(4.9)
    city.catch_up()
    assert (task.status, agent.earned_cents) == (TaskStatus.COMPLETED, 85)
    clock.pass_seconds(0.2)
    city.catch_up()
    shown = task.to_full_json()
    assert (shown["status"], shown["paidCents"], agent.earned_cents) == (becomes, 0, 0)
    assert city.credits == {"held": 0, "charged": 0, "paid": 0, "fees": 0, "refunded": 100}
    assert agent.reputation.consecutive_failures == (becomes == "failed")
    assert shown["feedback"] == ({"rating": "thumbs_down"} if becomes == "refunded" else None)


@pytest.mark.parametrize(("becomes", "earned"), [("completed", 85), ("failed", 0)])
def test_a_delivery_in_check_is_judged_later(city, clock, becomes, earned):
    task, agent = delivered(city, in_check=True), city.registry.default_agent
    assert (task.status, city.credits["held"]) == (TaskStatus.QUALITY_CHECK, 100)
    assert (agent.reputation.completed, agent.reputation.failed) == (0, 0)
    city.change_later(task, becomes, 5)
    clock.pass_seconds(5)
    city.catch_up()
    assert (task.status.value, agent.earned_cents, city.credits["held"]) == (becomes, earned, 0)


def test_a_thumbs_down_alone_moves_no_money(city):
    task = delivered(city)
    city.change_later(task, "thumbs_down", 0)
    city.catch_up()
    assert (task.status, task.paid_cents) == (TaskStatus.COMPLETED, 85)
    assert task.to_full_json()["feedback"] == {"rating": "thumbs_down"}


def test_a_delivery_that_failed_at_once_stays_failed(clock):
    city = City(SimulatorConfig(), clock)
    task = delivered(city)
    assert task.status is TaskStatus.FAILED
    city.change_later(task, "refunded", 0)
    city.catch_up()
    assert task.status is TaskStatus.FAILED


def test_a_refund_is_final(city):
    task, agent = delivered(city), city.registry.default_agent
    for becomes in ("refunded", "completed"):
        city.change_later(task, becomes, 0)
    city.catch_up()
    assert (task.status, task.paid_cents, agent.earned_cents) == (TaskStatus.REFUNDED, 0, 0)


def test_changes_happen_in_the_order_of_their_times(city, clock):
    first, agent = delivered(city), city.registry.default_agent
    second, _ = city.complete(agent, submit(city, "t2"), {"result": "x"}, 1, in_check=True)
    city.change_later(second, "completed", 9)
    city.change_later(first, "failed", 3)
    clock.pass_seconds(10)
    city.catch_up()
    assert agent.reputation.consecutive_failures == 0, "the failure came first"
