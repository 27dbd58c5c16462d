"""Small operations, one at a time: what a message costs, not a byte."""

from benchmarks.throughput import samba
from benchmarks.throughput.bench import USER, Bench, Engine, Figures, Transport
from benchmarks.throughput.place import Place
from benchmarks.usage import tree_cpu_seconds

TESTS = {
    "echo": "smb2.bench.echo",
    "read": "smb2.bench.read",
    "open": "smb2.bench.path-contention-shared",
}
"""What we call it, and what smbtorture does."""
OPERATIONS = ("read", "open", "echo")


def latencies(
    bench: Bench, place: Place, transport: Transport, engine: Engine = "qh3"
) -> dict[str, Figures]:
    """Through our own client, from our own server."""
    place = place.pinned()
    datagram = place.largest_datagram
    results = {}
    with bench.our_server(place, engine=engine, datagram_size=datagram) as (server, ports):
        for operation in OPERATIONS:
            before = tree_cpu_seconds(server)
            done = bench.our_client(
                place,
                ports,
                work=operation,
                transport=transport,
                engine=engine,
                datagram_size=datagram,
                count=bench.operations,
            )
            results[operation] = {
                "operations": done["rate"],
                **{name: done[name] * 1e6 for name in ("p50", "p90", "p99", "max")},
                "client_us": done["cpu_seconds"] / bench.operations * 1e6,
                "server_us": (tree_cpu_seconds(server) - before) / bench.operations * 1e6,
            }
    return results


def torture_ours(bench: Bench, place: Place) -> dict[str, Figures]:
    """smbtorture's benchmarks of our server over TCP."""
    place = place.pinned()
    with bench.our_server(place) as (_, ports):
        return _torture(bench, place, ports["tcp"], USER)


def torture_smbd(bench: Bench, place: Place) -> dict[str, Figures]:
    """The same of smbd."""
    place = place.pinned()
    state = bench.directory / "samba"
    with samba.running(place.server, bench.share, state, bench.password):
        return _torture(bench, place, samba.PORT, samba.USER)


def _torture(bench: Bench, place: Place, port: int, user: str) -> dict[str, Figures]:
    results = {}
    for name, test in TESTS.items():
        rates = samba.torture(
            place.client, place.server.address, port, user, bench.password, test, bench.seconds
        )
        results[name] = {"operations": rates[name]}
    return results
