"""Health checks of model endpoints: after trouble, does the endpoint serve anybody at all?

A tiny model call and not a request for the list of models: that list is often up while the models are down.
``workers/provider_trouble.py`` asks, and so tells trouble of a job from trouble of its endpoint.
"""

import asyncio
import logging
import secrets
import time

from autogen_core import CancellationToken
from autogen_core.models import UserMessage

from aicity_fleet.models import ProviderFatal, ProviderTrouble
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team.model.clients import Model, Route
from aicity_fleet.team.model.provider_errors import classify

QUESTION = "Reply with the word OK. ({})"
"""What is asked, with a random text, so that no cache on the way answers for the model."""

MAX_TOKENS = 16
"""The longest answer that is asked for, in tokens."""

TIMEOUT_SECONDS = 20.0
"""How long a provider's endpoint may take to answer, in seconds. The job with trouble keeps its lease."""

OWN_SERVER_TIMEOUT_SECONDS = 60.0
"""The same for a server of one's own, which may have to read a long prompt of another job first."""

FRESH_SECONDS = 5.0
"""For how long an answer holds for other jobs with trouble there, in seconds."""

logger = logging.getLogger(__name__)


class HealthChecks:
    """Checks endpoints, one call at a time for each. Bound to the event loop that it is used on."""

    def __init__(self) -> None:
        self._checks: dict[str, asyncio.Task[bool]] = {}
        self._ended: dict[str, float] = {}

    async def serves(
        self, route: Route, stop_switch: StopSwitch, *, after_silence: bool
    ) -> bool | None:
        """Whether a route's models answer now, or did within ``FRESH_SECONDS``.

        Args:
            stop_switch: Ends the wait, but not the check, which other jobs may wait for.
            after_silence: Whether the trouble was only that a call took too long. Then a model that writes
                for another job needs no check, for which a small server may have no slot. After any other
                trouble that proves nothing: answers under way go on although new calls are refused.

        Returns:
            None when the run was stopped before the answer was known.
        """
        if after_silence and all(model.is_alive for model in route.models):
            return True
        check = self._checks.get(route.name)
        is_fresh = time.monotonic() - self._ended.get(route.name, 0.0) < FRESH_SECONDS
        if check is None or (check.done() and not is_fresh):
            check = self._checks[route.name] = asyncio.ensure_future(self._check(route))
        stops = [
            asyncio.ensure_future(stop_switch.wait_for_drain()),
            asyncio.ensure_future(stop_switch.wait_for_abort()),
        ]
        try:
            await asyncio.wait([check, *stops], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for stop in stops:
                stop.cancel()
            await asyncio.wait(stops)
        return check.result() if check.done() else None

    async def _check(self, route: Route) -> bool:
        try:
            # All of them: the job was refused by each, or fits only one of them.
            return all(await asyncio.gather(*(_answers(model) for model in route.models)))
        finally:
            self._ended[route.name] = time.monotonic()


async def _answers(model: Model) -> bool:
    own = model.config.is_own_server
    seconds = min(
        OWN_SERVER_TIMEOUT_SECONDS if own else TIMEOUT_SECONDS, model.config.timeout_seconds
    )
    try:
        # The limit of time begins with the slot: a small server works on one call after another.
        async with model.slots.one(StopSwitch(), None), asyncio.timeout(seconds):
            await model.client.create(
                [UserMessage(content=QUESTION.format(secrets.token_hex(4)), source="user")],
                extra_create_args={"max_tokens": MAX_TOKENS},
                cancellation_token=CancellationToken(),
            )
    except Exception as error:  # noqa: BLE001 -- AutoGen's client raises anything for a broken answer
        # A refusal of this very request is an answer too.
        answers = not isinstance(classify(error), ProviderTrouble | ProviderFatal)
    else:
        answers = True
    logger.info("model.health_check endpoint=%s answers=%s", model.endpoint, answers)
    return answers
