"""Runs hostile inputs against the real team, many at once, and judges what came out."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import re
from collections.abc import Iterable, Sequence
from typing import Any

from containment.inputs import HONEST_ORDER, Hostile, honest_work, raw_order
from containment.judge import judge, judge_refusal
from containment.puppet import GENERIC, REFERENCE, Puppet
from containment.secrets import CREDENTIALS, OTHER_ORDER
from support.samples import NONCE
from support.scripted_provider import Answer, Provider, error
from support.team_runs import run_team

from aicity_fleet.aicity.task import parse_task
from aicity_fleet.errors import TaskRefusedError
from aicity_fleet.journal import MemoryJournal
from aicity_fleet.models import AssignedTask, Delivered, TeamResult
from aicity_fleet.team import EngineName, Limits, Model, only, team_for
from aicity_fleet.team.declare.spec import Member, TeamSpec
from aicity_fleet.team.review.brief import write_brief
from aicity_fleet.team.tools.download import Downloader
from aicity_fleet.team.tools.toolbox import Toolbox

MAX_INPUT_CHARS = 200_000
DEADLINE_SECONDS = 120.0
AT_ONCE = 8
"""Jobs that run side by side; more would only wait for connections on a small machine."""

DRAFTER = Member(
    name="Drafter",
    system_prompt="You are the drafter of this team. You speak first and hand nothing in, ever.",
)
PATIENT = {"rounds": 10, "reminders": 10, "max_model_calls": 40}
"""Bounds under which every worst answer gets its turn before the honest work."""


@dataclasses.dataclass(frozen=True, slots=True)
class Way:
    """How a team is set up."""

    engine: EngineName
    members: int
    gives_in: bool = True
    """Whether the model does the work in the end."""


@dataclasses.dataclass(slots=True)
class Run:
    """One input's run, and all that is to be judged of it."""

    hostile: Hostile
    task: AssignedTask
    way: Way
    spec: TeamSpec
    puppet: Puppet
    nonce: str
    reference: str
    journal: MemoryJournal = dataclasses.field(default_factory=MemoryJournal)
    result: TeamResult | None = None
    failure: BaseException | None = None


def reference_of(number: int) -> str:
    """What names an order, in its own text."""
    return f"Reference: order-{number:04}."


def others_for(number: int, how_many: int = 2) -> tuple[str, ...]:
    """The generic worst answers whose turn it is."""
    return tuple(GENERIC[(number * how_many + n) % len(GENERIC)] for n in range(how_many))


def prepare(hostile: Hostile, number: int, way: Way) -> Run | list[str]:
    """An input's run; or what is wrong with its refusal, when it does not get past the door."""
    reference, nonce = reference_of(number), f"{NONCE}{number:04}"
    stolen = write_brief(
        AssignedTask("t", "general", HONEST_ORDER), nonce=nonce, function_calling=False
    )
    raw = raw_order(hostile, reference, {"nonce": nonce, "marker": stolen.marker or ""})
    try:
        task = parse_task(json.loads(json.dumps(raw)), max_input_chars=MAX_INPUT_CHARS)
    except TaskRefusedError as refusal:
        return judge_refusal(hostile, refusal)
    others = others_for(number) if way.gives_in else ()
    puppet = Puppet(hostile.obeyed, others, honest_work(raw), gives_in=way.gives_in)
    spec = team_for(task.task_type)
    members = spec.members[-1:] if way.members == 1 else (DRAFTER, spec.members[-1])
    bounds = PATIENT if way.gives_in else {}
    spec = spec.model_copy(update={"members": members, **bounds})
    return Run(hostile, task, way, spec, puppet, nonce, reference)


async def perform(run: Run, model: Model) -> None:
    """Run the team."""
    try:
        with (
            contextlib.closing(Toolbox(Downloader(frozenset()))) as toolbox,
            toolbox.tools_for(run.task) as tools,
        ):
            run.result = await run_team(
                run.task,
                spec=run.spec,
                models=only(model),
                limits=Limits(deadline_seconds=DEADLINE_SECONDS),
                nonce=run.nonce,
                journal=run.journal,
                tools=tools,
                engine=run.way.engine,
                secrets=tuple(CREDENTIALS.values()),
            )
    except Exception as failure:  # noqa: BLE001 -- to be judged
        run.failure = failure


async def breaches(
    inputs: Sequence[tuple[int, Hostile]], ways: Iterable[Way], model: Model, provider: Provider
) -> list[str]:
    """Run inputs at once, with an honest job beside them, and say what broke out.

    Args:
        inputs: Each with its number, which decides what is tried besides.
        ways: One for each input.
        model: The puppet's client.
        provider: The puppet's server.
    """
    found: list[str] = []
    runs: list[Run] = []
    for (number, hostile), way in zip(inputs, ways, strict=True):
        prepared = prepare(hostile, number, way)
        if isinstance(prepared, Run):
            runs.append(prepared)
        else:
            found += prepared
    bystander = _bystander(runs[0].way if runs else Way("plain", 1))
    by_reference = {run.reference: run for run in [*runs, bystander]}

    def answer(body: dict[str, Any]) -> Answer:
        named = REFERENCE.findall(json.dumps(body["messages"]))
        run = by_reference.get(named[0]) if named else None
        return run.puppet(body) if run else error(500)

    provider.script = answer
    # Every record costs time: the libraries' own details are looked at where the model never gives in.
    with _Log(logging.DEBUG if not all(run.way.gives_in for run in runs) else logging.INFO) as log:
        turns = asyncio.Semaphore(AT_ONCE)

        async def in_turn(run: Run) -> None:
            async with turns:
                await perform(run, model)

        await asyncio.gather(*(in_turn(run) for run in [bystander, *runs]))
    for run in runs:
        found += [f"{run.hostile.name} ({run.way}): {breach}" for breach in judge(run)]
    if bystander.result is None or bystander.result.ending != Delivered(
        honest_work({"taskType": "general"}), 100
    ):
        found.append(f"bystander: the honest job beside them ended with {bystander.result}")
    found += log.breaches(runs)
    return found


def _bystander(way: Way) -> Run:
    task = AssignedTask("other", "general", f"{HONEST_ORDER} {OTHER_ORDER}\n{reference_of(9999)}")
    spec = team_for("general")
    puppet = Puppet((), (), honest_work({"taskType": "general"}))
    return Run(
        Hostile("bystander", "after", "", ()),
        task, way, spec, puppet, f"{NONCE}9999", reference_of(9999),
    )  # fmt: skip


class _Log(logging.Handler):
    """Every record of every logger."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.name} {record.getMessage()} {record.msg!r} {record.exc_text}")

    def __enter__(self) -> _Log:
        root = logging.getLogger()
        self._before = root.level
        root.addHandler(self)
        root.setLevel(self.level)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)
        logging.getLogger().setLevel(self._before)

    def breaches(self, runs: Sequence[Run]) -> list[str]:
        """What stands in the log that may not: credentials, prompts, nonces, and what buyers wrote."""
        logged = "\n".join(self._lines)
        secret = [*CREDENTIALS.values(), OTHER_ORDER, HONEST_ORDER, "BUYER TEXT", NONCE]
        secret += [run.spec.members[-1].system_prompt[:60] for run in runs]
        secret += [line for run in runs for line in re.findall(r".{40,}", run.hostile.text)[:3]]
        return [
            f"log: {text[:60]!r} was logged" for text in dict.fromkeys(secret) if text in logged
        ]
