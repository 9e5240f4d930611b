"""The HTTP client for AI City: one method per thing the fleet asks, one error class per answer.

It speaks whatever the contract describes and never retries: when to ask again is decided by the
next poll, or by the schedule in the outbox. No key and no body appears in any message.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx
import structlog

from aicity_fleet import tracing
from aicity_fleet.aicity.answers import open_envelope, read_bounded
from aicity_fleet.aicity.contract import Contract, load_contract
from aicity_fleet.errors import AICityRefusedError, AICityUnavailableError, ContractError
from aicity_fleet.models import Completed, JsonObject, Outcome
from aicity_fleet.settings import Settings
from aicity_fleet.tracing.conventions import METHOD, SERVER, STATUS

REQUEST_TIMEOUT_SECONDS = 30.0
"""How long AI City may take to answer. Source: the SDK's own timeout, docs.aicity.dev/docs/sdk."""

MAX_PAGES = 1000
"""The most pages of one listing that are walked, should the paging never end."""

_NOTICE_HEADERS = ("deprecation", "sunset", "x-ratelimit-limit")

log = structlog.get_logger(__name__)


class Page(list[object]):
    """The entries of one page of a list, as decoded JSON values that are not checked yet."""

    def __init__(self, entries: Iterable[object], in_all: int | None = None) -> None:
        super().__init__(entries)
        self.in_all = in_all
        """How many entries the whole list held when this page was read; None where it does not say."""


