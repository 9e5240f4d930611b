"""A receiver of traces: a real HTTP server that decodes what OTLP sends, and keeps the spans."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.http_server import serving


@dataclasses.dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """One span as it came."""

    name: str
    trace: str
    """The trace's id in hex, as the ids below."""
    id: str
    parent: str
    """Empty for a root."""
    began_ns: int
    ended_ns: int
    kind: int
    """OTLP's number: 1 for internal, 3 for client."""
    is_error: bool
    attributes: dict[str, Any]
    process: str
    """The process that sent it."""


class Receiver:
    """What one receiver got."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        self.spans: list[ReceivedSpan] = []
        self.bodies: list[bytes] = []
        """Each request as it came, for a search in all that was sent."""
        self.headers: list[dict[str, str]] = []
        self.schemas: set[str] = set()
        self.delay_seconds = 0.0
        """How long it takes for an answer."""
        self.status = 200

    def trace_of(self, job_id: str) -> list[ReceivedSpan]:
        """The spans of the trace that a job's spans are in; there is but one."""
        traces = {s.trace for s in self.spans if s.attributes.get("aicity_fleet.job_id") == job_id}
        assert len(traces) <= 1, "a job has one trace"
        return [span for span in self.spans if span.trace in traces]

    def take(self, body: bytes) -> None:
        """Decode one request."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            process = _plain(resource.resource.attributes)["service.instance.id"]
            for scope in resource.scope_spans:
                self.schemas.add(scope.schema_url)
                self.spans += [
                    ReceivedSpan(
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        span.start_time_unix_nano,
                        span.end_time_unix_nano,
                        span.kind,
                        span.status.code == 2,
                        _plain(span.attributes),
                        process,
                    )
                    for span in scope.spans
                ]


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)


@contextlib.contextmanager
def receiving_traces() -> Iterator[Receiver]:
    """Run a receiver on the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            assert self.headers["Content-Type"] == "application/x-protobuf"
            time.sleep(receiver.delay_seconds)
            if receiver.status == 200:
                receiver.headers.append({k.lower(): v for k, v in self.headers.items()})
                receiver.bodies.append(body)
                receiver.take(body)
            with contextlib.suppress(BrokenPipeError):  # a fleet that stopped waits no longer
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(server)
    with serving(server):
        yield receiver
