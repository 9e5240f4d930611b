"""Reads teams from TOML files: the built-in ones beside this module, and a folder of the owner's.

A strict schema of our own, and text: no file can name a class, a provider, a URL or a key. Called by
the worker at its start and by ``aicity-fleet teams check``.
"""

import functools
import importlib.resources
import re
from collections.abc import Collection, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aicity_fleet.errors import TeamError
from aicity_fleet.faults import fault_list, faults_of, read_toml
from aicity_fleet.settings import Settings
from aicity_fleet.team.declare.spec import JudgeSpec, TeamSpec

FALLBACK = "general"
"""The team for every task type that no other team names; AI City's task types are an open set."""

COMMON, DRAFTS, FINISHES = "specialist.md", "drafts.md", "finishes.md"
"""What every member is told, what one is told that hands nothing in, and the last of several."""

TOOLS = "tools.md"
"""What a member is told that has tools."""

BUILT_IN = importlib.resources.files("aicity_fleet.team.declare") / "prompts"
"""Where the built-in prompts are."""

RUBRICS = frozenset(
    """
    code_generation code_review testing data_analysis content_creation research design devops security
    general bug_fix
    """.split()  # noqa: SIM905 -- easier to read
)
"""The task types with a rubric of their own, which the judge gets."""

_PROMPT_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}\.md")


class Teams:
    """The teams of one fleet, by task type."""

    def __init__(self, by_type: Mapping[str, TeamSpec]) -> None:
        self.by_type = by_type

    def team_for(self, task_type: str) -> TeamSpec:
        """Return the team for a task type; unknown types get the general one."""
        return self.by_type.get(task_type) or self.by_type[FALLBACK]

    @property
    def specs(self) -> tuple[TeamSpec, ...]:
        """Every team once."""
        return tuple({spec.name: spec for spec in self.by_type.values()}.values())


def team_for(task_type: str) -> TeamSpec:
    """Return the built-in team for a task type; unknown types get the general team.

    Raises:
        TeamError: A built-in team is broken; the message names the file.
    """
    return builtin_teams().team_for(task_type)


@functools.cache
def builtin_teams() -> Teams:
    """Return all built-in teams.

    Raises:
        TeamError: A file is malformed, two teams claim one task type, or the fallback is missing.
    """
    teams = _read_folder(importlib.resources.files("aicity_fleet.team.declare") / "specs")
    if FALLBACK not in teams:
        raise TeamError(f"no team names the task type {FALLBACK!r}")
    return Teams(teams)


def load_teams(folder: Path | None, *, pass_mark: int | None = None) -> Teams:
    """Return the built-in teams; the owner's own replace those of the same task types.

    Args:
        folder: Holds one TOML file per team, and the prompts that they name; None for none.
        pass_mark: The pass mark of all teams, 0 to 100; None leaves each its own.

    Raises:
        TeamError: The folder cannot be read, a file is malformed, or two claim one task type.
    """
    teams = builtin_teams().by_type
    if folder is not None:
        teams = {**teams, **_own_teams(folder)}
    return Teams({name: with_pass_mark(spec, pass_mark) for name, spec in teams.items()})


def teams_of(settings: Settings) -> Teams:
    """Return the teams that these settings name, with the pass mark and the judge that they set.

    Raises:
        TeamError: As for ``load_teams``.
    """
    teams = load_teams(settings.teams_dir, pass_mark=settings.pass_mark).by_type
    return Teams({name: with_judge(spec, name, settings) for name, spec in teams.items()})


def with_judge(spec: TeamSpec, task_type: str, settings: Settings) -> TeamSpec:
    """Return a team with the judge of the settings, if they name one.

    Args:
        task_type: Whose rubric the judge gets; a type without one of its own gets the general one.
    """
    if settings.judge is None:
        return spec
    rubric = task_type if task_type in RUBRICS else FALLBACK
    prompts = [
        (BUILT_IN / "rubrics" / f"{name}.md").read_text("utf-8") for name in ("judge", rubric)
    ]
    judge = JudgeSpec(
        model=settings.judge,
        system_prompt="\n\n".join(map(str.strip, prompts)),
        pass_mark=settings.judge_pass_mark,
        max_tokens=settings.judge_tokens,
    )
    return spec.model_copy(update={"judge": judge})


def with_pass_mark(spec: TeamSpec, pass_mark: int | None) -> TeamSpec:
    """Return a team with another pass mark; None keeps its own."""
    return spec if pass_mark is None else spec.model_copy(update={"pass_mark": pass_mark})


