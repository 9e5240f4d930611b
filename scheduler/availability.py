"""Tells AI City whether the agent takes work: ``busy`` while it should get no new tasks.

The wanted value follows only from the switches, so the next call makes up for a request that failed. Called
after polls, and after reports that may have changed it. It never changes an availability that the fleet did
not set itself; but where a ledger is new, an agent that is busy counts as set by a fleet that lost its own.
"""

import structlog

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.errors import AICityError
from aicity_fleet.ledger.controls import ControlPanel, Controls

UNREAD = "unread"
"""What a new ledger holds until the agent's profile could be read."""

log = structlog.get_logger(__name__)


def wants_to_be_busy(controls: Controls) -> bool:
    """Whether new tasks would only wait: for a success, for a person, or for the next day.

    While failures stand, jobs in hand are tried one at a time until one succeeds. With none left to try,
    new tasks are wanted: nothing else could ever open the guard again.
    """
    is_slow = controls.guard_is_closed or controls.is_braked
    tries_one_at_a_time = is_slow and controls.jobs_in_hand > 0
    provider_is_out = any(b.is_fatal and b.open_until is not None for b in controls.breakers)
    is_paused = "intake" in controls.paused or "starts" in controls.paused
    return tries_one_at_a_time or provider_is_out or is_paused or controls.day_is_over


def tell_availability(client: AICityClient, panel: ControlPanel) -> None:
    """Tell AI City what changed; a request that fails is made up for by the next call.

    Raises:
        LedgerUnavailableError: Redis does not answer.
    """
    controls = panel.read()
    wanted = "busy" if wants_to_be_busy(controls) else "available"
    told = controls.availability or "available"
    if told == UNREAD:
        return
    if wanted == told or controls.stopped or controls.quiet_seconds:
        return
    if not client.contract.paths.update_profile:
        return
    try:
        client.set_availability(wanted)
    except AICityError as error:
        log.warning("availability.not_told", wanted=wanted, message=str(error))
        return
    panel.note_availability(wanted)
    log.info("availability.told", availability=wanted)
