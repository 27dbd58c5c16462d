"""Spans of requests, which are sent to an OpenTelemetry collector by OTLP over HTTP.

A request of SMB carries no trace context, so each span is a trace of its own. Its attributes name
the connection, by which it is found in the log, the audit records and the metrics. The names of
attributes are those of OpenTelemetry's semantic conventions where these have one; there is none for
SMB. No span has the name of a file.
"""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from math import inf
from time import monotonic, time_ns
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind

from smbquic.options.traces import TraceOptions
from smbquic.wire.header import Command

QUEUE = 2048
"""Spans that wait to be sent, at most; further ones are dropped."""
BATCH = 256
"""Spans that are sent together, at most."""
EXPORT_SECONDS = 3.0
"""How long sending a batch may take, attempts after failures included."""
CLOSING_SECONDS = 2.0
"""How long another batch is begun when the server ends."""
_PATH = "/v1/traces"
_WAITING = frozenset({Command.CHANGE_NOTIFY, Command.LOCK})
"""What takes long because others have not done something yet."""

_log = logging.getLogger(__name__)

Attributes = Mapping[str, str | int]


class _Sender(SpanExporter):
    """Sends batches by another exporter; `done` are the spans that no longer wait for it.

    After `deadline`, a time of `monotonic`, nothing more is begun.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.done = 0
        self.deadline = inf

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            if monotonic() >= self.deadline:
                return SpanExportResult.FAILURE
            return self._exporter.export(spans)
        finally:
            self.done += len(spans)

    def shutdown(self) -> None:
        self._exporter.shutdown()


class RequestSpans:
    """The spans of a server. `add` never waits: a thread of the library sends what is added.

    `dropped` are the spans for which too many others waited.
    """

    def __init__(
        self,
        options: TraceOptions,
        resource: Mapping[str, str],
        *,
        exporter: SpanExporter | None = None,
        choose: Callable[[], float] = random.random,
    ) -> None:
        self._share = options.share
        self._slow = options.slow_seconds
        self._choose = choose
        self._sender = _Sender(
            exporter or OTLPSpanExporter(export_url(options.endpoint or ""), timeout=EXPORT_SECONDS)
        )
        self._added = 0
        self.dropped = 0
        # What the environment says of headers, certificates and the resource counts, too.
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create(dict(resource)), shutdown_on_exit=False
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                self._sender, max_queue_size=QUEUE + BATCH, max_export_batch_size=BATCH
            )
        )
        self._tracer = self._provider.get_tracer("smbquic")

    def is_wanted(self, command: int, seconds: float) -> bool:
        """Return whether a request gets a span that was answered after so many seconds."""
        if seconds >= self._slow and command not in _WAITING:
            return True
        return self._choose() < self._share

    def add(self, name: str, seconds: float, attributes: Attributes) -> None:
        """Add the span of a request that is answered now, `seconds` after it was received."""
        # The library would make the span, drop another one for it, and log that, each time.
        if self._added - self._sender.done >= QUEUE:
            if not self.dropped:
                _log.warning("the collector of traces is too slow: spans are dropped from now on")
            self.dropped += 1
            return
        self._added += 1
        ended = time_ns()
        span = self._tracer.start_span(
            name,
            kind=SpanKind.SERVER,
            attributes=dict(attributes),
            start_time=ended - int(seconds * 1e9),
        )
        span.end(ended)

    def close(self) -> None:
        """Send what is left, and end the thread; this blocks for five seconds at most."""
        self._sender.deadline = monotonic() + CLOSING_SECONDS
        self._provider.shutdown()
        if self.dropped:
            _log.warning("%d spans were dropped: the collector was too slow", self.dropped)


def export_url(endpoint: str) -> str:
    """Return the URL that spans are sent to; a path in `endpoint` is kept."""
    parts = urlsplit(endpoint)
    return parts._replace(path=_PATH).geturl() if parts.path in {"", "/"} else endpoint
