"""Runs a team on a task, turn by turn, until there is an ending. ``workers/team_runner.py`` calls it.

Between turns it checks the deadline and the stop switch; within a turn it can stop a model call or a
tool. The engine decides who hears whom.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from autogen_core import CancellationToken
from autogen_core.models import LLMMessage

from aicity_fleet import tracing
from aicity_fleet.errors import JournalFullError
from aicity_fleet.journal import JournalCursor
from aicity_fleet.models import Ending, Interrupted, JsonObject, ProviderTrouble, TeamResult
from aicity_fleet.redaction import redactor, worth_redacting
from aicity_fleet.stop_switch import Progress, StopSwitch
from aicity_fleet.team.declare.spec import Member
from aicity_fleet.team.endings import INTERNAL, JOURNAL_FULL, PAST_DEADLINE
from aicity_fleet.team.engines import ENGINES
from aicity_fleet.team.engines.engine import Participant
from aicity_fleet.team.engines.workbench import GuardedWorkbench
from aicity_fleet.team.model import autogen_logs
from aicity_fleet.team.model.budget import Budget
from aicity_fleet.team.model.journaled_client import JournaledClient
from aicity_fleet.team.model.judge import JUDGE, Judge, member_of
from aicity_fleet.team.model.mis_calls import MisCalls
from aicity_fleet.team.model.provider_errors import classify
from aicity_fleet.team.model.short_brief import ShortBrief
from aicity_fleet.team.replay.transcript import (
    TranscriptEvent,
    TranscriptListener,
    events_of_answer,
)
from aicity_fleet.team.review.brief import write_brief
from aicity_fleet.team.review.coordinator import Coordinator
from aicity_fleet.team.review.review import HandInSlot, Review
from aicity_fleet.team.team import TeamRun, as_it_began
from aicity_fleet.tracing.conventions import AGENT

ProgressListener = Callable[[Progress], None]
"""Called at every turn, at every answer, and now and then while an answer is streamed."""

STREAM_REPORT_SECONDS = 0.5
"""How often progress is reported while an answer is streamed, in seconds."""

logger = logging.getLogger(__name__)

autogen_logs.silence()


async def run_team(
    run: TeamRun,
    stop_switch: StopSwitch,
    *,
    on_progress: ProgressListener | None = None,
    on_event: TranscriptListener | None = None,
) -> TeamResult:
    """Run a team on a task.

    Args:
        on_progress: See ``ProgressListener``; what it raises is logged and dropped.
        on_event: Called with every transcript event; what it raises is logged and dropped.

    Raises:
        Exception: Whatever the journal or the limiter raises, unchanged; but a full journal is an ending.
    """
    run = await as_it_began(run)
    turns = _Turns(run, stop_switch, on_progress, on_event)
    ending = await turns.until_the_end()
    cursor = turns.cursor
    if isinstance(cursor.failure, JournalFullError):
        ending = JOURNAL_FULL
    elif cursor.failure is not None:
        raise cursor.failure
    return TeamResult(
        ending,
        cursor.bought,
        cursor.model or turns.route.models[0].name,
        agents=run.team.spec.agents,
        rounds=turns.review.rounds,
        endpoint=turns.route.name,
        cost=cursor.cost,
        team=run.team.spec.name,
        hand_in=turns.review.hand_in,
        ignores_tools=turns.review.ignores_tools,
        judgement=turns.review.judgement,
    )


class _Turns:
    """The turns of one run, in a conversation of its own."""

    def __init__(
        self,
        run: TeamRun,
        stop_switch: StopSwitch,
        on_progress: ProgressListener | None,
        on_event: TranscriptListener | None,
    ) -> None:
        team = run.team
        spec, models = team.spec, team.models
        self._team, self._stop_switch = team, stop_switch
        self._on_progress, self._on_event = on_progress, on_event
        self._turns = 0
        self._streamed_tokens = 0
        self._next_report = 0.0
        self._limits = run.limits.within(spec)
        self._deadline = time.monotonic() + self._limits.deadline_seconds
        origin = team.origin.to_json()
        self.cursor = JournalCursor(run.journal, team.journal_version, origin, team=spec.name)
        self._budget = Budget(self._limits, self.cursor, run.limiter)
        self.route = models[spec.members[-1].model]
        """Where the latest model call went."""
        brief = write_brief(run.task, nonce=run.nonce, function_calling=self.route.function_calling)
        self._short_briefs = {member.model: ShortBrief(brief) for member in spec.members}
        keys = [model.config.api_key for route in models.values() for model in route.models]
        secrets = worth_redacting(keys, run.secrets)
        self._redact = redactor(secrets)
        self.review = Review(run.task, spec, brief, forbidden=secrets)
        self._slot = HandInSlot()
        self._mis_calls = MisCalls()
        self._clients: list[JournaledClient] = []
        judge = self._judge(run)
        self._coordinator = Coordinator(self.review, self._slot, self.cursor, self._emit, judge)
        participants = [self._participant(member) for member in spec.members]
        self._engine = ENGINES[team.engine](self._coordinator, participants)

    def _judge(self, run: TeamRun) -> Judge | None:
        """Give the judge, if there is one, a client of its own."""
        spec = run.team.spec.judge
        if spec is None:
            return None
        # Where it answers is not where the team's model does: `route` stays as it is.
        client = self._client(member_of(spec), on_answer=partial(self._on_answer, JUDGE))
        return Judge(spec, run.task, client, self.cursor, self._budget, nonce=run.nonce)

    def _client(self, member: Member, **listeners: Any) -> JournaledClient:
        client = JournaledClient(
            member,
            self._team.models[member.model],
            self.cursor,
            self._budget,
            self._stop_switch,
            redact=self._redact,
            **listeners,
        )
        client.on_tokens = self._on_tokens
        self._clients.append(client)
        return client

    def _on_answer(self, speaker: str, answer: JsonObject) -> None:
        self._streamed_tokens = 0
        for event in events_of_answer(speaker, answer):
            self._emit(event)
        self._report_progress()

    def _participant(self, member: Member) -> Participant:
        """Give a member a client and tools of its own."""
        spec = self._team.spec
        is_last = member is spec.members[-1]
        route = self._team.models[member.model]
        coordinator = self._coordinator

        def needs_no_call(messages: Sequence[LLMMessage]) -> bool:
            within_turn = self._mis_calls.note(messages)
            # Each answer after one that was cut off may cost as much. The coordinator asks, who counts.
            was_cut = self.cursor.finish_reason == "length"
            if within_turn and (was_cut or self._mis_calls.are_too_many):
                return True
            return self._slot.is_taken if is_last else coordinator.has_judged

        def on_answer(answer: JsonObject) -> None:
            self.route = route
            self._on_answer(member.name, answer)

        client = self._client(member, needs_no_call=needs_no_call, on_answer=on_answer)
        client.brief = self._short_briefs[member.model]
        workbench = None
        if route.function_calling and (is_last or member.tools):
            workbench = GuardedWorkbench(
                self._slot if is_last else None,
                self.cursor,
                tools=[self._team.tools[name] for name in member.tools],
                timeout_seconds=spec.tool_timeout_seconds,
                on_call=lambda tool, text: self._emit(
                    TranscriptEvent(member.name, "result", text, tool)
                ),
                redact=self._redact,
            )
        return Participant(
            member.name,
            member.system_prompt,
            client,
            workbench,
            # With submit alone a turn is one call: its result ends the turn.
            max_tool_iterations=spec.max_tool_iterations if member.tools else 1,
        )

    async def until_the_end(self) -> Ending:
        """Give turns until there is an ending."""
        abort: asyncio.Future[Any] = asyncio.ensure_future(self._stop_switch.wait_for_abort())
        try:
            while True:
                self._turns += 1
                self._report_progress()
                with tracing.span(
                    "turn", {"aicity_fleet.turn": self._turns, AGENT: self._speaker}, holds=True
                ):
                    ending = await self._take_turn(abort)
                if ending is not None:
                    return ending
        finally:
            abort.cancel()
            await asyncio.wait({abort})
            self._let_go()

    def _let_go(self) -> None:
        """Drop what refers back to this, so that the memory of a run, 70 KB, is free when it ends.

        The garbage collector would find it, but only after some thousand jobs.
        """
        self._engine.close()
        self._clients.clear()
        del self._engine, self._coordinator

    async def _take_turn(self, abort: asyncio.Future[Any]) -> Ending | None:
        """Give one member its turn; returns the ending when the run is over."""
        if stopped := self._stopped():
            return stopped
        if self._seconds_left() <= 0:
            return PAST_DEADLINE
        token = CancellationToken()  # one per turn: it keeps what is linked to it
        turn = asyncio.ensure_future(self._engine.turn(self._speaker, token))
        try:
            # Again, because what the turn waited for a slot is left at the end.
            while not (turn.done() or abort.done()) and (left := self._seconds_left()) > 0:
                await asyncio.wait({turn, abort}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not turn.done():
                await self._cancel(turn, token)
                return self._stopped() or self._past_deadline()
        except asyncio.CancelledError:
            await self._cancel(turn, token)
            raise
        return self._after(turn)

    def _seconds_left(self) -> float:
        """How long the run may take yet, with what its calls waited for slots, up to a second deadline."""
        waited = sum(client.waited_seconds for client in self._clients)
        return self._deadline + min(waited, self._limits.deadline_seconds) - time.monotonic()

    def _past_deadline(self) -> Ending:
        """A job whose call got no slot in time did not fail: it comes back when its model is less busy."""
        if any(client.is_waiting for client in self._clients):
            return Interrupted("no_slot")
        return PAST_DEADLINE

    def _after(self, turn: asyncio.Future[bool]) -> Ending | None:
        if turn.cancelled():
            return ProviderTrouble("the model call was cut off")
        if turn.exception() is not None:
            return self._after_failure(turn.exception())
        if not turn.result():
            return self._after_failure(None)
        return self._coordinator.verdict

    def _after_failure(self, error: BaseException | None) -> Ending:
        for client in self._clients:
            if client.failure is not None:
                self.route = client.route
                return classify(client.failure)
        error = self._engine.failure or error
        # The text may hold prompts; the type says enough to look further.
        logger.error("team.broken kind=%s turn=%d", type(error).__name__, self._turns)
        return INTERNAL

    async def _cancel(self, turn: asyncio.Future[Any], token: CancellationToken) -> None:
        """Cancel a turn by its token, then by force; abandon it if neither ends it."""
        token.cancel()
        await asyncio.wait({turn}, timeout=self._limits.turn_grace_seconds)
        if not turn.done():
            turn.cancel()
            await asyncio.wait({turn}, timeout=self._limits.turn_grace_seconds)
        if not turn.done():
            logger.error("team.stuck turn=%d", self._turns)
        elif not turn.cancelled():
            turn.exception()  # marks it as retrieved, so that asyncio does not log it

    def _stopped(self) -> Interrupted | None:
        reason = self._stop_switch.abort_reason
        return None if reason is None else Interrupted(reason)

    @property
    def _speaker(self) -> str:
        names = self._team.spec.agents
        return names[(self._turns - 1) % len(names)]

    def _on_tokens(self, tokens: int) -> None:
        """Note how far the answer under way is, and say so now and then."""
        self._streamed_tokens = tokens
        if time.monotonic() >= self._next_report:
            self._next_report = time.monotonic() + STREAM_REPORT_SECONDS
            self._report_progress()

    def _report_progress(self) -> None:
        if self._on_progress is None:
            return
        progress = Progress(
            self._turns,
            self._speaker,
            self.review.rounds,
            self.cursor.model_calls,
            self.cursor.tokens,
            self._streamed_tokens,
        )
        try:
            self._on_progress(progress)
        except Exception as error:  # noqa: BLE001 -- a display must not cost a paid job
            logger.warning("team.progress_dropped kind=%s", type(error).__name__)

    def _emit(self, event: TranscriptEvent) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001 -- a display must not cost a paid job
            logger.warning("team.event_dropped kind=%s", type(error).__name__)
