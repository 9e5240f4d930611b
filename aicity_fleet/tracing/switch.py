"""Whether this process traces, and where its spans go."""

import dataclasses
import importlib.util
import os

from aicity_fleet.errors import SettingsError
from aicity_fleet.settings import Settings
from aicity_fleet.tracing.spans import Writer


@dataclasses.dataclass(frozen=True, slots=True)
class Tracer:
    """What this process traces with."""

    agent: str
    """The fleet's name, a part of every trace's id."""
    writer: Writer


_tracer: Tracer | None = None


def tracer() -> Tracer | None:
    """Return what this process traces with; None when it does not."""
    return _tracer


def is_on() -> bool:
    """Whether this process traces."""
    return _tracer is not None


def use(new: Tracer | None) -> None:
    """Trace with this from now on, or with None stop."""
    global _tracer  # noqa: PLW0603 -- a process traces or does not, from its start to its end
    _tracer = new


def start(settings: Settings) -> None:
    """Begin to trace, if the settings name a collector.

    Raises:
        SettingsError: They do, and OpenTelemetry is not installed.
    """
    is_disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if settings.otlp_endpoint is None or is_disabled or _tracer is not None:
        return
    if importlib.util.find_spec("opentelemetry.sdk") is None or not _has_exporter():
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but what sends traces is not installed. Install the "
            "extra: pip install 'aicity-fleet[otel]'; or unset the variable."
        )
    from aicity_fleet.tracing.otlp import OtlpWriter  # noqa: PLC0415 -- most need none

    use(Tracer(settings.agent, OtlpWriter(settings)))


def stop() -> None:
    """Send what is left, and trace no more. It takes ``otlp.STOP_SECONDS`` at most."""
    if _tracer is None:
        return
    writer = _tracer.writer
    use(None)
    writer.close()


def _has_exporter() -> bool:
    try:
        return importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:  # one of the packages above it
        return False
