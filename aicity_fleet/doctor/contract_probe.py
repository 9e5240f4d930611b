"""Finds out which routes of the contract a server has, without any side effect.

Each route is compared with nonsense beside it: a route exists if the server answers it otherwise than a
path that cannot exist. A POST goes only to an id that is no task's, with a body that is no report.
"""

import dataclasses
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, product

from aicity_fleet.aicity.contract import Contract
from aicity_fleet.aicity.probe import Answer, Probe
from aicity_fleet.doctor import candidates
from aicity_fleet.doctor.body_keys import BodyName, BodyReport, judge_body, required_keys
from aicity_fleet.doctor.comparison import (
    Method,
    RouteName,
    State,
    can_be_compared,
    is_list,
    method_of,
    nonsense_beside,
    plain_state,
    words_of,
)
from aicity_fleet.models import JsonObject

MOST_REQUESTS = 250
"""The most requests of one probe of a contract."""

AT_ONCE = 6
"""How many candidates are asked at once."""

Place = tuple[str, str]
"""A base path, and a path relative to it."""


@dataclasses.dataclass(frozen=True, slots=True)
class RouteReport:
    """What is known of one route."""

    name: RouteName
    state: State
    path: str
    """Relative to the base path; that of the contract, or the candidate that was confirmed in its place."""
    evidence: tuple[str, ...]
    """Each request that decided it, with its status and code."""
    configured: str = ""
    """The contract's own path."""

    @property
    def is_moved(self) -> bool:
        """Whether another path than the contract's is confirmed."""
        return self.state == "confirmed" and self.path != self.configured


@dataclasses.dataclass(frozen=True, slots=True)
class ContractReport:
    """What is known of a contract."""

    contract: Contract
    """The one that was probed."""
    base_path: str
    """What comes before each path, after what AGENT_CITY_BASE_URL names."""
    has_base_path: bool
    """Whether the contract's base path counts: AGENT_CITY_BASE_URL names only a host."""
    routes: dict[RouteName, RouteReport]
    bodies: dict[BodyName, BodyReport]
    refuses_paging: bool
    """Whether the list is answered only without the contract's parameters of paging."""
    list_answer: Answer | None
    """The answer of the confirmed list."""
    stopped_why: str
    """Why not everything was tried; empty where it was."""
    statuses: frozenset[int]
    """Every HTTP status that came back."""


