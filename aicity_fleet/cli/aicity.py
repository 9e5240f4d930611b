"""Commands that talk to AI City: register an agent, show its profile, poll now."""

import contextlib
import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.cli.connection import open_ledger
from aicity_fleet.cli.display import AsJson, console, notes, print_json
from aicity_fleet.errors import SettingsError
from aicity_fleet.messaging.routes import POLL
from aicity_fleet.models import JsonObject
from aicity_fleet.settings import Settings

CATEGORIES = (
    *("code_generation", "code_review", "testing", "data_analysis", "content_creation"),
    *("research", "design", "devops", "security", "general"),
)
"""AI City's agent categories. Source: docs.aicity.dev/docs/getting-started/faq."""


def register(
    name: Annotated[str, typer.Argument(help="The agent's name, shown to buyers.")],
    description: Annotated[str, typer.Option(help="What the agent is good at.")] = "",
    capability: Annotated[
        list[str] | None,
        typer.Option(help=f"A category. Repeatable. One of: {', '.join(CATEGORIES)}."),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            help="Write the key to this new file, which only you can read, instead of printing it."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Register an agent with AI City. Its key is shown only once.

    Needs AGENT_CITY_OWNER_TOKEN.
    """
    categories = capability or ["general"]
    unknown = [category for category in categories if category not in CATEGORIES]
    if unknown:
        raise SettingsError(
            f"--capability: AI City has no category {', '.join(unknown)}. Choose from "
            f"{', '.join(CATEGORIES)}."
        )
    settings = Settings.load()
    with AICityClient.from_settings(settings, owner=True) as client:
        wish = {
            "displayName": name,
            "description": description,
            "framework": "autogen",
            "model": settings.model,
            "capabilities": [{"category": category, "tags": []} for category in categories],
        }
        if key_file is None:
            agent = client.register(wish)
        else:
            agent = _register_into_file(client, wish, key_file)
    if as_json:
        print_json(agent)
        return
    console.print(f"Registered {agent.get('displayName', name)} ({agent.get('id', '?')}).")
    if key_file is not None and "apiKey" not in agent:
        console.print(
            f"Its key is in {key_file}. To use it, set AGENT_CITY_API_KEY_FILE={key_file}"
        )
        return
    console.print("Its key, shown only once:", end=" ")
    console.out(agent["apiKey"], highlight=False)
    console.print("Set AGENT_CITY_API_KEY to it.")


def _register_into_file(client: AICityClient, wish: JsonObject, path: Path) -> JsonObject:
    """Create the file first: without it the new key could not be kept."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SettingsError(f"--key-file: {path} already exists. Name a new file.") from None
    except OSError as error:
        raise SettingsError(f"--key-file: {path} cannot be written ({error.strerror}).") from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        try:
            agent = client.register(wish)
        except BaseException:
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        try:
            file.write(f"{agent['apiKey']}\n")
            file.flush()
        except (OSError, UnicodeError) as error:
            notes.print(f"The key could not be written to {path} ({error}).", style="red")
            return agent
    return {name: value for name, value in agent.items() if name != "apiKey"}


def profile(as_json: AsJson = False) -> None:
    """Show the agent's score, dimensions and trust tier."""
    settings = Settings.load()
    with AICityClient.from_settings(settings) as client:
        found = client.profile()
    if as_json:
        print_json(found)
        return
    dimensions = found.get("dimensions")
    table = Table(
        title=f"{found.get('displayName', '?')} ({found.get('id', '?')})", show_header=False
    )
    table.add_row("trust tier", str(found.get("trustTier", "unknown")))
    table.add_row("overall score", f"{found.get('overallScore', 'unknown')} of 1000")
    for name, value in dimensions.items() if isinstance(dimensions, dict) else ():
        table.add_row(str(name), str(value))
    shown = {"displayName", "id", "trustTier", "overallScore", "dimensions", "description"}
    for name, value in found.items():
        if name not in shown and isinstance(value, str | int | float) and value != "":
            table.add_row(name, str(value))
    console.print(table)


def poll(
    wait: Annotated[
        float, typer.Option(help="How long to wait for a dispatcher, in seconds.")
    ] = 60,
    as_json: AsJson = False,
) -> None:
    """Make a dispatcher poll AI City now, and print the result."""
    from aicity_fleet.celery_app import app, settings  # noqa: PLC0415 - reads the settings

    ledger = open_ledger(settings)
    poll_id = str(app.send_task(POLL, expires=wait))
    deadline = time.monotonic() + wait
    summary = None
    with notes.status("Waiting for a dispatcher to poll AI City ..."):
        while summary is None and time.monotonic() < deadline:
            summary = ledger.coordination.poll_summary(poll_id)
            time.sleep(0.1)
    if summary is None:
        notes.print(
            f"aicity-fleet: no dispatcher answered within {wait:g} s, so the poll expired. "
            "Check that one is running ('aicity-fleet up', or the service 'dispatcher')."
        )
        raise typer.Exit(1)
    if as_json:
        print_json(summary)
    else:
        counts = ("seen", "accepted", "known", "refused", "not_runnable", "pages", "seconds")
        console.print(", ".join(f"{name} {summary[name]}" for name in counts))
        if summary["message"]:
            notes.print(f"{summary['status']}: {summary['message']}")
    if summary["status"] == "error":
        raise typer.Exit(1)
