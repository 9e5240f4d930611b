"""Asks AI City whether it is there, takes the key and lets the agent work. It changes nothing there."""

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.aicity.probe import Answer, Probe
from aicity_fleet.doctor.contract_checks import contract_findings, listed_findings
from aicity_fleet.doctor.contract_probe import ContractProbe, ContractReport
from aicity_fleet.doctor.findings import Finding, note, ok, problem, warning
from aicity_fleet.doctor.redis_checks import clock_findings
from aicity_fleet.errors import ContractError
from aicity_fleet.models import JsonObject
from aicity_fleet.settings import PRODUCTION_URL, Settings

CONTRACT_SECONDS = 5.5
"""How long paths are tried, in seconds. With the last request under way, all stays below ten seconds."""

SUSPENDING_FAILURES = 3
"""Failures in a row that suspend an agent. Source: docs.aicity.dev/docs/concepts/glossary."""


class AICityCheck:
    """Looks at the AI City, or the bridge, that the settings name.

    Args:
        settings: Their contract file may be wrong; then ``findings`` says nothing of it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.report: ContractReport | None = None
        """What is known of the contract; None until ``findings`` has probed it."""

    def findings(self) -> list[Finding]:
        """Send all requests, and return what is wrong and what is right."""
        ends_at = time.monotonic() + CONTRACT_SECONDS
        try:
            contract = load_contract(self._settings.contract, self._settings.contract_file)
        except ContractError:  # the check of the files says so
            return []
        is_bridge = contract.name == "bridge"
        url = self._settings.bridge_url if is_bridge else self._settings.base_url
        is_bare = not urlsplit(url).path
        secret = self._settings.agent_key
        key = secret.get_secret_value() if secret is not None and contract.key_header else ""
        probe = Probe(url, key, contract)
        try:
            base_path = contract.base_path if is_bare else ""
            first = probe.ask(
                "GET", base_path + (contract.paths.profile or contract.paths.assigned)
            )
            found = [
                *_reachable(first, url),
                *clock_findings("AI City clock", "AI City", first.offset_seconds),
                *_notices(first),
            ]
            if not first.status:
                return found
            examination = ContractProbe(
                probe, contract, base_path, may_move=is_bare and not is_bridge, ends_at=ends_at
            )
            self.report = examination.examine()
            moved = self.report.routes["profile"]
            if moved.is_moved:
                first = probe.ask("GET", self.report.base_path + moved.path)
        finally:
            probe.close()
        return [
            *found,
            *_key(first, self.report, has_key=bool(key)),
            *_standing(first),
            *contract_findings(self.report),
            *listed_findings(self.report, self._settings.max_input_chars),
        ]


def _reachable(answer: Answer, url: str) -> Iterator[Finding]:
    if answer.status and answer.status < 500:
        yield ok("AI City", f"{url} answers.")
        return
    said = answer.trouble or f"it answers {answer.status}"
    which = (
        ""
        if url == PRODUCTION_URL
        else ", or correct AGENT_CITY_BASE_URL (for the bridge: BRIDGE_URL)"
    )
    yield problem(
        "AI City",
        f"{url} does not serve us: {said}.",
        "No task is seen and no outcome is reported. Finished work waits in the outbox.",
        f"Check this machine's network and whether AI City is up{which}.",
    )


def _notices(answer: Answer) -> Iterator[Finding]:
    if answer.headers.get("deprecation") or answer.headers.get("sunset"):
        until = answer.headers.get("sunset", "an unknown date")
        yield warning(
            "AI City version",
            f"AI City says that this version of its API ends at {until}.",
            "After that date every request is refused.",
            "Look for a newer version of the fleet. For new paths: aicity-fleet doctor --write FILE.",
        )


def _key(answer: Answer, report: ContractReport, *, has_key: bool) -> Iterator[Finding]:
    """Judge the key by the profile, and by the list where the contract has no right path of the profile."""
    if not report.contract.key_header or not has_key:  # the check of the settings says so
        return
    statuses = report.statuses | {answer.status}
    if answer.is_success or report.routes["assigned"].state == "confirmed":
        yield ok("AI City key", "AI City accepts the agent's key.")
    elif 401 in statuses:
        yield problem(
            "AI City key",
            f"AI City refuses the agent's key ({answer.evidence}).",
            "The fleet stops intake and reports when that happens.",
            "Check that AGENT_CITY_API_KEY is the whole key of this agent and not the owner's token. Its "
            "owner can rotate it in the dashboard.",
        )
    elif 403 in statuses:
        yield problem(
            "AI City key",
            f"AI City knows the key and lets it do nothing ({answer.evidence}).",
            "The agent is probably suspended.",
            "Look at the agent in AI City's dashboard.",
        )
    else:
        yield note(
            "AI City key", f"Whether AI City accepts the key is unknown ({answer.evidence})."
        )


def _standing(answer: Answer) -> Iterator[Finding]:
    """Read the agent's profile as far as it shows whether the agent may work."""
    profile: JsonObject = answer.payload if isinstance(answer.payload, dict) else {}
    if not profile:
        return
    status = str(profile.get("status", "")).lower()
    if status in {"suspended", "deactivated", "restricted", "banned"} or any(
        profile.get(name) is True for name in ("suspended", "isSuspended")
    ):
        yield problem(
            "AI City agent",
            f"AI City has the agent as {status or 'suspended'}.",
            "It gets no tasks.",
            "Find out why its tasks failed ('aicity-fleet jobs'), then let its owner reactivate it in AI "
            "City's dashboard.",
        )
        return
    failures = profile.get("consecutiveFailures")
    if isinstance(failures, int) and failures >= SUSPENDING_FAILURES - 1:
        yield warning(
            "AI City agent",
            f"The agent has {failures} failures in a row.",
            f"AI City suspends an agent after {SUSPENDING_FAILURES}. The guard holds the next one back.",
            "Look at the failed jobs: 'aicity-fleet jobs'.",
        )
    elif profile.get("availability") == "offline":
        yield note(
            "AI City agent",
            "The agent is offline at AI City.",
            "AI City may give it no tasks.",
            "Set it to available in AI City's dashboard: the fleet ends only what it sets, busy.",
        )
    else:
        facts = [
            f"{label} {profile[name]}"
            for name, label in (
                ("status", "status"),
                ("trustTier", "tier"),
                ("overallScore", "score"),
            )
            if isinstance(profile.get(name), str | int)
        ]
        yield ok("AI City agent", f"The agent may work ({', '.join(facts) or 'no details'}).")
