"""Single requests to AI City that change nothing there, each with all that its answer tells.

Unlike the client, it expects no contract to hold: a refusal is an answer like any other. Called by
``aicity_fleet/doctor/``.
"""

import dataclasses
import email.utils
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import httpx

from aicity_fleet.aicity.answers import storable
from aicity_fleet.aicity.contract import Contract
from aicity_fleet.models import JsonObject

PROBE_SECONDS = 3.0
"""How long one request may take, in seconds, without the look-up of the host's name."""

MOST_BYTES = 4 * 1024 * 1024
"""How much of an answer is read, in bytes. A page of tasks fits; of anything larger the rest is left."""

_NOTICES = ("deprecation", "sunset", "retry-after", "location", "server")


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What came back. All texts are a stranger's."""

    method: str
    path: str
    status: int = 0
    """The HTTP status; 0 where there was no answer."""
    trouble: str = ""
    """Why there was no answer, in words for a person; empty where there was one."""
    code: str = ""
    """The machine-readable code of an error; empty where there is none."""
    message: str = ""
    """The error's message for people, at most 300 characters."""
    payload: Any = None
    """What a 2xx answer brought, out of its envelope; None where that is not JSON."""
    details: Any = None
    """The faults by field that an error names, in whichever shape the server has."""
    dated_at: datetime | None = None
    """The server's clock, from the header ``Date``."""
    offset_seconds: float | None = None
    """How far the server's clock is ahead of this machine's, in seconds, to about a second."""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Those that say more: ``deprecation``, ``sunset``, ``retry-after``, ``location``, ``server``."""

    @property
    def is_success(self) -> bool:
        """Whether it is a 2xx with JSON that does not say ``success: false``."""
        return 200 <= self.status < 300 and not self.code and self.payload is not None

    @property
    def evidence(self) -> str:
        """Status and code on one line, for people."""
        said = f"{self.status} {self.code}".strip() if self.status else self.trouble
        return f"{self.method} {self.path}: {said}"


class Probe:
    """Sends requests as one agent. Safe to share between threads.

    Args:
        origin: Scheme, host and port, perhaps with a path; a path of a request is added to it.
        key: The agent's key; empty where there is none.
    """

    def __init__(self, origin: str, key: str, contract: Contract) -> None:
        self.origin = origin.rstrip("/")
        headers = {"Accept": "application/json", "User-Agent": "aicity-fleet doctor"}
        if contract.key_header and key:
            headers[contract.key_header] = key
        self._http = httpx.Client(headers=headers, timeout=PROBE_SECONDS)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def ask(
        self,
        method: Literal["GET", "POST"],
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: JsonObject | None = None,
    ) -> Answer:
        """Send one request and return what came back, whatever it is. It follows no redirect.

        Args:
            path: Begins with a slash.
            params: Are added to the query of the path.
            body: Is sent as JSON.
        """
        ends_at = time.monotonic() + PROBE_SECONDS
        try:
            url = httpx.URL(self.origin + path).copy_merge_params(params or {})
            with self._http.stream(method, url, json=body) as response:
                text = _read(response, ends_at)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(method, path, trouble=_trouble(error))
        return _answer(method, path, response, text)


def _read(response: httpx.Response, ends_at: float) -> bytes:
    """Read the beginning of a body. A server that dribbles is cut off as one that is silent."""
    text = b""
    for chunk in response.iter_bytes():
        text += chunk
        if len(text) > MOST_BYTES:
            break
        if time.monotonic() > ends_at:
            raise httpx.ReadTimeout("the answer has no end")
    return text


def _trouble(error: Exception) -> str:
    match error:
        case httpx.ConnectTimeout():
            return f"no connection within {PROBE_SECONDS:g} s"
        case httpx.TimeoutException():
            return f"connected, but no whole answer within {PROBE_SECONDS:g} s"
        case httpx.ConnectError():
            words = str(error).lower()
            if "certificate" in words or "ssl" in words:
                return "the TLS connection failed"
            if "name or service" in words or "resolution" in words or "nodename" in words:
                return "the host's name is unknown"
            return "the connection was refused"
        case httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return "the URL is not valid"
    return f"the connection broke ({type(error).__name__})"


def _answer(method: str, path: str, response: httpx.Response, text: bytes) -> Answer:
    try:
        decoded: Any = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        decoded = None
    envelope: JsonObject = decoded if isinstance(decoded, dict) else {}
    is_error = not 200 <= response.status_code < 300 or envelope.get("success") is False
    code = message = ""
    if is_error:
        code, message = _error(envelope)
        code = code or ("success: false" if response.status_code < 300 else "")
    dated_at, offset = _clock(response)
    return Answer(
        method,
        path,
        response.status_code,
        code=code,
        message=message,
        payload=None if is_error else envelope.get("data", decoded),
        details=_details(envelope) if is_error else None,
        dated_at=dated_at,
        offset_seconds=offset,
        headers={
            name: storable(response.headers[name][:100])
            for name in _NOTICES
            if name in response.headers
        },
    )


def _error(envelope: JsonObject) -> tuple[str, str]:
    """Return code and message, from AI City's envelope or from a bare object of another server."""
    error = envelope.get("error")
    fields = error if isinstance(error, dict) else envelope
    code = fields.get("code") or fields.get("type") or ""
    words = fields.get("message") or fields.get("detail") or (error if error != fields else "")
    return _text(code, 100), _text(words, 300)


def _text(value: object, most_chars: int) -> str:
    """Return a stranger's text on one line; empty where it is no text."""
    return (
        storable(" ".join(str(value)[:most_chars].split())) if isinstance(value, str | int) else ""
    )


def _details(envelope: JsonObject) -> Any:
    error = envelope.get("error")
    for fields in (error, envelope):
        if isinstance(fields, dict):
            for name in ("details", "issues", "errors", "fields", "detail"):
                if isinstance(fields.get(name), list | dict):
                    return fields[name]
    return None


def _clock(response: httpx.Response) -> tuple[datetime | None, float | None]:
    try:
        dated_at = email.utils.parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError):
        return None, None
    if dated_at.tzinfo is None:
        dated_at = dated_at.replace(tzinfo=UTC)
    return dated_at, (dated_at - datetime.now(UTC)).total_seconds()
