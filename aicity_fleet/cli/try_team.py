"""The command ``try``: runs a team once on a task of one's own, outside the fleet."""

import asyncio
import contextlib
import json
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from rich.table import Table
from rich.text import Text

from aicity_fleet.aicity.task import parse_task
from aicity_fleet.cli.display import (
    ENDING_NAMES,
    AsJson,
    console,
    foreign,
    judgement_text,
    notes,
    print_json,
)
from aicity_fleet.cli.money import cost_text
from aicity_fleet.cli.transcript import print_event
from aicity_fleet.errors import SettingsError, TaskRefusedError
from aicity_fleet.models import AssignedTask, Delivered, TeamResult
from aicity_fleet.money.cost import Cost
from aicity_fleet.settings import Settings
from aicity_fleet.simulator.access import MODEL_KEY, require_packages
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team.declare.catalog import (
    known_only,
    read_team,
    teams_of,
    with_judge,
    with_pass_mark,
)
from aicity_fleet.team.declare.models_file import Aliases, alias_names, models_of, require_judge
from aicity_fleet.team.declare.spec import TeamSpec
from aicity_fleet.team.model.budget import limits_of, require_prices
from aicity_fleet.team.replay.transcript import TranscriptEvent, TranscriptListener
from aicity_fleet.team.tools import TOOL_NAMES
from aicity_fleet.words import HAND_IN_NAMES


