"""The metrics of a gateway, besides those that a server has, too."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from smbquic.gateway.gateway import Gateway
from smbquic.web.metrics.families import counters, gauge, gauges, gauges_of

_LABELS = ("pool", "backend")


def gateway_families(gateway: Gateway) -> Iterator[Metric]:
    """Yield the metrics of a gateway."""
    counts = gateway.counts
    yield counters(
        "gateway_requests",
        "Requests that were not encrypted, by command.",
        "command",
        counts.commands,
    )
    yield counters(
        "gateway_errors", "Responses with an error, by status.", "status", counts.failures
    )
    backends = [
        ((pool.name, backend.url), backend) for pool in gateway.pools for backend in pool.backends
    ]
    yield gauges_of(
        "backend_up",
        "1 while a back end answers.",
        _LABELS,
        ((labels, backend.is_up) for labels, backend in backends),
    )
    yield gauges_of(
        "backend_connections",
        "Clients on a back end.",
        _LABELS,
        ((labels, backend.connections) for labels, backend in backends),
    )
    limits = gateway.limits
    yield gauges(
        "limit",
        "Limits on clients.",
        "limit",
        {"unauthenticated": limits.unauthenticated, "buffers": limits.buffers},
    )
    used = {
        "unauthenticated": gateway.connection_limiter.unauthenticated,
        "buffers": gateway.slow_peers.waiting,
    }
    yield gauges("limit_used", "How much of a limit is used.", "limit", used)
    logged_on = sum(each.traffic.logged_on for each in gateway.connections)
    yield gauge("logged_on_connections", "Connections on which a user has logged on.", logged_on)
