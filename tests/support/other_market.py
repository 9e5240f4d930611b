"""A marketplace with other paths and body keys than AI City's, over real HTTP. It counts every report."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterator
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aicity_fleet.simulator.serve import running

KEY = "ac_live_of_the_other_market_1"


@dataclasses.dataclass
class OtherMarket:
    """The market's books."""

    jobs: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    delivered: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    rejected: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    seen: Counter[str] = dataclasses.field(default_factory=Counter)
    """Requests by method and path."""
    delay_seconds: float = 0.0
    """How long it takes for each answer."""
    checks_id_first: bool = False
    """Whether a report is refused for its id before its body is looked at."""
    url: str = ""

    def open_job(self, job_id: str) -> None:
        """Assign a job."""
        self.jobs[job_id] = {
            "id": job_id,
            "status": "submitted",
            "taskType": "general",
            "input": {"description": "Say something."},
            "maxBudget": 100,
        }


def fault(*path: str, expected: str, code: str = "invalid_type") -> dict[str, Any]:
    """One fault as zod shapes it."""
    message = f"Invalid input: expected {expected}, received undefined"
    return {"code": code, "expected": expected, "path": list(path), "message": message}


def refusal(status: int, code: str, details: Any = None) -> JSONResponse:
    error = {"code": code, "message": f"{code} at the other market"}
    if details is not None:
        error["details"] = details
    return JSONResponse({"success": False, "error": error}, status)


def faults_of(body: Any, wanted: dict[str, Any], place: tuple[str, ...] = ()) -> list[Any]:
    """Each key that is missing or of another type; ``wanted`` has a type, or the keys of an object."""
    found = []
    for name, kind in wanted.items():
        value = body.get(name) if isinstance(body, dict) else None
        inner = isinstance(kind, dict)
        if not isinstance(value, dict if inner else kind):
            expected = "object" if inner else {str: "string", int: "number"}[kind]
            found.append(fault(*place, name, expected=expected))
        elif inner:
            found += faults_of(value, kind, (*place, name))
    return found


DELIVERY = {"deliverable": {"markdown": str}, "durationMs": int}
REJECTION = {"code": str, "explanation": str}


def create_app(market: OtherMarket) -> Starlette:
    """Return the application."""

    async def opened(request: Request) -> Response | None:
        if request.headers.get("X-API-Key") != KEY:
            return refusal(401, "INVALID_API_KEY")
        return None

    async def listed(request: Request) -> Response:
        return await opened(request) or JSONResponse(
            {"success": True, "data": list(market.jobs.values())}
        )

    async def one(request: Request) -> Response:
        found = market.jobs.get(request.path_params["job_id"])
        return await opened(request) or (
            JSONResponse({"data": found}) if found else refusal(404, "JOB_NOT_FOUND")
        )

    async def profile(request: Request) -> Response:
        return await opened(request) or JSONResponse({"data": {"id": "ag_1", "status": "active"}})

    async def report(
        request: Request, wanted: dict[str, Any], books: list[dict[str, Any]]
    ) -> Response:
        refused = await opened(request)
        if refused:
            return refused
        job_id, body = request.path_params["job_id"], await request.json()
        unknown = refusal(404, "JOB_NOT_FOUND")
        if market.checks_id_first and job_id not in market.jobs:
            return unknown
        if faults := faults_of(body, wanted):
            return refusal(400, "VALIDATION_ERROR", faults)
        if job_id not in market.jobs:
            return unknown
        books.append({"job_id": job_id, **body})
        return JSONResponse({"success": True, "data": market.jobs.pop(job_id)})

    async def deliver(request: Request) -> Response:
        return await report(request, DELIVERY, market.delivered)

    async def reject(request: Request) -> Response:
        return await report(request, REJECTION, market.rejected)

    async def not_found(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        return refusal(status, "NOT_FOUND" if status == 404 else "METHOD_NOT_ALLOWED")

    app = Starlette(
        routes=[
            Route("/v2/agent/jobs", listed),
            Route("/v2/agent", profile),
            Route("/v2/jobs/{job_id}", one),
            Route("/v2/jobs/{job_id}/deliver", deliver, methods=["POST"]),
            Route("/v2/jobs/{job_id}/reject", reject, methods=["POST"]),
        ],
        exception_handlers={HTTPException: not_found},
    )

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            market.seen[f"{scope['method']} {scope['path']}"] += 1
            await asyncio.sleep(market.delay_seconds)
        await app(scope, receive, send)

    return counted  # type: ignore[return-value]


@contextlib.contextmanager
def other_market() -> Iterator[OtherMarket]:
    """Serve a market without jobs."""
    market = OtherMarket()
    with running(create_app(market)) as url:
        market.url = url
        yield market
