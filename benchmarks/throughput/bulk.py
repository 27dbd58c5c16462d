"""One large file, up and down, and what the engine alone makes of as many bytes."""

from pathlib import Path
from typing import Any

from benchmarks.throughput import samba
from benchmarks.throughput.bench import MEBIBYTE, Bench, Engine, Figures, Transport, Watch, program
from benchmarks.throughput.place import Place


def raw(bench: Bench, place: Place, engine: str, datagram: int, share: int) -> dict[str, Figures]:
    """One stream of an engine, client to server; a `share`-th of the bytes."""
    mebibytes = max(bench.size // MEBIBYTE // share, 1)
    common = (engine, str(datagram), place.server.address, str(mebibytes))
    files = (str(bench.pki.server.certificate), str(bench.pki.server.key))
    with place.server.running(program("ends.raw_quic", "server", *common, *files)) as (
        server,
        port,
    ):
        watch = Watch(place, server.pid)
        done = place.client.run_json(program("ends.raw_quic", "client", *common, port.strip()))
        return {"stream": _figures(watch, mebibytes * MEBIBYTE, done)}


def ours(
    bench: Bench,
    place: Place,
    transport: Transport,
    *,
    engine: Engine = "qh3",
    datagram: int = 0,
    encrypt: bool = False,
) -> dict[str, Figures]:
    """Our client and our server."""
    results = {}
    with bench.our_server(place, engine=engine, datagram_size=datagram, encrypt=encrypt) as (
        server,
        ports,
    ):
        for way, path, local in (("put", "up", bench.source), ("get", "big", bench.back)):
            watch = Watch(place, server)
            done = bench.our_client(
                place,
                ports,
                work=way,
                transport=transport,
                engine=engine,
                datagram_size=datagram,
                path=path,
                local=str(local),
            )
            results[way] = _figures(watch, bench.size, done)
            bench.check(_landed(bench, way))
    return results


def smbprotocol(bench: Bench, place: Place) -> dict[str, Figures]:
    """smbprotocol's client over our QUIC, our server."""
    results = {}
    with bench.our_server(place) as (server, ports):
        for way in ("put", "get"):
            watch = Watch(place, server)
            arguments = (place.server.address, str(ports["quic"]), bench.password)
            files = (str(bench.pki.ca), str(bench.source if way == "put" else bench.back))
            done = place.client.run_json(
                program("ends.smbprotocol_client", way, *arguments, *files)
            )
            results[way] = _figures(watch, bench.size, done)
            bench.check(_landed(bench, way))
    return results


def sambas(bench: Bench, place: Place) -> dict[str, Figures]:
    """smbclient and smbd over TCP, signed."""
    results = {}
    state = bench.directory / "samba"
    with samba.running(place.server, bench.share, state, bench.password) as server:
        for way, command in (
            ("put", f"put {bench.source} up"),
            ("get", f"get big {bench.back}"),
        ):
            watch = Watch(place, server)
            output, cpu_seconds = samba.smbclient(
                place.client, place.server.address, samba.PORT, bench.password, command
            )
            seconds = bench.size / samba.rate_of(output)
            results[way] = watch.figures(bench.size, seconds, cpu_seconds)
            bench.check(_landed(bench, way))
    return results


def _landed(bench: Bench, way: str) -> Path:
    return bench.share / "up" if way == "put" else bench.back


def _figures(watch: Watch, size: int, done: dict[str, Any]) -> Figures:
    figures = watch.figures(size, done["seconds"], done["cpu_seconds"])
    return {**figures, "client_peak": done["peak_bytes"] / MEBIBYTE}
