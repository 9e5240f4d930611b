"""Every error that the fleet raises, under one root.

    FleetError
    ├── SettingsError                a setting is missing or wrong   (exit code 2)
    ├── ContractError                the contract file is wrong      (exit code 2)
    ├── TaskRefusedError             an assigned task is malformed
    ├── AICityError                  AI City gave no usable answer
    │   ├── AICityUnavailableError   network, 5xx, unreadable
    │   ├── AICityRateLimitedError   429
    │   ├── AICityUnauthorizedError  401: the key
    │   ├── AICityGoneError          410: the endpoint was retired
    │   └── AICityRefusedError       any other 4xx: the request as it stands
    ├── LedgerError                  Redis gave no usable answer
    │   ├── LedgerUnavailableError   down, loading, read-only, full
    │   │   └── LedgerNotFoundError  nothing listens at the address of Redis
    │   ├── LeaseLostError           another process owns the job now
    │   ├── JournalFullError         a job's journal has reached its limit
    │   └── WrongStateError          the job is in the wrong state for this move
    ├── QueueUnavailableError        the broker did not take a message
    ├── AlertError                   the webhook did not take a message
    ├── TeamError                    a team or a model is declared or built wrongly
    ├── ToolError                    a tool cannot do what the specialist asked
    ├── ReplayError                  a journal cannot be replayed
    │   └── JournalEndedError        the journal fits, but ends before the run does
    ├── ArchiveError                 the archive of settled jobs cannot be used
    └── SimulatorError               the simulator cannot do what was asked

Expected endings of a job are values (``models``), not exceptions. Arguments are positional only,
so that every error survives pickling. No message holds a key, a prompt or a deliverable.
"""

from typing import ClassVar


class FleetError(Exception):
    """Something in the fleet went wrong; the message says what, why and what to do."""

    exit_code: ClassVar[int] = 1
    """The exit code of a command that ends with this error."""


class SettingsError(FleetError):
    """Settings are missing or wrong; the message lists each variable and its remedy."""

    exit_code = 2


class ContractError(FleetError):
    """The description of AI City's API (a TOML contract) has an unknown or wrong field."""

    exit_code = 2


class TaskRefusedError(FleetError):
    """An assigned task is malformed and cannot become a job; the message is the reason."""


class AICityError(FleetError):
    """AI City gave no usable answer.

    Args:
        message: What was attempted and what came back.
        status: The HTTP status, or 0 if there was no answer.
        code: AI City's machine-readable ``error.code``, or an empty string.
        retry_after_seconds: How long AI City asked us to wait; None if it did not say.
    """

    def __init__(
        self,
        message: str,
        status: int = 0,
        code: str = "",
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, status, code, retry_after_seconds)
        self.status = status
        self.code = code
        self.retry_after_seconds = retry_after_seconds

    @property
    def may_pass(self) -> bool:
        """Whether it can end by itself: no answer, 5xx, 408 or 429. An answer that is no JSON, or a wrong
        route, stays as it is until a person corrects the contract or the base URL.
        """
        return self.status in {0, 408, 429} or self.status >= 500

    def __str__(self) -> str:
        return str(self.args[0])


class AICityUnavailableError(AICityError):
    """AI City could not be reached, answered 5xx, or sent an unreadable answer."""


class AICityRateLimitedError(AICityError):
    """AI City answered 429; wait ``retry_after_seconds``."""


class AICityUnauthorizedError(AICityError):
    """AI City answered 401: the agent key (or owner token) is missing, wrong or revoked."""

    exit_code = 2


class AICityGoneError(AICityError):
    """AI City answered 410: this endpoint was retired. The contract must be corrected."""

    exit_code = 2


class AICityRefusedError(AICityError):
    """AI City refused this request as it stands (400, 403, 404, 409, 413, 422 and other 4xx)."""


class LedgerError(FleetError):
    """The ledger in Redis gave no usable answer."""


class LedgerUnavailableError(LedgerError):
    """Redis is down, loading, read-only, full or unreachable; try again later."""

    exit_code = 2


class LedgerNotFoundError(LedgerUnavailableError):
    """Nothing listens at the address of Redis, or the address does not exist."""


class LeaseLostError(LedgerError):
    """Another process holds the lease now. Everything that this process did since is void."""


class JournalFullError(LedgerError):
    """A job's journal would exceed ``FLEET_MAX_JOURNAL_BYTES``, so the job fails."""


class WrongStateError(LedgerError):
    """The job is not in a state from which this move is allowed."""


class QueueUnavailableError(FleetError):
    """The broker did not take a message. The sweep will send it again, so no job is lost."""

    exit_code = 2


class AlertError(FleetError):
    """The webhook did not take a message for people; the next look of a dispatcher tries again."""


class TeamError(FleetError):
    """A team is declared or built wrongly."""

    exit_code = 2


class ToolError(FleetError):
    """A tool cannot do what was asked. The specialist gets the message as the tool's result."""


class ReplayError(FleetError):
    """A journal cannot be replayed: another version or team made it, or it does not fit the task."""


class JournalEndedError(ReplayError):
    """The run needs a call that comes after the end of the journal."""


class ArchiveError(FleetError):
    """The archive of settled jobs cannot be read or written."""


class SimulatorError(FleetError):
    """The simulator cannot do what was asked."""
