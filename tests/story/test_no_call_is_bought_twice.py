"""A job that moves to another worker goes on at its first new model call."""

import asyncio

from aicity_fleet.journal import JournalCursor
from aicity_fleet.models import Delivered, TeamResult
from aicity_fleet.stop_switch import StopSwitch
from workers.ledger_journal import LedgerJournal


def test_what_a_dead_worker_bought_is_answered_from_the_journal(fleet):
    bought = []

    async def ask(cursor: JournalCursor, request: str) -> str:
        recorded = await cursor.replay("model", request)
        if recorded is None:
            bought.append(request)
            answer = {"text": f"answer to {request}"}
            recorded = await cursor.record("model", request, answer, seconds=1, usage=(5, 5))
        return recorded.answer["text"]

    (task_id,) = fleet.accept()
    fleet.messages.clear()
    lease = fleet.kill_worker_of(task_id)
    journal = LedgerJournal(fleet.ledger, lease, StopSwitch())
    asyncio.run(ask(JournalCursor(journal), "draft"))  # and then it dies

    async def whole_run(journal) -> TeamResult:
        cursor = JournalCursor(journal)
        texts = [await ask(cursor, request) for request in ("draft", "final")]
        return TeamResult(Delivered(texts[-1], 90), cursor.bought, "gpt-4o-mini")

    def team(lease, stop_switch, journal) -> TeamResult:
        return asyncio.run(whole_run(journal))

    fleet.run_team = team
    fleet.wait_for_rescue(task_id)
    assert fleet.deliver()["did"] == "complete"
    assert bought == ["draft", "final"], "the draft was bought once, by the worker that died"