def try_team(
    team: Annotated[
        str | None,
        typer.Argument(
            help="A team's TOML file, or its name as 'teams list' shows it. Default: the team for the "
            "task's type."
        ),
    ] = None,
    *,
    task: Annotated[
        Path, typer.Option(help="The task as AI City sends it: a JSON file, or - for stdin.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write the deliverable to this new file.")
    ] = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Use the simulated model, which is free.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a team once on your own task, outside the fleet, with a live transcript.

    Nothing is sent to AI City or written to the ledger. Model calls are real and cost money, unless
    --simulated is given. Exit code 1 if nothing was delivered. A task looks like this:

    {"taskType": "research", "input": {"description": "Compare ..."}, "maxBudget": 500}
    """
    if out is not None:
        _claim(out)
    try:
        delivered = _try(team, task=task, out=out, simulated=simulated, as_json=as_json)
    except BaseException:
        _give_up(out)
        raise
    if not delivered:
        _give_up(out)
        raise typer.Exit(1)


def _claim(out: Path) -> None:
    """Create the file before anything is paid for, so that the deliverable can be kept."""
    try:
        out.open("x").close()
    except FileExistsError:
        raise SettingsError(f"--out: {out} already exists.") from None
    except OSError as error:
        raise SettingsError(f"--out: {out} cannot be written ({error.strerror}).") from None


def _give_up(out: Path | None) -> None:
    """Remove the file if it is still empty."""
    if out is not None and out.exists() and not out.stat().st_size:
        out.unlink()


def _try(team: str | None, *, task: Path, out: Path | None, simulated: bool, as_json: bool) -> bool:
    """Run the team and show the result; True if there is a deliverable."""
    with _settings_and_models(simulated=simulated) as (settings, models):
        order = _read_task(task, settings.max_input_chars)
        spec = _team(team, settings, order)
        known_only(spec, tools=TOOL_NAMES, models=models)
        require_prices(settings.model_copy(update={"max_day_usd": None}), models, [spec])
        events: list[TranscriptEvent] = []

        def on_event(event: TranscriptEvent) -> None:
            events.append(event)
            if not as_json:
                print_event(event)

        if not as_json:
            members = " > ".join(member.name for member in spec.members)
            console.print(Text(f"Team {spec.name}: {members}", style="bold"))
        began = time.monotonic()
        result = asyncio.run(_run(order, spec, models, settings, on_event))
        seconds = time.monotonic() - began
    if out is not None and isinstance(result.ending, Delivered):
        out.write_text(result.ending.text + "\n", encoding="utf-8")
    facts = _facts(result, seconds)
    if as_json:
        transcript = [
            {"speaker": e.speaker, "kind": e.kind, "tool": e.tool or None, "text": e.text}
            for e in events
        ]
        print_json({**facts, "transcript": transcript})
    else:
        _show_result(facts, result.cost)
        if simulated:
            notes.print(
                "This text is a stand-in from the simulator, not the work of a model. It was free; "
                "the cost above is what the model's list price would be.",
                style="dim",
            )
    return isinstance(result.ending, Delivered)


def _models(settings: Settings) -> Aliases:
    try:
        return models_of(settings)
    except SettingsError as error:
        hint = "Pass --simulated to use a simulated model, which needs no key."
        raise SettingsError(f"{error}\n{hint}") from None


def _team(team: str | None, settings: Settings, order: AssignedTask) -> TeamSpec:
    """Return the team to try.

    Raises:
        TeamError: The file has a fault.
        SettingsError: There is neither such a file nor a team of that name; the message lists the names.
    """
    found = teams_of(settings)
    if team is None:
        return found.team_for(order.task_type)
    path = Path(team)
    if path.suffix == ".toml" or path.is_file():
        spec = with_pass_mark(read_team(path, path.parent), settings.pass_mark)
    else:
        by_name = {spec.name: spec for spec in found.specs}
        if team not in by_name:
            raise SettingsError(
                f"'{team}' is neither a file nor a team. The teams are {', '.join(sorted(by_name))}. "
                "For a team of your own, name its TOML file."
            )
        spec = by_name[team]
    return with_judge(spec, order.task_type, settings)


def _read_task(path: Path, max_input_chars: int) -> AssignedTask:
    """Read a task from a file. Its id and status are optional.

    Raises:
        TaskRefusedError: It is not a JSON object or not a task; the message says what is wrong.
        SettingsError: The file cannot be read.
    """
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SettingsError(f"--task: {path} cannot be read ({reason}).") from None
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TaskRefusedError(f"--task: {path} is not JSON ({error}).") from None
    if isinstance(raw, dict):
        raw = {"id": "try", "status": "assigned", **raw}
    try:
        return parse_task(raw, max_input_chars=max_input_chars)
    except TaskRefusedError as error:
        raise TaskRefusedError(f"--task: {path}: {error}") from None


@contextlib.contextmanager
def _settings_and_models(*, simulated: bool) -> Iterator[tuple[Settings, Aliases]]:
    """Yield the settings and the models. If ``simulated``, a simulator serves every alias."""
    settings = Settings.load()
    if not simulated:
        yield settings, _models(settings)
        return
    require_packages()
    from aicity_fleet.simulator.app import create_app  # noqa: PLC0415
    from aicity_fleet.simulator.config import SimulatorConfig  # noqa: PLC0415
    from aicity_fleet.simulator.serve import running  # noqa: PLC0415

    names = alias_names(settings.models_file)
    require_judge(settings, names)
    with running(create_app(SimulatorConfig())) as url:
        access = {
            "openai_base_url": f"{url}/v1",
            "openai_key": SecretStr(MODEL_KEY),
            "models_file": None,
        }
        simulated_settings = settings.model_copy(update=access)
        (model,) = models_of(simulated_settings.model_copy(update={"judge": None})).values()
        yield simulated_settings, dict.fromkeys(names, model)


async def _run(
    order: AssignedTask,
    spec: TeamSpec,
    models: Aliases,
    settings: Settings,
    on_event: TranscriptListener,
) -> TeamResult:
    from aicity_fleet.team import Team, TeamRun, run_team  # noqa: PLC0415 - imports AutoGen
    from aicity_fleet.team.model.clients import open_routes  # noqa: PLC0415
    from aicity_fleet.team.tools.download import Downloader  # noqa: PLC0415
    from aicity_fleet.team.tools.toolbox import Toolbox  # noqa: PLC0415

    toolbox = Toolbox(Downloader(settings.repo_host_names))
    async with open_routes(models) as routes:
        for alias in spec.models:
            notes.print(f"{alias}: {routes[alias].name}", style="dim")
        with contextlib.closing(toolbox), toolbox.tools_for(order) as tools:
            run = TeamRun(
                order,
                Team(spec, routes, tools, settings.engine),
                limits_of(settings, order),
                nonce=secrets.token_hex(10),
                secrets=settings.secret_texts,
            )
            return await run_team(run, StopSwitch(), on_event=on_event)


def _facts(result: TeamResult, seconds: float) -> dict[str, Any]:
    ending, usage = result.ending, result.usage
    return {
        "ending": ENDING_NAMES[type(ending)],
        "code": getattr(ending, "code", None),
        "message": getattr(ending, "message", None),
        "score": getattr(ending, "score", None),
        "deliverable": getattr(ending, "text", None),
        "judgement": result.judgement.to_json() if result.judgement else None,
        "rounds": result.rounds,
        "hand_in": result.hand_in,
        "agents": result.agents,
        "model": result.model,
        "model_calls": usage.model_calls,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost_usd": result.cost.known_usd,
        "unpriced_calls": result.cost.unpriced_calls,
        "seconds": round(seconds, 1),
    }


def _show_result(facts: Mapping[str, Any], cost: Cost) -> None:
    table = Table(show_header=False, box=None)
    if facts["ending"] == "delivered":
        table.add_row("ending", f"delivered, gate score {facts['score']} of 100")
    else:
        why = ": ".join(str(facts[name]) for name in ("code", "message") if facts[name])
        table.add_row("ending", foreign(f"{facts['ending']} ({why})"))
    if facts["judgement"]:
        table.add_row("judge", judgement_text(facts["judgement"]))
    how = f" ({HAND_IN_NAMES[facts['hand_in']]})" if facts["hand_in"] else ""
    table.add_row("hand-ins", f"{facts['rounds']}{how}")
    table.add_row("model calls", f"{facts['model_calls']} ({facts['model']})")
    table.add_row("tokens", f"{facts['prompt_tokens']} in, {facts['completion_tokens']} out")
    table.add_row("cost", cost_text(cost))
    table.add_row("took", f"{facts['seconds']} s")
    console.rule("result", align="left")
    console.print(table)
