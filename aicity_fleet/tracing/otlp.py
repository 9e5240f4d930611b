"""Sends spans to a collector with OpenTelemetry's SDK, from a thread of its own.

The only module that imports the SDK. It sets no global tracer, because AutoGen would use that one, and its
spans are not ours. A span is handed to the SDK when it has ended, so no job waits for a collector.
"""

import logging
import os
import socket
import threading
from collections.abc import Sequence

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.util.re import parse_env_headers

from aicity_fleet import __version__
from aicity_fleet.settings import Settings
from aicity_fleet.tracing.conventions import SCHEMA_URL
from aicity_fleet.tracing.ids import Place
from aicity_fleet.tracing.spans import FinishedSpan

STOP_SECONDS = 1.5
"""How long a stopping process waits until its last spans are sent, in seconds."""

_KINDS = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT}

log = structlog.get_logger(__name__)


class OtlpWriter:
    """Hands spans to the SDK, which batches and sends them.

    The standard variables configure it: ``OTEL_BSP_*`` the batches, ``OTEL_TRACES_SAMPLER`` which jobs are
    traced, ``OTEL_RESOURCE_ATTRIBUTES`` and ``OTEL_SERVICE_NAME`` what the process is called.
    """

    def __init__(self, settings: Settings) -> None:
        headers = settings.otlp_headers.get_secret_value() if settings.otlp_headers else ""
        self._ids = _Ids()
        self._provider = TracerProvider(
            resource=_resource(), id_generator=self._ids, shutdown_on_exit=False
        )
        self._exporter = _Exporter(
            OTLPSpanExporter(
                f"{settings.otlp_endpoint}/v1/traces",
                headers=parse_env_headers(headers, liberal=True),
            )
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        # It logs each try, with a traceback. `_Exporter` says what matters.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
        self._tracer = self._provider.get_tracer("aicity_fleet", __version__, schema_url=SCHEMA_URL)

    def write(self, span: FinishedSpan) -> None:
        """Put a span into the next batch; when too many wait, it is lost."""
        self._ids.give(span.place)
        made = self._tracer.start_span(
            span.name,
            self._parent_of(span.place),
            _KINDS[span.kind],
            span.attributes,
            start_time=span.began_ns,
        )
        if span.error:
            made.set_attribute("error.type", span.error)
            made.set_status(Status(StatusCode.ERROR))
        made.end(span.ended_ns)

    def close(self) -> None:
        """Send what is left, for ``STOP_SECONDS`` at most."""
        thread = threading.Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        thread.start()
        thread.join(STOP_SECONDS)
        if thread.is_alive():  # the SDK would try for longer than a stop may take
            self._exporter.shutdown()

    def _parent_of(self, place: Place) -> Context:
        """Return the context of a span's parent, which may not exist yet.

        Whether a job is sampled follows from its trace's id, so that all processes decide alike.
        """
        if not place.parent:
            return Context()
        sampled = self._provider.sampler.should_sample(None, place.trace, "job").decision
        flags = TraceFlags.SAMPLED if sampled is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT
        parent = SpanContext(
            place.trace, place.parent, is_remote=True, trace_flags=TraceFlags(flags)
        )
        return set_span_in_context(NonRecordingSpan(parent), Context())


class _Ids(IdGenerator):
    """Gives the SDK the ids that a span has already. It asks on the thread that writes the span."""

    def __init__(self) -> None:
        self._given = threading.local()

    def give(self, place: Place) -> None:
        """Note whose ids are asked for next."""
        self._given.place = place

    def generate_span_id(self) -> int:
        """Return the span's id."""
        return int(self._given.place.span)

    def generate_trace_id(self) -> int:
        """Return its trace's."""
        return int(self._given.place.trace)


class _Exporter(SpanExporter):
    """Sends batches, and logs it when a collector takes none: once when that begins, once when it ends."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch. What the collector does not take is lost."""
        result = self._exporter.export(spans)
        is_failing = result is not SpanExportResult.SUCCESS
        if is_failing and not self._is_failing:
            log.warning("traces.not_sent", then="jobs go on; spans are lost until it takes them")
        elif self._is_failing and not is_failing:
            log.warning("traces.sent_again")
        self._is_failing = is_failing
        return result

    def shutdown(self) -> None:
        """End a try under way."""
        self._exporter.shutdown()


def _resource() -> Resource:
    """Return what this process is called, unless the environment says otherwise."""
    owner = f"{socket.gethostname()}:{os.getpid()}"
    ours = {
        "service.name": "aicity-fleet",
        "service.version": __version__,
        "service.instance.id": owner,
    }
    return Resource.create(ours).merge(OTELResourceDetector().detect())
