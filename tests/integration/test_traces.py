"""Traces of requests, as a collector of OpenTelemetry gets them."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

import smbquic
from smbquic.errors import StatusError, UrlError
from smbquic.options.traces import TraceOptions
from smbquic.pki import PkiDirectory


class Collector(ThreadingHTTPServer):
    """A collector that takes spans by OTLP over HTTP, and keeps them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: set[str] = set()
        self.requests: list[ExportTraceServiceRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.add(self.path)
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


@asynccontextmanager
async def connected(
    folder: Path, pki: PkiDirectory, traces: TraceOptions
) -> AsyncIterator[tuple[smbquic.Serving, smbquic.Share]]:
    async with smbquic.serve(
        {"data": folder},
        {"alice": "secret"},
        ["quic://localhost:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
        server_name="fs",
        traces=traces,
    ) as serving:
        url = serving.listeners[0].replace("quic://", "smb+quic://alice:secret@")
        async with smbquic.connect(f"{url}/data", ca=pki.ca) as share:
            yield serving, share


def attributes(of: Any) -> dict[str, object]:
    """Return the attributes of a span or a resource."""
    return {each.key: each.value.string_value or each.value.int_value for each in of.attributes}


async def test_each_request_is_a_span(
    tmp_path: Path, pki: PkiDirectory, collector: Collector
) -> None:
    every = TraceOptions(endpoint=collector.url, share=1.0)
    async with connected(tmp_path, pki, every) as (serving, share):
        await share.write_bytes("secret-name.txt", b"abc")
        with pytest.raises(StatusError):
            await share.read_bytes("missing.txt")
        [connected_client] = serving.server.connections
        connection = connected_client.trail.connection
    assert collector.paths == {"/v1/traces"}
    spans = collector.spans()
    by_name = {span.name: attributes(span) for span in spans if span.name != "CREATE"}
    assert {"NEGOTIATE", "SESSION_SETUP", "TREE_CONNECT", "WRITE", "CLOSE", "LOGOFF"} <= {*by_name}
    write = by_name["WRITE"]
    assert write.pop("client.port")
    assert write == {
        "client.address": "127.0.0.1",
        "network.transport": "quic",
        "smb.share": "data",
        "smb.status": "STATUS_SUCCESS",
        "smb.connection": connection,
        "user.name": "alice",
    }
    assert "user.name" not in by_name["NEGOTIATE"]
    statuses = {attributes(span)["smb.status"] for span in spans if span.name == "CREATE"}
    assert statuses == {"STATUS_SUCCESS", "STATUS_OBJECT_NAME_NOT_FOUND"}
    assert all(span.start_time_unix_nano < span.end_time_unix_nano for span in spans)
    assert len({span.trace_id for span in spans}) == len(spans)
    [service, *_] = {
        attributes(each.resource)["service.instance.id"]
        for request in collector.requests
        for each in request.resource_spans
    }
    assert service == "fs"
    # What files are called stays with the server.
    assert not any(b"secret-name" in request.SerializeToString() for request in collector.requests)


async def test_a_lock_is_never_slow(
    tmp_path: Path, pki: PkiDirectory, collector: Collector
) -> None:
    # All requests take as long, so that none is missing by chance.
    slow = TraceOptions(endpoint=collector.url, share=0.0, slow_seconds=0.0)
    async with (
        connected(tmp_path, pki, slow) as (_, share),
        share.open("file", "wb") as file,
        file.lock(0, 1),
    ):
        await file.write_at(0, b"abc")
    names = {span.name for span in collector.spans()}
    assert {"CREATE", "WRITE", "CLOSE"} <= names
    # It may wait for who has the range.
    assert "LOCK" not in names


async def test_a_collector_that_is_not_there_is_no_reason_to_stop(
    tmp_path: Path, pki: PkiDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    with Collector() as closed:
        url = closed.url
    async with connected(tmp_path, pki, TraceOptions(endpoint=url, share=1.0)) as (_, share):
        await share.write_bytes("file", b"abc")
        assert await share.read_bytes("file") == b"abc"
    assert any("export" in record.getMessage().casefold() for record in caplog.records)


async def test_what_is_no_url(tmp_path: Path, pki: PkiDirectory) -> None:
    with pytest.raises(UrlError, match="no URL of a collector"):
        async with connected(tmp_path, pki, TraceOptions(endpoint="localhost:4318")):
            pass
