"""The wrapper around every marketplace route: faults strike, refusals become answers, endings count."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from aicity_fleet.simulator.bodies import CityRefusedError
from aicity_fleet.simulator.faults import Fault, Plan
from aicity_fleet.simulator.replies import INJECTED, instead, refusal
from aicity_fleet.simulator.state import Simulator
from aicity_fleet.simulator.tasks import instant

Handler = Callable[[Request, Plan], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]

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


def operation(simulator: Simulator, name: str, handler: Handler) -> Endpoint:
    """Make an endpoint of a handler.

    Args:
        simulator: Where faults stand and tries to end a task are recorded.
        name: The operation, as faults name it.
        handler: Does the work; may raise ``CityRefusedError``.
    """

    async def endpoint(request: Request) -> Response:
        def injected(fault: Fault) -> Response:
            code = fault.code or CODES.get(fault.status, "INTERNAL_ERROR")
            return refusal(request, CityRefusedError(fault.status, code, INJECTED))

        task_id = request.path_params.get("task_id", "")
        body = await request.body()
        simulator.city.catch_up()
        plan = simulator.faults.plan(name, frozenset((task_id,)))
        await asyncio.sleep(plan.delay_seconds)
        fault = plan.ending
        if fault and not fault.is_late:
            decided = reply = await instead(fault, injected)
        else:
            decided = await _carried_out(handler, request, plan)
            reply = await instead(fault, injected) if fault else decided
        if name in {"complete", "fail"}:
            attempt = {
                "kind": name,
                "status": decided.status_code,
                "accepted": getattr(request.state, "is_accepted", False),
                "answerLost": reply is not decided or reply.status_code == 0,
                "idempotencyKey": request.headers.get("Idempotency-Key"),
                "bodySha256": hashlib.sha256(body).hexdigest(),
                "surface": request.url.path.split("/")[1],
                "at": instant(simulator.city.now()),
                "fault": fault.kind if fault else None,
            }
            simulator.note_attempt(task_id, attempt)
        return reply

    return endpoint


async def _carried_out(handler: Handler, request: Request, plan: Plan) -> Response:
    try:
        return await handler(request, plan)
    except CityRefusedError as error:
        return refusal(request, error)