def _own_teams(folder: Path) -> Mapping[str, TeamSpec]:
    if not folder.is_dir():
        raise TeamError(
            f"{folder}: is not a folder. FLEET_TEAMS_DIR must name a folder with TOML files."
        )
    return _read_folder(folder)


def _read_folder(folder: Traversable) -> dict[str, TeamSpec]:
    teams: dict[str, TeamSpec] = {}
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".toml"):
            continue
        spec = read_team(file, folder)
        for task_type in spec.task_types:
            if task_type in teams:
                raise TeamError(
                    f"{file.name}: task type {task_type!r} already has a team, "
                    f"{teams[task_type].name}"
                )
            teams[task_type] = spec
    return teams


def read_team(file: Traversable, folder: Traversable) -> TeamSpec:
    """Read one team from a TOML file.

    Each member has its instructions in ``prompt``, the name of a file, or in ``instructions``, the text
    itself; the rules for all specialists come first. A team of one may leave out ``[[members]]`` and have
    these keys at the top.

    Args:
        folder: Where to look for the file that ``prompt`` names, before the built-in prompts.

    Raises:
        TeamError: The file cannot be read, a key is unknown or wrong, or a prompt does not exist.
    """
    source, data = file.name, read_toml(file, file.name, TeamError)
    if "judge" in data:
        raise TeamError(
            f"{source}: judge cannot be set here; FLEET_JUDGE names the judge of all teams"
        )
    members = data.pop("members", None)
    if members is None:
        members = [{key: data.pop(key) for key in _MEMBER_KEYS & data.keys()}]
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise TeamError(f"{source}: members must be tables, each under [[members]]")
    complete = []
    for place, member in enumerate(members):
        prompt = _system_prompt(member, place, len(members), folder, source)
        rest = {key: member[key] for key in member if key not in {"prompt", "instructions"}}
        complete.append({**rest, "system_prompt": prompt})
    try:
        return TeamSpec.model_validate({**data, "members": complete})
    except ValidationError as error:
        raise TeamError(fault_list(f"{source} is wrong", faults_of(error))) from None


_MEMBER_KEYS = frozenset({"prompt", "instructions", "model", "tools"})
"""Keys of a member that a team of one may give at the top."""


def _system_prompt(
    member: Mapping[str, Any], place: int, members: int, prompts: Traversable, source: str
) -> str:
    where = f"{source}: members.{place}" if members > 1 else source
    if "system_prompt" in member:
        raise TeamError(f"{where}: system_prompt cannot be set; use prompt or instructions")
    prompt, own = member.get("prompt"), member.get("instructions")
    if (prompt is None) == (own is None):
        raise TeamError(f"{where}: give either prompt, a file's name, or instructions, a text")
    if own is None:
        own = _prompt(prompt, prompts, where)
    elif not isinstance(own, str) or not own.strip():
        raise TeamError(f"{where}: instructions must be a text")
    parts = [_prompt(COMMON, BUILT_IN, where), own.strip()]
    if member.get("tools"):
        parts.append(_prompt(TOOLS, BUILT_IN, where))
    if members > 1:
        role = FINISHES if place == members - 1 else DRAFTS
        parts.append(_prompt(role, BUILT_IN, where))
    return "\n\n".join(parts)


def _prompt(name: object, prompts: Traversable, where: str) -> str:
    if not isinstance(name, str) or not _PROMPT_NAME.fullmatch(name):
        raise TeamError(f"{where}: prompt must be the name of a file, such as x.md")
    for folder in (prompts, BUILT_IN):
        try:
            return (folder / name).read_text("utf-8").strip()
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError):
            raise TeamError(f"{where}: prompt {name} cannot be read as text") from None
    names = sorted(file.name for file in BUILT_IN.iterdir() if file.name.endswith(".md"))
    raise TeamError(
        f"{where}: there is no prompt {name}, neither beside the file nor among the built-in "
        f"ones ({', '.join(names)})"
    )


def known_only(spec: TeamSpec, *, tools: Collection[str], models: Collection[str]) -> TeamSpec:
    """Check that what a team names exists.

    Raises:
        TeamError: It names a tool or a model alias that does not; the message lists those that do.
    """
    faults = []
    for kind, named, known in (("tool", spec.tools, tools), ("model", spec.models, models)):
        faults += [
            f"unknown {kind} {name!r} (there are: {', '.join(sorted(known)) or 'none'})"
            for name in named
            if name not in known
        ]
    if faults:
        raise TeamError(f"team {spec.name}: {'; '.join(faults)}")
    return spec
