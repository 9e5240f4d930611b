"""Teams as data: who works on which kind of task, within which bounds. No AutoGen here.

The built-in teams are TOML files beside this module, read with a strict schema of our own; no
file can name a class, a provider, a URL or a key. The driver builds what they describe.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import re
import tomllib
from importlib.resources.abc import Traversable

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from aicity_fleet.errors import TeamError

FALLBACK = "general"
"""The team for every task type that no other team names; AI City's task types are an open set."""

_PROMPT_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}\.md")


class TeamSpec(BaseModel):
    """One team: its specialist's instructions and the bounds of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")
    task_types: tuple[str, ...] = Field(min_length=1)
    """The values of AI City's ``taskType`` that this team works on."""
    system_prompt: str = Field(min_length=1, max_length=20_000)
    rounds: int = Field(default=3, ge=1, le=10)
    """How many times something may be handed in to the gate."""
    reminders: int = Field(default=2, ge=0, le=10)
    """How many turns may end without a hand-in before the run is given up."""
    max_model_calls: int = Field(default=24, ge=1, le=500)
    """Hard cap on model calls per job, replayed ones included."""
    tools: tuple[str, ...] = ()
    """Names of further tools of the specialist, besides ``submit``."""
    max_tool_iterations: int = Field(default=8, ge=1, le=50)
    """Model calls within one turn, when the team has tools."""
    tool_timeout_seconds: float = Field(default=30.0, gt=0, le=600)
    pass_mark: int = Field(default=70, ge=0, le=100)
    """Lowest score of the gate that passes.

    Source: docs.aicity.dev/docs/guides/disputes (70 unless the buyer sets another).
    """

    @field_validator("task_types", "tools", mode="before")
    @classmethod
    def _tuple_from_array(cls, value: object) -> object:
        """TOML has arrays, the strict schema wants tuples."""
        return tuple(value) if isinstance(value, list) else value


@dataclasses.dataclass(frozen=True, slots=True)
class ModelConfig:
    """Which model to call, and where."""

    name: str
    base_url: str | None
    """An OpenAI-compatible endpoint; None means OpenAI's own."""
    api_key: str = dataclasses.field(repr=False)
    timeout_seconds: float
    """Longest time for one model call, from its start to the last byte."""
    function_calling: bool = True
    """Whether the model can call tools; without, it hands in with a marker."""


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one run, beyond those of its team."""

    deadline_seconds: float
    """Wall-clock time for the whole run."""
    turn_grace_seconds: float = 2.0
    """How long a cancelled turn may take to end before it is abandoned."""
    max_total_tokens: int | None = None
    """Token budget of the job, replayed calls included; None for none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands. Holds no message bodies."""

    turn: int
    """Turns that have begun, from 1."""
    speaker: str
    """Who has the turn: ``Coordinator`` or ``Worker``."""
    rounds: int
    """Times something was handed in."""
    model_calls: int
    """Model calls of this job that got an answer, replayed ones included."""
    tokens: int
    """Tokens of these calls, prompt and completion."""


def team_for(task_type: str) -> TeamSpec:
    """The built-in team for a task type; unknown types get the general team.

    Raises:
        TeamError: A built-in team is broken; the message names the file.
    """
    teams = builtin_teams()
    return teams.get(task_type) or teams[FALLBACK]


@functools.cache
def builtin_teams() -> dict[str, TeamSpec]:
    """All built-in teams by task type.

    Raises:
        TeamError: A file is malformed, two teams claim one task type, or the fallback is missing.
    """
    root = importlib.resources.files("aicity_fleet.team")
    teams: dict[str, TeamSpec] = {}
    for file in sorted((root / "specs").iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".toml"):
            continue
        spec = parse_spec(
            file.read_text(encoding="utf-8"), prompts=root / "prompts", source=file.name
        )
        for task_type in spec.task_types:
            if task_type in teams:
                raise TeamError(f"{file.name}: task type {task_type!r} has a team already")
            teams[task_type] = spec
    if FALLBACK not in teams:
        raise TeamError(f"no team names the task type {FALLBACK!r}")
    return teams


def parse_spec(text: str, *, prompts: Traversable, source: str) -> TeamSpec:
    """Read one team from TOML.

    Args:
        text: The file's content.
        prompts: Folder that the ``prompt`` key names a file of; its ``specialist.md`` goes first.
        source: The file's name, for messages.

    Raises:
        TeamError: The text is no TOML, a key is unknown or wrong, or the prompt does not exist.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TeamError(f"{source}: not TOML ({error})") from None
    prompt = data.pop("prompt", None)
    if not isinstance(prompt, str) or not _PROMPT_NAME.fullmatch(prompt):
        raise TeamError(f"{source}: prompt must be the name of a file in prompts/, such as x.md")
    try:
        parts = [(prompts / name).read_text("utf-8").strip() for name in ("specialist.md", prompt)]
    except FileNotFoundError:
        raise TeamError(f"{source}: there is no prompts/{prompt}") from None
    if "system_prompt" in data:
        raise TeamError(f"{source}: system_prompt comes from the file that prompt names")
    try:
        return TeamSpec.model_validate({**data, "system_prompt": "\n\n".join(parts)})
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise TeamError(f"{source}: {faults}") from None
