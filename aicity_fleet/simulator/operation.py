"""The wrapper around every marketplace route: faults before, refusals after, attempts recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from aicity_fleet.simulator.faults import Fault, Plan
from aicity_fleet.simulator.registry import CityRefusedError
from aicity_fleet.simulator.replies import Dropped, bare_refusal, garbage, refusal
from aicity_fleet.simulator.state import Ending, Simulator, now_text, replaced_answer
from aicity_fleet.simulator.tasks import EndingKind

Surface = Literal["api", "bridge"]
Handler = Callable[[Request, Plan], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]

ENDINGS: dict[str, EndingKind] = {"complete": "complete", "fail": "fail"}
"""The operations that end a task."""

CODES = {
    400: "VALIDATION_ERROR",
    401: "INVALID_API_KEY",
    402: "PAYMENT_REQUIRED",
    403: "ACCESS_DENIED",
    404: "TASK_NOT_FOUND",
    409: "CONFLICT",
    410: "GONE",
    429: "RATE_LIMITED",
}
"""The code that an injected status carries unless the fault names one."""


def operation(
    simulator: Simulator, name: str, handler: Handler, surface: Surface = "api"
) -> Endpoint:
    """Make an endpoint of a handler.

    Args:
        simulator: Where faults stand and attempts are recorded.
        name: The operation, as faults name it.
        handler: Does the work; may raise ``CityRefusedError``.
        surface: Whether refusals come in the API's envelope or bare.
    """

    async def endpoint(request: Request) -> Response:
        simulator.requests[name] += 1
        task_id = request.path_params.get("task_id")
        task_ids = frozenset((task_id,)) if task_id else frozenset()
        ending = None
        if name in ENDINGS:
            ending = await Ending.of(request, ENDINGS[name], surface)
        plan = simulator.faults.plan(name, task_ids)
        fault = plan.ending
        response = await replaced_answer(plan)
        if response is None and fault and fault.kind == "status" and not fault.after_commit:
            response = injected(fault, surface)
        processed = response is None
        if response is None:
            response = await carried_out(handler, request, plan, surface)
        status = 0 if isinstance(response, Dropped) else response.status_code
        reply = replaced_reply(fault, response, surface) if processed else response
        if ending is not None:
            attempt = ending.attempt(
                status,
                accepted=getattr(request.state, "is_accepted", False),
                at=now_text(simulator),
                fault=fault.kind if fault else None,
                lost=reply is not response or isinstance(reply, Dropped),
            )
            simulator.note_attempt(ending.task_id, attempt)
        return reply

    return endpoint


async def carried_out(handler: Handler, request: Request, plan: Plan, surface: Surface) -> Response:
    """Run a handler; a refusal becomes its answer."""
    try:
        return await handler(request, plan)
    except CityRefusedError as error:
        return refusal(error) if surface == "api" else bare_refusal(error)


def replaced_reply(fault: Fault | None, response: Response, surface: Surface) -> Response:
    """The answer that the caller sees of a request that was carried out."""
    if fault is None:
        return response
    if fault.kind == "reply_lost_after_commit" or (fault.kind == "reset" and fault.after_commit):
        return Dropped()
    if fault.kind == "garbage":
        return garbage()
    if fault.kind == "status":
        return injected(fault, surface)
    return response


def injected(fault: Fault, surface: Surface) -> Response:
    """The answer of a ``status`` fault."""
    code = fault.code or CODES.get(fault.status, "INTERNAL_ERROR")
    error = CityRefusedError(fault.status, code, "the simulator was told to answer this")
    response = refusal(error) if surface == "api" else bare_refusal(error)
    response.headers.update(fault.answer_headers())
    return response
