"""Every error that the fleet raises, under one root.

    FleetError
    ├── SettingsError                a setting is missing or wrong   (exit code 2)
    ├── ContractError                the contract file is wrong      (exit code 2)
    ├── TaskRefusedError             an assigned task that cannot become a job
    ├── AICityError                  AI City gave no usable answer
    │   ├── AICityUnavailableError   network, 5xx, unreadable        retryable
    │   ├── AICityRateLimitedError   429                             retryable
    │   ├── AICityUnauthorizedError  401: the key
    │   ├── AICityGoneError          410: the API moved on
    │   └── AICityRefusedError       any other 4xx: the request as it stands
    ├── LedgerError                  Redis gave no usable answer
    │   ├── LedgerUnavailableError   down, loading, read-only, full  retryable
    │   ├── LeaseLostError           the job is another process's by now
    │   ├── JournalFullError         a job's journal may take no more
    │   └── WrongStateError          the job is not where the move needs it
    ├── QueueUnavailableError        the broker took no message          retryable
    ├── TeamError                    a fault in how a team or a model is declared or built
    ├── ToolError                    a tool cannot do what the specialist asked of it
    ├── ReplayError                  a journal does not lead a run to its end
    │   └── JournalEndedError        it fits, and ends before the run does
    └── SimulatorError               the simulator was asked for what it cannot do

Expected endings of a job are values (``models``), not exceptions. Arguments are positional only,
so that every error survives pickling. No message holds a key, a prompt or a deliverable.
"""

from typing import ClassVar


class FleetError(Exception):
    """Something in the fleet went wrong; the message says what, why and what to do."""

    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later without anybody changing anything."""

    exit_code: ClassVar[int] = 1
    """What a command line ends with when this error reaches its top."""


class SettingsError(FleetError):
    """One or more settings are missing or wrong; the message lists each variable and its remedy."""

    exit_code = 2


class ContractError(FleetError):
    """The description of AI City's API (a TOML contract) holds an unknown or wrong field."""

    exit_code = 2


class TaskRefusedError(FleetError):
    """An assigned task is malformed and cannot become a job; the message is the reason."""


class AICityError(FleetError):
    """AI City gave no usable answer.

    Args:
        message: What was attempted and what came back.
        status: The HTTP status, or 0 when there was no answer at all.
        code: AI City's machine-readable ``error.code``, or an empty string.
        retry_after_seconds: How long AI City asked us to wait; None when it did not say.
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

    def __str__(self) -> str:
        return str(self.args[0])


class AICityUnavailableError(AICityError):
    """AI City could not be reached, answered 5xx, or answered something unreadable."""

    retryable = True


class AICityRateLimitedError(AICityError):
    """AI City answered 429; wait ``retry_after_seconds``."""

    retryable = True


class AICityUnauthorizedError(AICityError):
    """AI City answered 401: the agent key (or owner token) is missing, wrong or revoked."""

    exit_code = 2


class AICityGoneError(AICityError):
    """AI City answered 410: this endpoint was retired; the contract needs changing."""

    exit_code = 2


class AICityRefusedError(AICityError):
    """AI City refused this request as it stands (400, 403, 404, 409, 413, 422 and other 4xx)."""


class LedgerError(FleetError):
    """The ledger in Redis gave no usable answer."""


class LedgerUnavailableError(LedgerError):
    """Redis is down, loading, read-only, full or unreachable; try again later."""

    retryable = True
    exit_code = 2


class LeaseLostError(LedgerError):
    """The lease went to another process: whatever this one has of the job is void."""


class JournalFullError(LedgerError):
    """A job's journal would grow beyond ``FLEET_MAX_JOURNAL_BYTES``: the job ends here, and fails."""


class WrongStateError(LedgerError):
    """The job is not in a state from which this move is allowed."""


class QueueUnavailableError(FleetError):
    """The broker took no message; the sweep sends it again, so no job depends on it."""

    retryable = True
    exit_code = 2


class TeamError(FleetError):
    """A team is declared or built wrongly."""

    exit_code = 2


class ToolError(FleetError):
    """A tool cannot do what was asked; the message is told to the specialist as the tool's result."""


class ReplayError(FleetError):
    """A journal cannot be replayed: another version or team made it, or it does not fit its task."""


class JournalEndedError(ReplayError):
    """A journal was followed to its end, and the run would go on with a call that is not in it."""


class SimulatorError(FleetError):
    """The simulator was asked for something that it cannot do."""
