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

from aicity_fleet.team import quiet

# isort: split
from autogen_core import CancellationToken

from aicity_fleet.errors import JournalFullError
from aicity_fleet.models import (
    AssignedTask,
    Ending,
    Interrupted,
    JsonObject,
    ProviderTrouble,
    TeamResult,
)
from aicity_fleet.team import autogen_engine, endings, plain_engine
from aicity_fleet.team.brief import write_brief
from aicity_fleet.team.budget import Budget, Purse
from aicity_fleet.team.catalog import known_only
from aicity_fleet.team.engine import Engine, Seat
from aicity_fleet.team.journal import Journal, MemoryJournal, Tape
from aicity_fleet.team.lead import Lead
from aicity_fleet.team.model import Model, Routes, only, open_model
from aicity_fleet.team.origin import Origin
from aicity_fleet.team.review import Desk, Review
from aicity_fleet.team.said import Hear, Said, said_by_model
from aicity_fleet.team.seam import SeamClient
from aicity_fleet.team.spec import EngineName, Limits, Member, Progress, TeamSpec
from aicity_fleet.team.tools import Tool
from aicity_fleet.team.watch import Watch
from aicity_fleet.team.withheld import withholding, worth_withholding
from aicity_fleet.team.workbench import GuardedWorkbench

__all__ = ["Model", "journal_version", "only", "open_model", "run_team"]

logger = logging.getLogger(__name__)

quiet.silence()

NO_TOOLS: Mapping[str, Tool] = MappingProxyType({})

ENGINES: Mapping[EngineName, tuple[Callable[[Lead, list[Seat]], Engine], str]] = MappingProxyType(
    {
        "autogen": (autogen_engine.AutoGenEngine, autogen_engine.VERSION),
        "plain": (plain_engine.PlainEngine, plain_engine.VERSION),
    }
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
    watch: Watch,
    nonce: str,
    journal: Journal | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    hear: Hear | None = None,
    tools: Mapping[str, Tool] = NO_TOOLS,
    engine: EngineName = "autogen",
    purse: Purse | None = None,
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
        watch=watch,
        nonce=nonce,
        tape=Tape(
            MemoryJournal() if journal is None else journal,
            journal_version(engine, spec),
            Origin.of(engine, spec, function_calling=capable, tools=tools).to_json(),
        ),
        on_progress=on_progress,
        hear=hear,
        tools=tools,
        engine=engine,
        purse=purse,
        secrets=secrets,
    )
    ending = await run.to_its_end()
    if isinstance(run.tape.failure, JournalFullError):
        ending = endings.JOURNAL_FULL
    elif run.tape.failure is not None:
        raise run.tape.failure
    return TeamResult(
        ending,
        run.tape.bought,
        run.tape.model or run.route.models[0].name,
        agents=spec.agents,
        rounds=run.review.rounds,
        endpoint=run.route.name,
        cost=run.tape.cost,
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
        watch: Watch,
        nonce: str,
        tape: Tape,
        on_progress: Callable[[Progress], None] | None,
        hear: Hear | None,
        tools: Mapping[str, Tool],
        engine: EngineName,
        purse: Purse | None,
        secrets: Sequence[str],
    ) -> None:
        self._spec, self._limits, self._watch, self._tools = spec, limits, watch, tools
        self._on_progress, self._hear_outside = on_progress, hear
        self._turns = 0
        self._deadline = time.monotonic() + limits.deadline_seconds
        self.tape = tape
        self._budget = Budget(limits, tape, purse)
        last = spec.members[-1]
        self.route = models[last.model]
        """Of the model call that came last."""
        brief = write_brief(task, nonce=nonce, function_calling=models[last.model].function_calling)
        keys = [model.config.api_key for route in models.values() for model in route.models]
        ours = worth_withholding(keys, secrets)
        self._withhold = withholding(ours)
        self.review = Review(task, spec, brief, forbidden=ours)
        self._desk = Desk()
        self._lead = Lead(self.review, self._desk, tape, self._hear)
        self._seams: list[SeamClient] = []
        seats = [self._seat(member, models) for member in spec.members]
        self._engine = ENGINES[engine][0](self._lead, seats)

    def _seat(self, member: Member, models: Routes) -> Seat:
        """A member's place, with a client and tools of its own."""
        is_last = member is self._spec.members[-1]
        route = models[member.model]

        def instead() -> str | None:
            if is_last:
                return "Handed in." if self._desk.is_taken else None
            return "Nothing to add." if self._lead.has_judged else None

        def on_answer(name: str, answer: JsonObject) -> None:
            self.route = route
            for said in said_by_model(name, answer):
                self._hear(said)
            self._tell()

        seam = SeamClient(
            member,
            route,
            self.tape,
            spec=self._spec,
            limits=self._limits,
            budget=self._budget,
            watch=self._watch,
            instead=instead,
            on_answer=on_answer,
            withhold=self._withhold,
        )
        self._seams.append(seam)
        workbench = None
        if route.function_calling and (is_last or member.tools):
            workbench = GuardedWorkbench(
                self._desk if is_last else None,
                self.tape,
                tools=[self._tools[name] for name in member.tools],
                timeout_seconds=self._spec.tool_timeout_seconds,
                on_call=lambda tool, text: self._hear(Said(member.name, "result", text, tool)),
                withhold=self._withhold,
            )
        return Seat(
            member.name,
            member.system_prompt,
            seam,
            workbench,
            # With submit alone a turn is one call: its result ends the turn.
            max_tool_iterations=self._spec.max_tool_iterations if member.tools else 1,
        )

    async def to_its_end(self) -> Ending:
        """Give turns until there is an ending."""
        abort: asyncio.Future[Any] = asyncio.ensure_future(self._watch.wait_for_abort())
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
        return self._lead.verdict

    def _after_failure(self, error: BaseException | None) -> Ending:
        for seam in self._seams:
            if seam.failure is not None:
                self.route = seam.route
                return endings.classify(seam.failure)
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
        reason = self._watch.abort_reason
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
            self.tape.model_calls,
            self.tape.tokens,
        )
        try:
            self._on_progress(progress)
        except Exception as error:  # noqa: BLE001 -- a display must not cost a paid job
            logger.warning("team.progress_dropped kind=%s", type(error).__name__)

    def _hear(self, said: Said) -> None:
        if self._hear_outside is None:
            return
        try:
            self._hear_outside(said)
        except Exception as error:  # noqa: BLE001 -- as above
            logger.warning("team.words_dropped kind=%s", type(error).__name__)
