"""Makes one small call to each declared model, and says which settings follow. It costs money."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aicity_fleet.doctor.findings import Finding, ok, problem, warning
from aicity_fleet.errors import FleetError
from aicity_fleet.settings import Settings
from aicity_fleet.team.declare.models_file import models_of
from aicity_fleet.team.declare.spec import ModelConfig

if TYPE_CHECKING:  # imports AutoGen
    from aicity_fleet.team.model.trial_call import Trial

LIMIT_SECONDS = 75.0
"""How long all calls together may take, in seconds. A server of one's own may have a minute for one."""


def check_models(settings: Settings) -> list[Finding]:
    """Call each model once, all at the same time."""
    from aicity_fleet.team.model.trial_call import try_model  # noqa: PLC0415 - imports AutoGen

    try:
        aliases = models_of(settings)
    except FleetError:  # the check of the files says so
        return []
    configs = list(dict.fromkeys(config for behind in aliases.values() for config in behind))

    async def call_all() -> list[Trial]:
        return await asyncio.gather(*map(try_model, configs))

    found: list[Finding] = []
    for config, trial in zip(configs, asyncio.run(call_all()), strict=True):
        names = [alias for alias, behind in aliases.items() if config in behind]
        found += trial_findings(config, trial, names)
    return found


def trial_findings(config: ModelConfig, trial: Trial, aliases: list[str]) -> Iterator[Finding]:
    """Judge what one call showed.

    Args:
        aliases: The names under which teams call the model.
    """
    check = f"model {', '.join(aliases)}"
    which = trial.endpoint
    if trial.failure:
        yield problem(
            check,
            f"{which} did not answer: {trial.failure}.",
            "Its jobs wait, and fail after several attempts.",
            "Fix the key, the quota, the name or the address of the model, in the environment or in "
            "FLEET_MODELS_FILE."
            if trial.is_fatal
            else "Look at the model's server, then run 'aicity-fleet doctor --model' again.",
        )
        return
    yield ok(check, f"{which} answered within {trial.seconds:.1f} s.")
    yield from _tools(check, which, trial)
    if not trial.tells_usage:
        yield warning(
            f"{check} usage",
            f"{which} does not say how many tokens a call took.",
            "Budgets and caps count estimates, and costs are unknown.",
            "Switch it on at its server, or take the price as an estimate.",
        )
    if not trial.has_price:
        yield warning(
            f"{check} price",
            f"No price is known for {config.name}.",
            "Costs and margins are unknown, and no cap in dollars can be kept.",
            "Set FLEET_MODEL_INPUT_USD and FLEET_MODEL_OUTPUT_USD, or input_usd_per_million and "
            'output_usd_per_million in FLEET_MODELS_FILE ("0" for one that costs nothing).',
        )


def _tools(check: str, which: str, trial: Trial) -> Iterator[Finding]:
    check = f"{check} tools"
    if not trial.offered_tool:
        yield ok(check, f"{which} is declared as one without tools, and hands in with a marker.")
    elif trial.called_tool:
        yield ok(check, f"{which} calls tools.")
    elif trial.was_cut:
        yield warning(
            check,
            f"{which} wrote to the limit of the call and called no tool.",
            "Whether it can is unknown. A model that thinks for long needs much room in each answer.",
            "Try a whole task: aicity-fleet try --task FILE.",
        )
    else:
        yield warning(
            check,
            f"{which} was offered a tool and did not call it.",
            "Each of its jobs spends calls on reminders.",
            "Set FLEET_MODEL_TOOLS=false, or function_calling = false for it in FLEET_MODELS_FILE, and "
            "restart the workers. If its server reads tool calls with an option, switch that on instead.",
        )
