"""Checks the settings and the files that they name: all faults, and not just the first."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.doctor.findings import Finding, Severity, note, ok, problem, warning
from aicity_fleet.embedded.state_folder import StateFolder
from aicity_fleet.errors import ContractError, FleetError, SettingsError, TeamError
from aicity_fleet.redaction import HOLDERS, MODEL_KEY_HOLDERS, Process, holders_of
from aicity_fleet.settings import Settings, unknown_variables
from aicity_fleet.team.declare.catalog import builtin_teams, known_only, read_team, teams_of
from aicity_fleet.team.declare.models_file import alias_names, models_of
from aicity_fleet.team.model.budget import require_prices
from aicity_fleet.team.tools import TOOL_NAMES

FULL_BYTES, NEARLY_FULL_BYTES = 100_000_000, 1_000_000_000
"""With less room than this a disk is as good as full, and nearly full, in bytes."""

STAYS_OFF = "The processes that need it do not start."


def load_settings(environ: Mapping[str, str]) -> tuple[Settings | None, list[Finding]]:
    """Return the settings of an environment, or None and what is wrong with them."""
    try:
        settings = Settings.load(environ)
    except SettingsError as error:
        return None, [_fault("settings", line) for line in fault_lines(error)]
    found = [
        warning("settings", sentence, "What you meant by it has no effect.", "Correct or unset it.")
        for sentence in unknown_variables(environ)
    ]
    return settings, found or [ok("settings", "Every setting of the environment is valid.")]


def check_files(
    settings: Settings, environ: Mapping[str, str], process: Process = Process.CLI
) -> list[Finding]:
    """Check what the settings name: keys, the contract, teams, models and prices.

    It loads the price list where a cap in dollars needs it, which takes half a second.

    Args:
        process: Whose environment it is. A key that this process may not hold is not missed.
    """
    holds_agent_key = process in HOLDERS["AGENT_CITY_API_KEY"]
    return [
        *(_required(settings) if holds_agent_key else ()),
        *_key_files(environ),
        *_checked("contract file", "The contract can be read.", lambda: _contract(settings)),
        *_teams(settings),
        *(_models(settings) if process in MODEL_KEY_HOLDERS else ()),
        *_disk(environ),
    ]


def fault_lines(error: FleetError) -> list[str]:
    """Return the faults that an error lists, one sentence or more each; its message if it lists none."""
    headline, *lines = str(error).split("\n")
    faults = [line.removeprefix("  - ") for line in lines if line.startswith("  - ")]
    rest = [line for line in lines if not line.startswith("  - ")]
    if len(faults) < 2 and rest:  # a message of several lines, and no list of faults
        return [" ".join([headline, *(line.strip() for line in lines)])]
    is_generic = headline in {"These settings are wrong:", "Settings are missing:"}
    return [fault if is_generic else f"{headline} {fault}" for fault in faults] or [headline]


def _fault(check: str, what: str) -> Finding:
    return problem(check, what, STAYS_OFF, "Correct it and start these processes again.")


def _checked(check: str, right: str, look: Callable[[], object]) -> list[Finding]:
    """Return a finding for each fault that a function raises, or one that says that all is right."""
    try:
        look()
    except (SettingsError, ContractError, TeamError) as error:
        return [_fault(check, line) for line in fault_lines(error)]
    return [ok(check, right)]


def _contract(settings: Settings) -> object:
    return load_contract(settings.contract, settings.contract_file)


def _required(settings: Settings) -> list[Finding]:
    needs_key = settings.contract == "api"
    return _checked(
        "agent key",
        "The agent's key is set." if needs_key else "The bridge holds the agent's key.",
        lambda: settings.require("AGENT_CITY_API_KEY") if needs_key else None,
    )


def _key_files(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Judge who can read the files that hold secrets."""
    try:
        variables = sorted(holders_of(environ))
    except SettingsError:  # the check of the models says so
        variables = []
    paths = {f"{name}_FILE": environ.get(f"{name}_FILE", "").strip() for name in variables}
    named = {variable: Path(path) for variable, path in paths.items() if path}
    open_files = [
        _open_file(variable, path) for variable, path in named.items() if is_readable_by_all(path)
    ]
    yield from open_files
    if named and not open_files:
        yield ok("key files", "No other user of this machine can read the files with keys.")


def is_readable_by_all(path: Path) -> bool:
    """Whether every user of this machine can read a file: it and each folder above it let them."""
    try:
        whole = path.resolve(strict=True)
        return bool(whole.stat().st_mode & stat.S_IROTH) and all(
            folder.stat().st_mode & stat.S_IXOTH for folder in whole.parents
        )
    except OSError:
        return False


def _open_file(variable: str, path: Path) -> Finding:
    what = f"{variable}: every user of this machine can read {path}."
    if path.stat().st_uid != os.geteuid():  # as a secret that is mounted into a container
        return note(
            "key files", what, "Its owner decides that; in a container there is no other user."
        )
    return warning(
        "key files", what, "Anyone with the key can act in your name.", f"chmod 600 {path}"
    )


def _disk(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Judge the room for the data of the Redis that 'aicity-fleet up' runs on this machine."""
    url_file = Path(environ.get("REDIS_URL_FILE") or ".")
    folder = url_file.parent
    if url_file.name == StateFolder(None, "any").redis_url.name and folder.is_dir():
        yield disk_finding(str(folder), shutil.disk_usage(folder).free)


def disk_finding(folder: str, free_bytes: int) -> Finding:
    """Judge how much room a folder has."""
    what = f"{folder} has {free_bytes / 1e6:,.0f} MB left."
    why = "Redis refuses all writes when it cannot write its file, and the logs stop."
    cure = f"Free space on that disk. 'du -sh {folder}/*' shows what the fleet uses."
    if free_bytes < FULL_BYTES:
        return problem("disk", what, why, cure)
    if free_bytes < NEARLY_FULL_BYTES:
        return warning("disk", what, why, cure)
    return ok("disk", what)


def _teams(settings: Settings) -> list[Finding]:
    """Check each team file of the owner's by itself, and then all teams together."""
    try:
        models = alias_names(settings.models_file)
    except TeamError:  # the check of the models says so
        return []
    folder = settings.teams_dir
    files = sorted(folder.glob("*.toml")) if folder is not None and folder.is_dir() else []

    def look(file: Path) -> object:
        return known_only(read_team(file, file.parent), tools=TOOL_NAMES, models=models)

    found = [finding for file in files for finding in _checked("teams", "", partial(look, file))]
    wrong = [finding for finding in found if finding.severity is not Severity.OK]
    built_in = len(builtin_teams().specs)
    right = f"{built_in} built-in teams and {len(files)} of your own are valid."
    return wrong or _checked("teams", right, lambda: teams_of(settings))


def _models(settings: Settings) -> list[Finding]:
    try:
        aliases = models_of(settings)
    except (SettingsError, TeamError) as error:
        return [_fault("models", line) for line in fault_lines(error)]
    names = ", ".join(f"{alias} ({configs[0].name})" for alias, configs in sorted(aliases.items()))
    try:
        specs = teams_of(settings).specs
    except TeamError:  # the check of the teams says so
        return [ok("models", f"Declared: {names}.")]
    return [
        ok("models", f"Declared: {names}."),
        *_checked(
            "prices",
            "Every cap in dollars can be kept.",
            lambda: require_prices(settings, aliases, specs),
        ),
    ]
