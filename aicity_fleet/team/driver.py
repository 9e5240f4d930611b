"""Runs one team for one task, turn by turn, to an ending. Called by the worker's ``run_job``.

Between turns it looks at the deadline and at the watch; within a turn it can stop a model call or a
tool. Every run has a team of its own: an AutoGen team that failed or was cancelled is dead, and a
second run of it ends with "The group chat is stopped.", which looks like success.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from aicity_fleet.team import quiet

# isort: split
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.conditions import StopMessageTermination
from autogen_agentchat.messages import StopMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken

from aicity_fleet.errors import TeamError
from aicity_fleet.models import AssignedTask, Ending, Interrupted, ProviderTrouble, TeamResult
from aicity_fleet.team import endings
from aicity_fleet.team.brief import write_brief
from aicity_fleet.team.coordinator import COORDINATOR, WORKER, Coordinator
from aicity_fleet.team.journal import Journal, MemoryJournal, Tape
from aicity_fleet.team.model import Model, open_model
from aicity_fleet.team.review import Desk, Review
from aicity_fleet.team.seam import SeamClient
from aicity_fleet.team.spec import Limits, Progress, TeamSpec
from aicity_fleet.team.tools import Tool
from aicity_fleet.team.watch import Watch
from aicity_fleet.team.workbench import GuardedWorkbench

__all__ = ["Model", "open_model", "run_team"]

logger = logging.getLogger(__name__)

quiet.silence()

NO_TOOLS: Mapping[str, Tool] = MappingProxyType({})


async def run_team(
    task: AssignedTask,
    *,
    spec: TeamSpec,
    model: Model,
    limits: Limits,
    watch: Watch,
    nonce: str,
    journal: Journal | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    tools: Mapping[str, Tool] = NO_TOOLS,
) -> TeamResult:
    """Run a team on a task.

    Args:
        task: The order.
        spec: The team and its bounds.
        model: The shared model client, on its own event loop.
        limits: Bounds of this run.
        watch: How the outside stops the run.
        nonce: Random hex text of the job. The same nonce and journal replay to the same calls.
        journal: What the job bought before; new calls are appended. None forgets.
        on_progress: Told of every turn and answer; what it raises is dropped.
        tools: The tools that exist, by name; the spec says which of them the team gets.

    Raises:
        TeamError: The spec names a tool that does not exist.
        Exception: Whatever the journal raises, unchanged.
    """
    missing = [name for name in spec.tools if name not in tools]
    if missing:
        raise TeamError(f"team {spec.name}: unknown tools {', '.join(missing)}")
    run = _Run(
        task,
        spec=spec,
        model=model,
        limits=limits,
        watch=watch,
        nonce=nonce,
        tape=Tape(MemoryJournal() if journal is None else journal),
        on_progress=on_progress,
        tools=tools,
    )
    ending = await run.to_its_end()
    if run.tape.failure is not None:
        raise run.tape.failure
    return TeamResult(ending, run.tape.bought, model.name, rounds=run.review.rounds)


class _Run:
    """One run: a fresh team, and the loop that gives it turns."""

    def __init__(
        self,
        task: AssignedTask,
        *,
        spec: TeamSpec,
        model: Model,
        limits: Limits,
        watch: Watch,
        nonce: str,
        tape: Tape,
        on_progress: Callable[[Progress], None] | None,
        tools: Mapping[str, Tool],
    ) -> None:
        self._limits = limits
        self._watch = watch
        self._on_progress = on_progress
        self._turns = 0
        self._deadline = time.monotonic() + limits.deadline_seconds
        self.tape = tape
        desk = Desk()
        can_call = model.config.function_calling
        brief = write_brief(task, nonce=nonce, function_calling=can_call)
        self.review = Review(task, spec, brief, forbidden=_keys(model))
        self._seam = SeamClient(
            model,
            self.tape,
            spec=spec,
            limits=limits,
            watch=watch,
            is_done=lambda: desk.is_taken,
            on_answer=self._tell,
        )
        self._coordinator = Coordinator(self.review, desk, self.tape)
        workbench = GuardedWorkbench(
            desk,
            self.tape,
            tools=[tools[name] for name in spec.tools],
            timeout_seconds=spec.tool_timeout_seconds,
        )
        worker = AssistantAgent(
            WORKER,
            self._seam,
            workbench=workbench if can_call else None,
            description="Does the work and hands it in.",
            system_message=spec.system_prompt,
            # With submit alone a turn is one call: its result ends the turn.
            max_tool_iterations=spec.max_tool_iterations if spec.tools else 1,
            reflect_on_tool_use=False,
        )
        self._team = RoundRobinGroupChat(
            [self._coordinator, worker],
            termination_condition=StopMessageTermination(),
            max_turns=1,
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
        turn: asyncio.Future[Any] = asyncio.ensure_future(self._team.run(cancellation_token=token))
        try:
            await asyncio.wait({turn, abort}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not turn.done():
                await self._cancel(turn, token)
                return self._stopped() or endings.past_deadline()
        except asyncio.CancelledError:
            await self._cancel(turn, token)
            raise
        return self._after(turn)

    def _after(self, turn: asyncio.Future[TaskResult]) -> Ending | None:
        if turn.cancelled():
            return ProviderTrouble("the model call was cut off")
        if turn.exception() is not None:
            return self._after_failure(turn.exception())
        result = turn.result()
        last = result.messages[-1] if result.messages else None
        if last is None or last.source != self._speaker:
            # "The group chat is stopped.": the team is dead.
            return self._after_failure(None)
        if isinstance(last, StopMessage) != (self._coordinator.verdict is not None):
            return self._after_failure(None)
        return self._coordinator.verdict

    def _after_failure(self, error: BaseException | None) -> Ending:
        if self._seam.failure is not None:
            return endings.classify(self._seam.failure)
        error = self._coordinator.failure or error
        # The text may hold prompts; the type says enough to look further.
        logger.error("team.broken kind=%s turn=%d", type(error).__name__, self._turns)
        return endings.INTERNAL

    async def _cancel(self, turn: asyncio.Future[TaskResult], token: CancellationToken) -> None:
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
        return COORDINATOR if self._turns % 2 else WORKER

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


def _keys(model: Model) -> tuple[str, ...]:
    key = model.config.api_key
    return (key,) if len(key) >= 8 else ()