class AICityClient:
    """Talks to AI City, or to a bridge, as one agent. Safe to share between threads.

    Args:
        base_url: Where the API is; a bare host gets the contract's base path.
        key: The agent's key, or the owner's token when ``owner`` is true.
        owner: Whether ``key`` is an owner token, sent as a bearer.
        transport: Replaces the network in tests.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        contract: Contract,
        *,
        owner: bool = False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.contract = contract
        self.base_url = base_url if urlsplit(base_url).path else base_url + contract.base_path
        headers = {"Accept": "application/json", "User-Agent": "aicity-fleet"}
        if owner:
            headers["Authorization"] = f"Bearer {key}"
        elif contract.key_header:
            headers[contract.key_header] = key
        self._http = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(REQUEST_TIMEOUT_SECONDS, connect=10.0),
            transport=transport,
        )
        self._noticed: set[tuple[str, str]] = set()
        self.key_fingerprint = hashlib.sha256(key.encode()).hexdigest()[:12]
        """Tells one key from another without giving either away."""

    @classmethod
    def from_settings(cls, settings: Settings, *, owner: bool = False) -> Self:
        """Build the client that these settings describe.

        Raises:
            SettingsError: The key is missing.
            ContractError: The contract file is wrong.
        """
        contract = load_contract(settings.contract, settings.contract_file)
        if owner:
            settings.require("AGENT_CITY_OWNER_TOKEN")
            key = settings.owner_token.get_secret_value() if settings.owner_token else ""
        elif contract.key_header:
            settings.require("AGENT_CITY_API_KEY")
            key = settings.agent_key.get_secret_value() if settings.agent_key else ""
        else:
            key = ""
        if contract.name == "bridge":
            return cls(settings.bridge_url, key, contract)
        return cls(settings.base_url, key, contract, owner=owner)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def assigned_pages(self) -> Iterator[Page]:
        """Walk the list of assigned tasks once, one page at a time.

        A task may be on no page of a walk or on two, because the list changes meanwhile. Where the listing
        does not say how many pages there are, a page that lists nothing new is the last, and so is one
        before a page that is refused: such a server may ignore the number, or know no page beyond.

        Raises:
            AICityError: A page could not be had; pages already yielded stand.
        """
        total: int | None = None
        listed: set[str] = set()
        for number in range(1, MAX_PAGES + 1):
            query: dict[str, str | int] = {}
            if self.contract.page_parameter:
                query[self.contract.page_parameter] = number
            if self.contract.page_size_parameter:
                query[self.contract.page_size_parameter] = self.contract.page_size
            try:
                data, envelope = self._request("GET", self.contract.paths.assigned, params=query)
            except AICityRefusedError:
                if number > 1 and total is None:
                    return
                raise
            if not isinstance(data, list):
                raise self._unexpected("the list of assigned tasks", "it is not a list")
            names = {_name_of(entry) for entry in data}
            total = _count(envelope, "totalPages")
            if number > 1 and total is None and names <= listed:
                return
            yield Page(data, _count(envelope, "total"))
            is_last = total is not None and number >= total
            if is_last or not data or not self.contract.page_parameter:
                return
            listed |= names

    def task(self, task_id: str) -> JsonObject | None:
        """Read one task back; None where the contract has no such endpoint.

        Raises:
            AICityError: No usable answer.
        """
        if not self.contract.paths.task:
            return None
        data, _ = self._request("GET", self._task_path(self.contract.paths.task, task_id))
        return self._object(data, "the task")

    def report(self, task_id: str, outcome: Outcome, idempotency_key: str) -> JsonObject:
        """Tell AI City how a job ended.

        Returns:
            AI City's answer; its shape is not documented.

        Raises:
            AICityError: Anything but a 2xx answer that could be read.
        """
        paths = self.contract.paths
        path = paths.complete if isinstance(outcome, Completed) else paths.fail
        headers = {}
        if self.contract.idempotency_header:
            headers[self.contract.idempotency_header] = idempotency_key
        body = self.contract.body(outcome)
        data, _ = self._request("POST", self._task_path(path, task_id), json=body, headers=headers)
        return data if isinstance(data, dict) else {}

    def profile(self) -> JsonObject:
        """Read the agent's own profile.

        Raises:
            AICityError: No usable answer.
            ContractError: The contract has no such endpoint.
        """
        path = self._needs(self.contract.paths.profile, "read the profile")
        data, _ = self._request("GET", path)
        return self._object(data, "the profile")

    def set_availability(self, availability: str) -> None:
        """Say whether the agent takes work: ``available``, ``busy`` or ``offline``.

        Source: docs.aicity.dev/docs/concepts/glossary; verb and path are inferred.

        Raises:
            AICityError: No usable answer.
            ContractError: The contract has no such endpoint.
        """
        path = self._needs(self.contract.paths.update_profile, "set the availability")
        self._request("PATCH", path, json={"availability": availability})

    def register(self, profile: JsonObject) -> JsonObject:
        """Register an agent with an owner token.

        Returns:
            The agent's profile with ``apiKey`` within, whichever of the two documented shapes
            (``{agent, apiKey}`` or flat) the answer had.

        Raises:
            AICityError: No usable answer.
            ContractError: The contract has no such endpoint.
        """
        path = self._needs(self.contract.paths.register_agent, "register an agent")
        data, _ = self._request("POST", path, json=profile)
        answer = self._object(data, "the new agent")
        agent = answer.get("agent")
        if isinstance(agent, dict):
            answer = {**agent, "apiKey": answer.get("apiKey", agent.get("apiKey"))}
        if not isinstance(answer.get("apiKey"), str) or not answer["apiKey"]:
            raise self._unexpected("the new agent", "it has no apiKey")
        return answer

    # --- below: one request ---------------------------------------------------------------------

    def _task_path(self, template: str, task_id: str) -> str:
        return template.replace("{task_id}", quote(task_id, safe=""))

    def _needs(self, path: str, deed: str) -> str:
        if not path:
            raise ContractError(f"The contract '{self.contract.name}' has no path to {deed}.")
        return path

    def _object(self, data: object, what: str) -> JsonObject:
        if not isinstance(data, dict):
            raise self._unexpected(what, "it is not an object")
        return data

    def _unexpected(self, what: str, why: str) -> AICityUnavailableError:
        return AICityUnavailableError(
            f"AI City's answer for {what} is not what the contract '{self.contract.name}' says: "
            f"{why}. If this lasts, AI City has changed: 'aicity-fleet doctor' shows where.",
            HTTPStatus.OK,
        )

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: JsonObject | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Any, JsonObject]:
        """Send one request; give the payload and its envelope, or raise the fitting error."""
        where = f"{method} {path}"
        try:
            # Merged, because httpx drops the query of the path where it is given params, even empty ones.
            url = httpx.URL(self.base_url + path).copy_merge_params(params or {})
            with (
                tracing.span(method, {METHOD: method, SERVER: url.host}, kind="client") as noted,
                self._http.stream(method, url, json=json, headers=headers) as response,
            ):
                noted.note({STATUS: response.status_code})
                if response.is_error:
                    noted.fail(str(response.status_code))
                body = read_bounded(response, where)
        except httpx.HTTPError as error:
            raise AICityUnavailableError(
                f"{where}: AI City did not answer ({type(error).__name__}). Is the base URL right?"
            ) from error
        except httpx.InvalidURL as error:
            raise AICityUnavailableError(f"{where}: the URL is not valid.") from error
        self._notice(response)
        return open_envelope(where, response, body)

    def _notice(self, response: httpx.Response) -> None:
        for header in _NOTICE_HEADERS:
            value = response.headers.get(header)
            if value is not None and (header, value) not in self._noticed:
                self._noticed.add((header, value))
                log.warning("aicity.notice", header=header, value=value[:100])


def _name_of(entry: object) -> str:
    """Return what tells a listed entry from others; empty where it has no usable id."""
    name = entry.get("id") if isinstance(entry, dict) else entry
    return str(name) if isinstance(name, str | int) else ""


def _count(envelope: JsonObject, name: str) -> int | None:
    """Return a count of the listing's pagination; None where it does not say.

    Source: docs.aicity.dev/docs/api (``pagination.total`` and ``pagination.totalPages``).
    """
    pagination = envelope.get("pagination")
    count = pagination.get(name) if isinstance(pagination, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) else None
