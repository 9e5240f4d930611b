"""Runs one team for one task, turn by turn, to an ending. Called by the worker's ``run_job``.

Between turns it looks at the deadline and at the watch; within a turn it can stop a model call or a
tool. Who speaks to whom is the engine's business.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from aicity_fleet.team.model import autogen_logs as quiet

# isort: split
from autogen_core import CancellationToken

from aicity_fleet.errors import JournalFullError
from aicity_fleet.journal import Journal, JournalCursor, MemoryJournal
from aicity_fleet.models import (
    AssignedTask,
    Ending,
    Interrupted,
    JsonObject,
    ProviderTrouble,
    TeamResult,
)
from aicity_fleet.redaction import redactor, worth_redacting
from aicity_fleet.stop_switch import Progress, StopSwitch
from aicity_fleet.team.declare.catalog import known_only
from aicity_fleet.team.declare.spec import EngineName, Limits, Member, TeamSpec
from aicity_fleet.team.engines import autogen as autogen_engine
from aicity_fleet.team.engines import plain as plain_engine
from aicity_fleet.team.engines.engine import Engine, Participant
from aicity_fleet.team.engines.workbench import GuardedWorkbench
from aicity_fleet.team.model import provider_errors as endings
from aicity_fleet.team.model.budget import Budget, SpendingLimiter
from aicity_fleet.team.model.clients import Model, Routes, only, open_model
from aicity_fleet.team.model.journaled_client import JournaledClient
from aicity_fleet.team.replay.origin import Origin
from aicity_fleet.team.replay.transcript import (
    TranscriptEvent,
    TranscriptListener,
    events_of_answer,
)
from aicity_fleet.team.review.brief import write_brief
from aicity_fleet.team.review.coordinator import Coordinator
from aicity_fleet.team.review.review import HandInSlot, Review
from aicity_fleet.team.tools import Tool

__all__ = ["Model", "journal_version", "only", "open_model", "run_team"]

logger = logging.getLogger(__name__)

quiet.silence()

NO_TOOLS: Mapping[str, Tool] = MappingProxyType({})

ENGINES: Mapping[EngineName, tuple[Callable[[Coordinator, list[Participant]], Engine], str]] = (
    MappingProxyType(
        {
            "autogen": (autogen_engine.AutoGenEngine, autogen_engine.VERSION),
            "plain": (plain_engine.PlainEngine, plain_engine.VERSION),
        }
    )
)
"""The engines by the names that ``FLEET_ENGINE`` gives them, each with its version."""

JOURNAL_FORMAT = 2
"""Goes up when requests are hashed in another way: older journals are then not replayed."""


def journal_version(engine: EngineName, spec: TeamSpec) -> str:
    """What a journal carries: under another engine, release of it, or team the job starts anew."""
    return f"{walks_like(engine)}{spec.name} {spec.sha256[:16]}"


def walks_like(engine: EngineName) -> str:
    """What the version of a journal begins with that this engine and release can walk along."""
    return f"{JOURNAL_FORMAT}; {ENGINES[engine][1]}; "


async def run_team(
    task: AssignedTask,
    *,
    spec: TeamSpec,
    models: Routes,
    limits: Limits,
    stop_switch: StopSwitch,
    nonce: str,
    journal: Journal | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_event: TranscriptListener | None = None,
    tools: Mapping[str, Tool] = NO_TOOLS,
    engine: EngineName = "autogen",
    limiter: SpendingLimiter | None = None,
    secrets: Sequence[str] = (),
) -> TeamResult:
    """Run a team on a task.

    Args:
        task: The order.
        spec: The team and its bounds.
        models: The shared model clients by alias, on their own event loop.
        limits: Bounds of this run; the team's own hold where they are tighter.
        watch: How the outside stops the run.
        nonce: Random hex text of the job. The same nonce and journal replay to the same calls.
        journal: What the job bought before; new calls are appended. None forgets.
        on_progress: Told of every turn and answer; what it raises is dropped.
        hear: Told of everything that is said; what it raises is dropped.
        tools: The tools that exist, by name; the spec says which of them a member gets.
        engine: What gives the turns.
        purse: What all jobs of the fleet may spend together; None for any amount.
        secrets: Texts of ours besides the models' keys that may not go out, such as passwords. The
            models are never told any.

    Raises:
        TeamError: The spec names a tool or a model that does not exist.
        Exception: Whatever the journal or the purse raises, unchanged; a journal that is full ends the
            job instead.
    """
    known_only(spec, tools=tools, models=models)
    capable = {alias: route.function_calling for alias, route in models.items()}
    run = _Run(
        task,
        spec=spec,
        models=models,
        limits=limits.within(spec),
        stop_switch=stop_switch,
        nonce=nonce,
        cursor=JournalCursor(
            MemoryJournal() if journal is None else journal,
            journal_version(engine, spec),
            Origin.of(engine, spec, function_calling=capable, tools=tools).to_json(),
        ),
        on_progress=on_progress,
        on_event=on_event,
        tools=tools,
        engine=engine,
        limiter=limiter,
        secrets=secrets,
    )
    ending = await run.to_its_end()
    if isinstance(run.cursor.failure, JournalFullError):
        ending = endings.JOURNAL_FULL
    elif run.cursor.failure is not None:
        raise run.cursor.failure
    return TeamResult(
        ending,
        run.cursor.bought,
        run.cursor.model or run.route.models[0].name,
        agents=spec.agents,
        rounds=run.review.rounds,
        endpoint=run.route.name,
        cost=run.cursor.cost,
    )


class _Run:
    """One run: a fresh conversation, and the loop that gives turns."""

    def __init__(
        self,
        task: AssignedTask,
        *,
        spec: TeamSpec,
        models: Routes,
        limits: Limits,
        stop_switch: StopSwitch,
        nonce: str,
        cursor: JournalCursor,
        on_progress: Callable[[Progress], None] | None,
        on_event: TranscriptListener | None,
        tools: Mapping[str, Tool],
        engine: EngineName,
        limiter: SpendingLimiter | None,
        secrets: Sequence[str],
    ) -> None:
        self._spec, self._limits, self._stop_switch, self._tools = spec, limits, stop_switch, tools
        self._on_progress, self._on_event = on_progress, on_event
        self._turns = 0
        self._deadline = time.monotonic() + limits.deadline_seconds
        self.cursor = cursor
        self._budget = Budget(limits, cursor, limiter)
        last = spec.members[-1]
        self.route = models[last.model]
        """Of the model call that came last."""
        brief = write_brief(task, nonce=nonce, function_calling=models[last.model].function_calling)
        keys = [model.config.api_key for route in models.values() for model in route.models]
        ours = worth_redacting(keys, secrets)
        self._redact = redactor(ours)
        self.review = Review(task, spec, brief, forbidden=ours)
        self._slot = HandInSlot()
        self._coordinator = Coordinator(self.review, self._slot, cursor, self._emit)
        self._clients: list[JournaledClient] = []
        participants = [self._participant(member, models) for member in spec.members]
        self._engine = ENGINES[engine][0](self._coordinator, participants)

    def _participant(self, member: Member, models: Routes) -> Participant:
        """A member's place, with a client and tools of its own."""
        is_last = member is self._spec.members[-1]
        route = models[member.model]

        def instead() -> str | None:
            if is_last:
                return "Handed in." if self._slot.is_taken else None
            return "Nothing to add." if self._coordinator.has_judged else None

        def on_answer(name: str, answer: JsonObject) -> None:
            self.route = route
            for said in events_of_answer(name, answer):
                self._emit(said)
            self._tell()

        client = JournaledClient(
            member,
            route,
            self.cursor,
            spec=self._spec,
            limits=self._limits,
            budget=self._budget,
            stop_switch=self._stop_switch,
            instead=instead,
            on_answer=on_answer,
            redact=self._redact,
        )
        self._clients.append(client)
        workbench = None
        if route.function_calling and (is_last or member.tools):
            workbench = GuardedWorkbench(
                self._slot if is_last else None,
                self.cursor,
                tools=[self._tools[name] for name in member.tools],
                timeout_seconds=self._spec.tool_timeout_seconds,
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
            max_tool_iterations=self._spec.max_tool_iterations if member.tools else 1,
        )

    async def to_its_end(self) -> Ending:
        """Give turns until there is an ending."""
        abort: asyncio.Future[Any] = asyncio.ensure_future(self._stop_switch.wait_for_abort())
        try:
            while True:
                self._turns += 1
                self._tell()
                ending = await self._take_turn(abort)
                if ending is not None:
                    return ending
        finally:
            abort.cancel()
            await asyncio.wait({abort})

    async def _take_turn(self, abort: asyncio.Future[Any]) -> Ending | None:
        """One turn of one member; returns the ending when the run is over."""
        left = self._deadline - time.monotonic()
        if stopped := self._stopped():
            return stopped
        if left <= 0:
            return endings.past_deadline()
        token = CancellationToken()  # one per turn: it keeps what is linked to it
        turn = asyncio.ensure_future(self._engine.turn(self._speaker, token))
        try:
            await asyncio.wait({turn, abort}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not turn.done():
                await self._cancel(turn, token)
                return self._stopped() or endings.past_deadline()
        except asyncio.CancelledError:
            await self._cancel(turn, token)
            raise
        return self._after(turn)

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
                return endings.classify(client.failure)
        error = self._engine.failure or error
        # The text may hold prompts; the type says enough to look further.
        logger.error("team.broken kind=%s turn=%d", type(error).__name__, self._turns)
        return endings.INTERNAL

    async def _cancel(self, turn: asyncio.Future[Any], token: CancellationToken) -> None:
        """End a turn: by its token, then by force, then not at all."""
        token.cancel()
        await asyncio.wait({turn}, timeout=self._limits.turn_grace_seconds)
        if not turn.done():
            turn.cancel()
            await asyncio.wait({turn}, timeout=self._limits.turn_grace_seconds)
        if not turn.done():
            logger.error("team.stuck turn=%d", self._turns)
        elif not turn.cancelled():
            turn.exception()  # retrieved, so that nobody logs it

    def _stopped(self) -> Interrupted | None:
        reason = self._stop_switch.abort_reason
        return None if reason is None else Interrupted(reason)

    @property
    def _speaker(self) -> str:
        names = self._spec.agents
        return names[(self._turns - 1) % len(names)]

    def _tell(self) -> None:
        if self._on_progress is None:
            return
        progress = Progress(
            self._turns,
            self._speaker,
            self.review.rounds,
            self.cursor.model_calls,
            self.cursor.tokens,
        )
        try:
            self._on_progress(progress)
        except Exception as error:  # noqa: BLE001 -- a display must not cost a paid job
            logger.warning("team.progress_dropped kind=%s", type(error).__name__)

    def _emit(self, said: TranscriptEvent) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(said)
        except Exception as error:  # noqa: BLE001 -- as above
            logger.warning("team.words_dropped kind=%s", type(error).__name__)