class ContractProbe:
    """One examination of one server.

    Args:
        base_path: What the contract puts before each path of this server.
        may_move: Whether another base path may be tried, because the settings name only the host.
        ends_at: By ``time.monotonic``, when to stop trying.
    """

    def __init__(
        self, probe: Probe, contract: Contract, base_path: str, *, may_move: bool, ends_at: float
    ) -> None:
        self._probe, self._contract = probe, contract
        self._may_move = self._has_base_path = may_move
        self._ends_at = ends_at
        self.base_path = base_path
        self._word = f"no-such-path-{secrets.token_hex(4)}"
        self._task_id = f"no-such-task-{secrets.token_hex(8)}"
        self._answers: dict[tuple[str, ...], Answer] = {}
        self._stopped_why = ""

    def examine(self) -> ContractReport:
        """Probe every route, and the candidates of those that are refuted."""
        paths = self._contract.paths
        listed = self._find("assigned", paths.assigned, self._places(candidates.list_paths()))
        routes: dict[RouteName, RouteReport] = {"assigned": listed}
        if listed.state == "confirmed":
            self._may_move = False
        profile = self._find("profile", paths.profile, self._places(candidates.PROFILES))
        known = listed.path if listed.state == "confirmed" else ""
        collections = list(candidates.collections(known))
        kinds: tuple[tuple[RouteName, str, Callable[[str], Iterator[str]]], ...] = (
            ("complete", paths.complete, candidates.complete_paths),
            ("fail", paths.fail, candidates.fail_paths),
            ("task", paths.task, candidates.task_paths),
        )
        for name, path, paths_of in kinds:
            tried = [found for collection in collections for found in paths_of(collection)]
            routes[name] = self._find(name, path, ((self.base_path, found) for found in tried))
            if routes[name].state == "confirmed":  # the others are probably beside it
                collection = routes[name].path.partition("/{task_id}")[0]
                collections = list(dict.fromkeys([collection, *collections]))
        routes["profile"] = profile
        bodies: dict[BodyName, BodyReport] = {
            "complete_body": self._body("complete_body", routes["complete"]),
            "fail_body": self._body("fail_body", routes["fail"]),
        }
        return ContractReport(
            self._contract,
            self.base_path,
            self._has_base_path,
            routes,
            bodies,
            *self._listing(listed),
            self._stopped_why,
            frozenset(answer.status for answer in self._answers.values()),
        )

    def _listing(self, listed: RouteReport) -> tuple[bool, Answer | None]:
        """Return whether the list refuses the parameters of paging, and its answer."""
        if listed.state != "confirmed":
            return False, None
        path = self.base_path + listed.path
        answer = self._ask("GET", path, params=self._paging())
        return (False, answer) if is_list(answer) else (True, self._ask("GET", path))

    def _places(self, paths: Iterable[str]) -> Iterator[Place]:
        """Yield paths below the base path, and below others as long as no route has confirmed one."""
        prefixes = [self.base_path, *(candidates.PREFIXES if self._may_move else ())]
        yield from product(dict.fromkeys(prefixes), paths)

    def _find(self, name: RouteName, configured: str, others: Iterable[Place]) -> RouteReport:
        """Judge the contract's own path; where it is refuted, return the first other that is confirmed."""
        first = RouteReport(name, "refuted", "", ("the contract names no path",))
        if configured:
            first = self._judge(name, (self.base_path, configured))
        first = dataclasses.replace(first, configured=configured)
        own, doubtful = (self.base_path, configured), ""
        untried = (place for place in others if place != own)
        while first.state == "refuted" and not self._stopped_why:
            batch = list(islice(untried, AT_ONCE))
            if not batch:
                break
            with ThreadPoolExecutor(AT_ONCE) as pool:
                judged = list(pool.map(lambda place: self._judge(name, place), batch))
            for place, other in zip(batch, judged, strict=True):
                if other.state == "confirmed":
                    self.base_path = place[0]
                    evidence = (*first.evidence[:1], *other.evidence)
                    return dataclasses.replace(other, evidence=evidence, configured=configured)
                if other.state == "unknown" and not doubtful:
                    doubtful = f"perhaps {other.path}: {other.evidence[-1]}"
        return dataclasses.replace(
            first, evidence=(*first.evidence, *([doubtful] if doubtful else []))
        )

    def _judge(self, name: RouteName, place: Place) -> RouteReport:
        prefix, path = place
        method: Method = "POST" if name in {"complete", "fail"} else "GET"
        paging = self._paging() if name == "assigned" else {}
        answer = self._ask(method, prefix + path, params=paging)
        evidence = [self._evidence(answer)]
        judged_state = plain_state(name, answer)
        if judged_state is None:
            beside = self._ask(method, prefix + nonsense_beside(path, self._word), params=paging)
            evidence.append(f"beside it, {self._evidence(beside)}")
            judged_state = self._compared(name, answer, beside, place)
        state, why = judged_state
        return RouteReport(name, state, path, tuple(evidence + ([why] if why else [])))

    def _compared(
        self, name: RouteName, answer: Answer, beside: Answer, place: Place
    ) -> tuple[State, str]:
        """Return what an answer says beside that of nonsense."""
        prefix, path = place
        if not can_be_compared(beside):
            return "unknown", "there is nothing to compare it with"
        if name == "assigned":
            return self._list_state(answer, beside, prefix + path)
        return self._state(answer, beside, prefix)

    def _state(self, answer: Answer, beside: Answer, prefix: str) -> tuple[State, str]:
        if not self._is_like(answer, beside, prefix):
            return "confirmed", ""
        far = self._ask(method_of(answer), f"{prefix}/{self._word}")
        if answer.is_success or not self._is_like(beside, far, prefix):
            return "unknown", "the server answers it and nonsense alike"
        return "refuted", "it is answered as a path that does not exist"

    def _list_state(self, answer: Answer, beside: Answer, path: str) -> tuple[State, str]:
        if not answer.is_success:  # a refusal, perhaps of the parameters of paging
            if is_list(self._ask("GET", path)):
                return "confirmed", "the server refuses the parameters of paging"
            if words_of(answer) == words_of(beside) and answer.status == beside.status:
                return "refuted", "nonsense beside it is answered alike"
            return "unknown", "the server refuses the query"
        if beside.is_success and ("?" not in path or beside.payload == answer.payload):
            return "unknown", "nonsense is answered alike, so it may list more than your own tasks"
        return "confirmed", ""

    def _is_like(self, one: Answer, other: Answer, prefix: str) -> bool:
        """Whether two answers say the same. Words count only if two nonsense paths get the same words."""
        if one.status != other.status:
            return False
        if words_of(one) == words_of(other):
            return True
        far, farther = (
            self._ask(method_of(one), f"{prefix}/{self._word}{end}") for end in ("", "-b")
        )
        is_compared = can_be_compared(far) and can_be_compared(farther)
        return not is_compared or words_of(far) != words_of(farther)

    def _paging(self) -> dict[str, str | int]:
        contract = self._contract
        pages = {contract.page_parameter: 1, contract.page_size_parameter: contract.page_size}
        return {name: value for name, value in pages.items() if name}

    def _body(self, name: BodyName, route: RouteReport) -> BodyReport:
        """Learn the keys of a body from the refusal of an empty one, and of one with empty objects."""
        if route.state != "confirmed":
            return BodyReport()
        path = self.base_path + route.path
        keys = required_keys(self._ask("POST", path).details)
        objects = {key.path[0] for key in keys if len(key.path) == 1 and key.kind == "object"}
        if objects and {key.path[0] for key in keys} - objects:
            # Invalid as well: what else the server requires is not sent.
            empty: JsonObject = {key: {} for key in sorted(objects)}
            again = required_keys(self._ask("POST", path, body=empty).details)
            keys += tuple(key for key in again if len(key.path) > 1 and key.path[0] in objects)
        return judge_body(name, getattr(self._contract, name), keys) if keys else BodyReport()

    def _ask(
        self,
        method: Method,
        template: str,
        *,
        params: dict[str, str | int] | None = None,
        body: JsonObject | None = None,
    ) -> Answer:
        """Ask once, and answer the same question from memory.

        Args:
            template: A path, perhaps with ``{task_id}``, which becomes an id that is no task's.
            body: Of a POST; an empty object by default.
        """
        path = template.replace("{task_id}", self._task_id)
        sent = (body or {}) if method == "POST" else None
        question = (method, path, str(sent), str(params or {}))
        if question in self._answers:
            return self._answers[question]
        if not self._stopped_why:
            if time.monotonic() > self._ends_at:
                self._stopped_why = "the time was up"
            elif len(self._answers) >= MOST_REQUESTS:
                self._stopped_why = f"{MOST_REQUESTS} requests were sent"
        if self._stopped_why:
            return Answer(method, path, trouble=f"not asked, because {self._stopped_why}")
        answer = self._probe.ask(method, path, params=params, body=sent)
        self._answers[question] = answer
        if not answer.status:
            self._stopped_why = f"the server stopped answering ({answer.trouble})"
        elif answer.status == 429:
            self._stopped_why = "the server said that there were too many requests (429)"
        return answer

    def _evidence(self, answer: Answer) -> str:
        return answer.evidence.replace(self._task_id, "{task_id}")
