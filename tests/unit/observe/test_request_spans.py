import threading
import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from smbquic.observe import request_spans
from smbquic.observe.request_spans import QUEUE, RequestSpans, export_url
from smbquic.options.traces import TraceOptions
from smbquic.wire.header import Command

SERVICE = {"service.name": "smbquic", "service.instance.id": "fs"}
SHARE = TraceOptions(endpoint="http://localhost:4318", share=0.25)


class HangingExporter(InMemorySpanExporter):
    """An exporter whose collector does not answer until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.released = threading.Event()

    def export(self, spans: "tuple[ReadableSpan, ...]") -> SpanExportResult:  # type: ignore[override]
        self.begun.set()
        self.released.wait(30)
        return super().export(spans)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Iterator[RequestSpans]:
    made = RequestSpans(SHARE, SERVICE, exporter=exporter)
    yield made
    made.close()


def test_a_span_says_what_was_asked_when_and_by_whom(
    spans: RequestSpans, exporter: InMemorySpanExporter
) -> None:
    spans.add("READ", 0.5, {"client.address": "::1", "smb.connection": 7})
    spans.close()
    [span] = exporter.get_finished_spans()
    assert (span.name, span.kind, span.parent) == ("READ", SpanKind.SERVER, None)
    assert span.attributes == {"client.address": "::1", "smb.connection": 7}
    assert span.start_time is not None
    assert span.end_time == span.start_time + 500_000_000
    assert span.resource.attributes["service.instance.id"] == "fs"
    assert span.resource.attributes["service.name"] == "smbquic"


@pytest.mark.parametrize(
    ("chance", "command", "seconds", "wanted"),
    [
        (0.24, Command.READ, 0.001, True),
        (0.25, Command.READ, 0.001, False),
        (0.9, Command.READ, 1.0, True),
        (0.9, Command.CHANGE_NOTIFY, 60.0, False),
        (0.9, Command.LOCK, 60.0, False),
        (0.1, Command.LOCK, 60.0, True),
        (0.9, 0x1234, 1.5, True),
    ],
)
def test_a_share_of_the_requests_and_all_slow_ones(
    exporter: InMemorySpanExporter, chance: float, command: int, seconds: float, wanted: bool
) -> None:
    spans = RequestSpans(SHARE, SERVICE, exporter=exporter, choose=lambda: chance)
    assert spans.is_wanted(command, seconds) is wanted
    spans.close()


def test_spans_that_cannot_be_sent_are_dropped_beyond_a_limit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exporter = HangingExporter()
    spans = RequestSpans(SHARE, SERVICE, exporter=exporter)
    for _ in range(QUEUE + 100):
        spans.add("READ", 0.001, {})
    assert spans.dropped == 100
    exporter.released.set()
    spans.close()
    assert len(exporter.get_finished_spans()) == QUEUE
    # However many they are.
    assert [record.getMessage() for record in caplog.records] == [
        "the collector of traces is too slow: spans are dropped from now on",
        "100 spans were dropped: the collector was too slow",
    ]


def test_there_is_room_again_when_spans_were_sent() -> None:
    exporter = HangingExporter()
    spans = RequestSpans(SHARE, SERVICE, exporter=exporter)
    for _ in range(QUEUE + 1):
        spans.add("READ", 0.001, {})
    assert spans.dropped == 1
    exporter.released.set()
    ends = time.monotonic() + 30
    while True:
        before = spans.dropped
        spans.add("READ", 0.001, {})
        if spans.dropped == before:
            break
        assert time.monotonic() < ends
        time.sleep(0.01)
    spans.close()
    assert len(exporter.get_finished_spans()) == QUEUE + 1


def test_at_the_end_no_batch_is_begun_after_a_while(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_spans, "CLOSING_SECONDS", -1.0)
    spans = RequestSpans(SHARE, SERVICE, exporter=exporter)
    spans.add("READ", 0.001, {})
    spans.close()
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://localhost:4318", "http://localhost:4318/v1/traces"),
        ("https://c.example/", "https://c.example/v1/traces"),
        ("https://c.example/otlp/v1/traces", "https://c.example/otlp/v1/traces"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
    ],
)
def test_where_spans_are_sent(endpoint: str, url: str) -> None:
    assert export_url(endpoint) == url
