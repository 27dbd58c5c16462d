"""Targets of the project for the figures."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.throughput.results import Results, Spread


@dataclass(frozen=True, slots=True)
class Target:
    """A bound that a figure, or one over another, is to reach, or to stay below."""

    title: str
    value: Callable[[Results], Spread | None]
    limit: float
    at_least: bool = True

    def line(self, results: Results) -> str | None:
        """How it stands; None if nothing was measured."""
        spread = self.value(results)
        if spread is None:
            return None
        met = spread.median >= self.limit if self.at_least else spread.median <= self.limit
        sign = ">=" if self.at_least else "<="
        return f"{'met   ' if met else 'MISSED'}  {self.title}: {spread}, {sign} {self.limit:g}"


def _figure(arm: str, work: str, figure: str) -> Callable[[Results], Spread | None]:
    return lambda results: results.spread(arm, work, figure)


def _ratio(
    above: tuple[str, str, str], below: tuple[str, str, str]
) -> Callable[[Results], Spread | None]:
    return lambda results: results.ratio(above, below)


def _native_targets() -> Iterable[Target]:
    """Yield how much faster than the others the native engine has to be."""
    stream = ("raw-native", "stream", "rate")
    yield Target("one stream, native / qh3", _ratio(stream, ("raw-qh3", "stream", "rate")), 1.5)
    for way in ("get", "put"):
        ours, jumbo = ("quic-native-mutual", way, "rate"), ("quic-native-jumbo", way, "rate")
        for arm, times in (("quic-qh3", 1.4), ("samba-wireguard", 2), ("quic-aioquic", 8)):
            yield Target(f"{way}, native / {arm}", _ratio(ours, (arm, way, "rate")), times)
        yield Target(
            f"{way}, native / qh3, jumbo", _ratio(jumbo, ("quic-qh3-jumbo", way, "rate")), 1.2
        )
    for work, times in (("read", 1.3), ("echo", 1.5)):
        yield Target(
            f"p50 of {work}, native / TCP",
            _ratio(("small-quic-native", work, "p50"), ("small-tcp", work, "p50")),
            times,
            at_least=False,
        )


def targets() -> Iterable[Target]:
    """Yield the targets of the project."""
    yield from _native_targets()
    for way in ("get", "put"):
        ours = ("quic-qh3", way, "rate")
        slow = ("quic-aioquic", way, "rate")
        yield Target(f"{way}, qh3, MB/s", _figure(*ours), 350)
        yield Target(
            f"{way}, qh3 / its raw stream", _ratio(ours, ("raw-qh3", "stream", "rate")), 0.85
        )
        yield Target(
            f"{way}, qh3 / Samba in WireGuard", _ratio(ours, ("samba-wireguard", way, "rate")), 0.8
        )
        yield Target(
            f"{way}, aioquic / its raw stream",
            _ratio(slow, ("raw-aioquic", "stream", "rate")),
            0.85,
        )
        for engine in ("native", "qh3", "aioquic"):
            yield Target(
                f"{way}, smbd behind the gateway / our server, {engine}",
                _ratio((f"gateway-{engine}", way, "rate"), (f"quic-{engine}", way, "rate")),
                0.9,
            )
        yield Target(f"{way}, qh3, jumbo, MB/s", _figure("quic-qh3-jumbo", way, "rate"), 600)
        yield Target(f"{way}, TCP, signed, MB/s", _figure("tcp", way, "rate"), 600)
    for engine in ("qh3", "aioquic"):
        # Two workers with a core each send twice as much as one, if a GiB takes them no longer.
        yield Target(
            f"processor time of one worker / of two, {engine}",
            _ratio(
                (f"four-{engine}-worker", "get", "workers_cpu"),
                (f"four-{engine}-workers", "get", "workers_cpu"),
            ),
            0.9,
        )
        yield Target(
            f"four clients, two workers / none, {engine}",
            _ratio((f"four-{engine}-workers", "get", "rate"), (f"four-{engine}", "get", "rate")),
            1.5,
        )
    yield Target(
        "aioquic's raw stream / its own server and client",
        _ratio(("raw-aioquic", "stream", "rate"), ("stock-aioquic", "stream", "rate")),
        1.8,
    )
    for work in ("echo", "read"):
        yield Target(
            f"smb2.bench.{work} / smbd",
            _ratio(("torture", work, "operations"), ("torture-smbd", work, "operations")),
            0.4,
        )
    yield Target(
        "p50 of a 4 KiB read, QUIC / TCP",
        _ratio(("small-quic-qh3", "read", "p50"), ("small-tcp", "read", "p50")),
        1.5,
        at_least=False,
    )
    for engine in ("native", "qh3"):
        arm = f"watched-{engine}"
        yield Target(
            f"twenty clients, status page open / closed, {engine}",
            _ratio((arm, "get", "rate"), (arm, "get", "unwatched")),
            0.97,
        )
        # Three per cent of a core, as the page asks every two seconds.
        yield Target(
            f"processor time of an update of the status page, {engine}, ms",
            _figure(arm, "get", "update_cpu"),
            60,
            at_least=False,
        )
        yield Target(
            f"update of the status page, {engine}, s",
            _figure(arm, "get", "update"),
            2,
            at_least=False,
        )
    yield Target(
        "p50 of a 4 KiB read, metrics fetched / not",
        _ratio(("small-quic-qh3-metrics", "read", "p50"), ("small-quic-qh3", "read", "p50")),
        1.03,
        at_least=False,
    )
    for arm in ("qh3", "aioquic", "tcp"):
        yield Target(
            f"growth for a slow reader, {arm}, MiB",
            _figure(f"slow-{arm}", "reader", "growth"),
            32,
            at_least=False,
        )
        yield Target(
            f"one more connection, {arm}, s",
            _figure(f"idle-{arm}", "connections", "visit"),
            1,
            at_least=False,
        )
