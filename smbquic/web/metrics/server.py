"""The metrics of a server, besides those that a gateway has, too."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from smbquic.ntstatus import NtStatus
from smbquic.observe.request_counts import OTHER_STATUS, RequestCounts
from smbquic.server.server import Server
from smbquic.web.metrics.connections import ConnectionSums
from smbquic.web.metrics.families import counter, counters_of, gauge, gauges, histograms
from smbquic.wire.header import Command

_NEVER_ANSWERED = {Command.CANCEL.name, Command.SERVER_TO_CLIENT_NOTIFICATION.name}


def server_families(server: Server, sums: ConnectionSums, locks: int) -> Iterator[Metric]:
    """Yield the metrics of a server with so many byte-range locks."""
    yield from _request_families(server.requests)
    files = server.files
    yield gauge("sessions", "Sessions of users.", len(server.sessions))
    yield gauge("credits", "Credits that clients hold.", sums.credits)
    yield gauge("opens", "Opens, of files and folders.", files.budget.used)
    yield gauge("open_files", "Files and folders that are open.", len(files))
    yield gauge("durable_opens", "Durable opens.", len(files.durables))
    yield gauge("leases", "Leases that clients hold.", len(files.leases))
    yield gauge("locks", "Byte ranges that clients have locked.", locks)
    yield gauges("tree_connects", "Connections to a share.", "share", server.count_trees())
    yield gauges("limit", "Limits on clients.", "limit", _limits(server))
    yield gauges("limit_used", "How much of a limit is used.", "limit", _used(server))
    yield counter("failures", "Requests and connections that failed by a bug.", server.failures)
    yield counter("failed_deletions", "Files that could not be deleted.", files.failed_deletions)
    yield counter(
        "loop_held", "Steps that held the event loop for 10 ms and more.", server.loop_monitor.held
    )


def _request_families(requests: RequestCounts) -> Iterator[Metric]:
    commands = [each for each in requests.commands if each.name not in _NEVER_ANSWERED]
    yield counters_of(
        "requests",
        "Requests that were answered, by command and status.",
        ("command", "status"),
        (
            ((each.name, _status(status)), count)
            for each in commands
            for status, count in each.statuses.items()
        ),
    )
    yield histograms(
        "request_seconds",
        "Time from the receipt of a request until its answer is made.",
        "command",
        {each.name: each.latencies for each in commands},
    )


def _status(status: int) -> str:
    return "other" if status == OTHER_STATUS else NtStatus.of(status).label


def _limits(server: Server) -> dict[str, int]:
    limits = server.limits
    return {
        "connections": limits.connections * len(server.listeners),
        "unauthenticated": limits.unauthenticated,
        "opens": server.files.budget.total,
        "all_user_memory": server.user_memory.total,
        "buffers": limits.buffers,
        "disconnected": limits.disconnected,
    }


def _used(server: Server) -> dict[str, int]:
    return {
        "connections": len(server.connections),
        "unauthenticated": server.connection_limiter.unauthenticated,
        "opens": server.files.budget.used,
        "all_user_memory": server.user_memory.used,
        "buffers": server.slow_peers.waiting,
        "disconnected": server.files.durables.disconnected,
    }
