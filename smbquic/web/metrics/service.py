"""The metrics that a server and a gateway both have."""

from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client.metrics_core import Metric

from smbquic.gateway.gateway import Gateway
from smbquic.gateway.refusals import GatewayRefusal
from smbquic.observe.audit import AuditEvent
from smbquic.overload.refusals import ServerRefusal
from smbquic.server.server import Server
from smbquic.transport.refusals import ListenerRefusal
from smbquic.web.metrics.connections import ConnectionSums, spread
from smbquic.web.metrics.families import counter, counters, gauge, gauges
from smbquic.web.source import WebSource

OK = "ok"
"""The result of what has succeeded, among the reasons of failures."""


def service_families(source: WebSource, sums: ConnectionSums) -> Iterator[Metric]:
    """Yield the metrics of a server or a gateway."""
    service = source.service
    yield gauges("build_info", "The version that runs.", "version", {version("smbquic"): 1})
    yield gauge("draining", "1 while it is stopping, and accepts no clients.", service.draining)
    yield from _event_families(service)
    yield counter("received_bytes", "Bytes of messages from clients.", service.slow_peers.received)
    yield counter("sent_bytes", "Bytes of messages to clients.", service.slow_peers.sent)
    yield counters("refusals", "Clients refused or disconnected.", "reason", _refusals(service))
    yield from _connection_families(sums)
    yield from _process_families(source)


def _event_families(service: Server | Gateway) -> Iterator[Metric]:
    counts = service.audit.counts
    connections = {"quic": 0, "tcp": 0, **counts.of(AuditEvent.CONNECTION)}
    yield counters("accepted_connections", "Connections so far.", "transport", connections)
    handshakes = {OK: connections["quic"], **counts.of(AuditEvent.HANDSHAKE_FAILURE)}
    yield counters("handshakes", "QUIC handshakes, by their result.", "result", handshakes)
    logons = {OK: sum(counts.of(AuditEvent.LOGON).values()), **counts.of(AuditEvent.LOGON_FAILURE)}
    yield counters("logons", "Logons, by their result.", "result", logons)
    yield counter("lost_audit_records", "Records that could not be written.", service.audit.lost)


def _refusals(service: Server | Gateway) -> dict[str, int]:
    own = [ListenerRefusal, ServerRefusal]
    reasons = [*own, GatewayRefusal] if isinstance(service, Gateway) else own
    counts = service.refusals.counts
    return {str(reason): counts[reason] for kind in reasons for reason in kind}


def _connection_families(sums: ConnectionSums) -> Iterator[Metric]:
    yield gauges("connections", "Open connections.", "transport", sums.transports)
    yield counter("lost_packets", "QUIC packets that were sent and lost.", sums.lost_packets)
    yield gauges(
        "round_trip_seconds",
        "Round trip of the open QUIC connections.",
        "of",
        spread(sums.round_trips),
    )
    yield gauges(
        "congestion_window_bytes",
        "Congestion window of the open QUIC connections.",
        "of",
        spread(sums.windows),
    )


def _process_families(source: WebSource) -> Iterator[Metric]:
    identities = source.certificates.identities if source.certificates is not None else []
    yield gauges(
        "certificate_expiry_timestamp_seconds",
        "When a certificate ends, in Unix time.",
        "certificate",
        {
            str(each.files.certificate): each.credential.certificate.not_valid_after_utc.timestamp()
            for each in identities
        },
    )
    workers = {str(each["number"]): each for each in source.workers()}
    yield gauge("workers", "Worker processes.", len(workers))
    yield counters(
        "worker_restarts",
        "How often a worker process was started again.",
        "worker",
        {number: each["restarts"] for number, each in workers.items()},
    )
    yield counters(
        "worker_cpu_seconds",
        "Processor time of a worker process.",
        "worker",
        {number: each["processor_seconds"] or 0 for number, each in workers.items()},
    )
    yield gauges(
        "worker_resident_memory_bytes",
        "Resident memory of a worker process.",
        "worker",
        {number: each["resident"] or 0 for number, each in workers.items()},
    )
