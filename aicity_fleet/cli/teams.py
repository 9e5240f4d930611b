"""Commands about teams: list them, and check a file that declares one."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from aicity_fleet.cli.connection import open_ledger, read_settings
from aicity_fleet.cli.display import AsJson, console, foreign, notes, print_json
from aicity_fleet.errors import TeamError
from aicity_fleet.models import JsonObject
from aicity_fleet.settings import Settings
from aicity_fleet.team.declare.catalog import known_only, read_team, teams_of
from aicity_fleet.team.declare.models_file import alias_names, require_judge
from aicity_fleet.team.declare.spec import TeamSpec
from aicity_fleet.team.tools import TOOL_NAMES

RECORDED = {
    "delivered": "delivered",
    "refunded": "refunded later",
    "failed": "failed later",
    "thumbs_down": "thumbs-down",
}
"""What is counted of a team's deliveries, with its heading."""

teams = typer.Typer(help="List the teams, or check a file that declares one.", no_args_is_help=True)


@teams.command("list")
def list_teams(as_json: AsJson = False) -> None:
    """List the teams that this fleet uses, including your own from FLEET_TEAMS_DIR."""
    settings = Settings.load()
    found = teams_of(settings)
    if as_json:
        print_json([summary(spec) for spec in found.specs])
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    # Show every name in full, however narrow the terminal: 'try' needs it.
    table.add_column("team", no_wrap=True, min_width=max(len(spec.name) for spec in found.specs))
    for heading in ("task types", "members", "models", "tools", "rounds", "pass mark"):
        table.add_column(heading)
    for spec in found.specs:
        table.add_row(
            spec.name,
            Text(", ".join(spec.task_types)),
            " > ".join(member.name for member in spec.members),
            ", ".join(spec.models),
            ", ".join(spec.tools) or "-",
            str(spec.rounds),
            str(spec.pass_mark),
        )
    console.print(table)
    console.print("All other task types go to the team 'general'.")


@teams.command("record")
def record(as_json: AsJson = False) -> None:
    """Show what became of each team's deliveries, also after their reports."""
    settings = read_settings()
    by_type = open_ledger(settings).record()
    found = teams_of(settings)
    totals: dict[str, Counter[str]] = {spec.name: Counter() for spec in found.specs}
    for task_type, counts in by_type.items():
        totals[found.team_for(task_type).name].update(counts)
    if as_json:
        print_json(
            {name: {what: counts[what] for what in RECORDED} for name, counts in totals.items()}
        )
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("team", *RECORDED.values()):
        table.add_column(heading)
    for name, counts in totals.items():
        table.add_row(name, *(str(counts[what]) for what in RECORDED))
    console.print(table)


@teams.command("check")
def check(
    files: Annotated[list[Path], typer.Argument(help="TOML files with one team each.")],
    as_json: AsJson = False,
) -> None:
    """Check team files: schema, prompts, tools and models. Exit code 1 if a file has a fault."""
    settings = Settings.load()
    models = alias_names(settings.models_file)
    require_judge(settings, models)
    results = [_checked(file, models) for file in files]
    if as_json:
        print_json(results)
    else:
        for result in results:
            if result["fault"]:
                notes.print(foreign(result["fault"]))
            else:
                team = result["team"]
                members = " > ".join(member["name"] for member in team["members"])
                console.print(f"{result['file']}: valid. Team {team['name']}: {members}")
    if any(result["fault"] for result in results):
        raise typer.Exit(1)


def _checked(file: Path, models: frozenset[str]) -> JsonObject:
    try:
        spec = known_only(read_team(file, file.parent), tools=TOOL_NAMES, models=models)
    except TeamError as error:
        return {"file": str(file), "fault": str(error), "team": None}
    return {"file": str(file), "fault": None, "team": summary(spec)}


def summary(spec: TeamSpec) -> JsonObject:
    """Return a team without its prompts, for scripts."""
    data = spec.model_dump(mode="json")
    for member in data["members"]:
        member["prompt_chars"] = len(member.pop("system_prompt"))
    if spec.judge is not None:
        data["judge"]["prompt_chars"] = len(data["judge"].pop("system_prompt"))
    return data
