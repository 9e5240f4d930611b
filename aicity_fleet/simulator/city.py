"""The marketplace's rules: who may list and end which task, and what that does to money and name.

Plain Python in one thread, no HTTP. Everything a caller may not do is raised as a
``CityRefusedError`` that carries the documented status and code. Called by the routes.
"""

import heapq
import itertools
import random
import secrets
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aicity_fleet.simulator.agents import Agent
from aicity_fleet.simulator.bodies import CityRefusedError
from aicity_fleet.simulator.config import PASS_MARK, PLATFORM_FEE_PERCENT, SimulatorConfig
from aicity_fleet.simulator.quality import assess, text_of
from aicity_fleet.simulator.registry import Registry
from aicity_fleet.simulator.tasks import CityTask, TaskStatus

FAILED_CHECK = {"reason": "quality_check_failed", "message": "below the pass mark"}
"""What a task shows after the marketplace's own check failed it."""


class City:
    """The whole state of one simulated marketplace.

    Args:
        config: Keys, pass mark, suspension and the other choices.
        now: The clock; tests freeze it.
    """

    def __init__(
        self, config: SimulatorConfig, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.config = config
        self.now = now
        self.registry = Registry(now)
        self.tasks: dict[str, CityTask] = {}
        self.by_fingerprint: defaultdict[str, list[str]] = defaultdict(list)
        """The ids of the tasks with the same content."""
        self.credits = dict.fromkeys(("held", "charged", "paid", "fees", "refunded"), 0)
        """Cents of all buyers together: held now, and moved so far."""
        self._open: defaultdict[str, dict[str, CityTask]] = defaultdict(dict)
        self._ended: defaultdict[str, deque[CityTask]] = defaultdict(deque)
        self._numbers = itertools.count(1)
        self._later: list[tuple[datetime, int, CityTask, str]] = []

    def submit(
        self,
        task_type: str,
        task_input: dict[str, Any],
        max_budget: int = 0,
        task_id: str | None = None,
        agent_id: str | None = None,
    ) -> CityTask:
        """Take a buyer's task, hold its credits and assign it.

        Raises:
            CityRefusedError: 404 for an unknown agent, 409 for an id that exists.
        """
        task_id = task_id or f"clx{secrets.token_hex(11)}"
        owner = self._agent(agent_id).agent_id
        return self._assign(
            CityTask(task_id, owner, task_type, task_input, max_budget, created_at=self.now())
        )

    def submit_raw(self, entry: Any, agent_id: str | None = None) -> CityTask:
        """Put any JSON value into the list of assigned tasks, as it is.

        An entry with a usable id of its own can be ended like a task; any other never leaves.
        """
        owner = self._agent(agent_id).agent_id
        task_id = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(task_id, str) or not task_id or task_id in self.tasks:
            task_id = f"raw-{next(self._numbers)}"
        return self._assign(
            CityTask(task_id, owner, "raw", {}, 0, created_at=self.now(), raw=entry, is_raw=True)
        )

    def withdraw(self, task: CityTask) -> None:
        """Take a task back from its agent, which no longer finds it; its buyer gets the credits back."""
        del self.tasks[task.task_id]
        self.by_fingerprint[task.fingerprint].remove(task.task_id)
        if self._open[task.agent_id].pop(task.task_id, None) is not None:
            self.credits["held"] -= task.max_budget

    def list_assigned(
        self,
        agent: Agent,
        page: int = 1,
        page_size: int | None = None,
        status: str | None = None,
        finished_seconds: float = 0.0,
        shuffled: bool = False,
    ) -> tuple[list[Any], int]:
        """Return one page of the agent's tasks, and how many there are on all pages.

        A task that is listed for the first time begins executing.

        Args:
            page: From 1.
            page_size: Entries per page; None lists everything.
            status: Only tasks that had this status before the listing.
            finished_seconds: How long ended tasks stay listed.
            shuffled: Whether every request sees another order, so that pages overlap.

        Raises:
            CityRefusedError: 403 when the agent is suspended (how a suspension looks on the wire
                is not documented).
        """
        if agent.is_suspended:
            raise CityRefusedError(403, "ACCESS_DENIED", "the agent is suspended")
        listed = [*self._open[agent.agent_id].values()]
        if finished_seconds > 0:
            listed += self._recently_ended(agent, finished_seconds)
        if status is not None:
            listed = [task for task in listed if task.status == status]
        if shuffled:
            random.shuffle(listed)
        start = 0 if page_size is None else (page - 1) * page_size
        chosen = listed[start : start + (page_size or len(listed))]
        for task in chosen:
            task.listings += 1
            if task.status is TaskStatus.SUBMITTED:
                task.status, task.started_at = TaskStatus.EXECUTING, self.now()
        return [task.listed() for task in chosen], len(listed)

    def task_for(self, agent: Agent, task_id: str) -> CityTask:
        """Return the agent's own task.

        Raises:
            CityRefusedError: 404 unknown, 403 somebody else's.
        """
        task = self.tasks.get(task_id)
        if task is None:
            raise CityRefusedError(404, "TASK_NOT_FOUND", "there is no such task")
        if task.agent_id != agent.agent_id:
            raise CityRefusedError(403, "ACCESS_DENIED", "the task belongs to another agent")
        return task

    def complete(
        self,
        agent: Agent,
        task_id: str,
        output: Any,
        execution_time_ms: int,
        key: str = "",
        *,
        in_check: bool = False,
    ) -> tuple[CityTask, bool]:
        """Take a delivery, assess it at once, and settle the task.

        Args:
            in_check: Whether it is not judged until ``change_later`` does.

        Returns:
            The task, and whether this ending counts: the first, or a later one in a city that counts
            second endings.

        Raises:
            CityRefusedError: 404, 403, or 409 when the task has ended already.
        """
        task = self._task_to_end(agent, task_id, key)
        if not task.is_open:
            return task, self._counts_again(agent, task, "complete", key)
        task.output, task.execution_time_ms = output, execution_time_ms
        if in_check:
            self._close(agent, task, TaskStatus.QUALITY_CHECK)
            return task, True
        task.assessment = {"score": 100, "criteria": []}
        if self.config.quality_gate:
            task.assessment = assess(task.task_type, task.input, text_of(output)).to_json()
        passed = task.assessment["score"] >= PASS_MARK
        about = {"taskId": task_id, "category": task.task_type, "passMark": PASS_MARK}
        task.assessment |= {**about, "passed": passed}
        if not passed:
            task.failure = FAILED_CHECK
        self._settle(agent, task, TaskStatus.COMPLETED if passed else TaskStatus.FAILED)
        return task, True

    def fail(
        self, agent: Agent, task_id: str, reason: str, message: str, key: str = ""
    ) -> tuple[CityTask, bool]:
        """Take a task back as failed and refund its buyer; see ``complete``."""
        task = self._task_to_end(agent, task_id, key)
        if not task.is_open:
            return task, self._counts_again(agent, task, "fail", key)
        task.failure = {"reason": reason, "message": message}
        self._settle(agent, task, TaskStatus.FAILED)
        return task, True

    def change_later(self, task: CityTask, becomes: str, seconds: float) -> None:
        """Change a delivered task some time from now, as ``faults.Becomes`` says."""
        due = self.now() + timedelta(seconds=seconds)
        heapq.heappush(self._later, (due, next(self._numbers), task, becomes))

    def catch_up(self) -> None:
        """Carry out every change whose time has come; called before anything is shown or done."""
        while self._later and self._later[0][0] <= self.now():
            *_, task, becomes = heapq.heappop(self._later)
            self._change(self.registry.agent(task.agent_id), task, becomes)

    def _change(self, agent: Agent, task: CityTask, becomes: str) -> None:
        if becomes in {"refunded", "thumbs_down"}:
            task.feedback = {"rating": "thumbs_down"}
        if becomes == "thumbs_down" or task.status in {TaskStatus.FAILED, TaskStatus.REFUNDED}:
            return
        was, task.status = task.status, TaskStatus(becomes)
        if was is TaskStatus.QUALITY_CHECK:
            self._pay_or_refund(agent, task)
        elif was is TaskStatus.COMPLETED and becomes != "completed":
            agent.earned_cents -= task.paid_cents
            self.credits["charged"] -= task.max_budget
            self.credits["paid"] -= task.paid_cents
            self.credits["fees"] -= task.max_budget - task.paid_cents
            self.credits["refunded"] += task.max_budget
            task.paid_cents = 0
            if becomes == "failed":  # whether a refund counts as a failure is not documented
                self._note_failed(agent)
        if becomes == "failed":
            task.failure = FAILED_CHECK

    def _assign(self, task: CityTask) -> CityTask:
        if task.task_id in self.tasks:
            raise CityRefusedError(409, "CONFLICT", "a task with this id exists")
        self.tasks[task.task_id] = task
        self._open[task.agent_id][task.task_id] = task
        self.credits["held"] += task.max_budget
        self.by_fingerprint[task.fingerprint].append(task.task_id)
        return task

    def _agent(self, agent_id: str | None) -> Agent:
        return self.registry.agent(agent_id) if agent_id else self.registry.default_agent

    def _task_to_end(self, agent: Agent, task_id: str, key: str) -> CityTask:
        task = self.task_for(agent, task_id)
        if not task.is_open and not self.config.count_second_endings:
            raise CityRefusedError(
                409, "CONFLICT", "the task has ended already", {"status": task.status.value}
            )
        if task.is_open:
            task.counted_keys.add(key)
        return task

    def _counts_again(self, agent: Agent, task: CityTask, kind: str, key: str) -> bool:
        """Count an ending of a task that has ended, unless its key has been counted before."""
        if not self.config.count_second_endings or (key and key in task.counted_keys):
            return False
        task.counted_keys.add(key)
        task.accepted_endings += 1
        if kind == "fail":
            self._note_failed(agent)
        return True

    def _settle(self, agent: Agent, task: CityTask, status: TaskStatus) -> None:
        self._close(agent, task, status)
        self._pay_or_refund(agent, task)

    def _close(self, agent: Agent, task: CityTask, status: TaskStatus) -> None:
        task.status, task.ended_at = status, self.now()
        task.accepted_endings += 1
        self._open[agent.agent_id].pop(task.task_id, None)
        self._ended[agent.agent_id].append(task)

    def _pay_or_refund(self, agent: Agent, task: CityTask) -> None:
        self.credits["held"] -= task.max_budget
        if task.status is TaskStatus.COMPLETED:
            task.paid_cents = task.max_budget * (100 - PLATFORM_FEE_PERCENT) // 100
            agent.earned_cents += task.paid_cents
            self.credits["charged"] += task.max_budget
            self.credits["paid"] += task.paid_cents
            self.credits["fees"] += task.max_budget - task.paid_cents
            agent.reputation.note_completed(task.score or 0, task.paid_cents)
            return
        self.credits["refunded"] += task.max_budget
        self._note_failed(agent)

    def _note_failed(self, agent: Agent) -> None:
        agent.reputation.note_failed()
        limit = self.config.failures_until_suspension
        if limit and agent.reputation.consecutive_failures >= limit:
            agent.is_suspended = True

    def _recently_ended(self, agent: Agent, seconds: float) -> list[CityTask]:
        now, recent = self.now(), []
        for task in reversed(self._ended[agent.agent_id]):
            if task.ended_at is None or (now - task.ended_at).total_seconds() > seconds:
                break
            recent.append(task)
        return recent
