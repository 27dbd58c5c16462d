"""What the server holds in memory: for a client that hardly reads, and for many that do nothing."""

import json

from benchmarks.throughput.bench import MEBIBYTE, USER, Bench, Engine, Figures, Transport, program
from benchmarks.throughput.place import Place
from benchmarks.usage import memory, peak_memory

GATHERING = 300.0


def slow_reader(
    bench: Bench, place: Place, transport: Transport, engine: Engine = "qh3"
) -> dict[str, Figures]:
    """A client that asks for the whole file at once and takes 1 MB/s of it, for some seconds."""
    datagram = place.largest_datagram
    with bench.our_server(place, engine=engine, datagram_size=datagram) as (server, ports):
        before = memory(server)
        done = place.client.run_json(
            program(
                "throughput.slow",
                json.dumps(_client(bench, place, ports, transport, engine)),
                str(bench.seconds * 2),
            )
        )
        growth = (peak_memory(server) - before) / MEBIBYTE
    asked = done["asked"] / MEBIBYTE
    return {"reader": {"growth": growth, "asked": asked, "taken": done["taken"] / MEBIBYTE}}


def idle(
    bench: Bench, place: Place, transport: Transport, engine: Engine = "qh3"
) -> dict[str, Figures]:
    """Many that have logged on and do nothing, and one more that wants to be served."""
    datagram = place.largest_datagram
    with bench.our_server(place, engine=engine, datagram_size=datagram) as (server, ports):
        before = memory(server)
        crowd = program(
            "throughput.crowd",
            json.dumps(_client(bench, place, ports, transport, engine)),
            str(bench.connections),
        )
        with place.client.running(crowd, GATHERING) as (_, line):
            each = (memory(server) - before) / bench.connections
            options = {"work": "visit", "transport": transport, "engine": engine}
            done = bench.our_client(place, ports, datagram_size=datagram, **options)
    return {
        "connections": {
            "each": each / 1024,
            "visit": done["seconds"],
            "gathering": json.loads(line)["seconds"],
        }
    }


def _client(
    bench: Bench, place: Place, ports: dict[str, int], transport: Transport, engine: Engine
) -> dict[str, object]:
    return {
        "work": "visit",
        "transport": transport,
        "host": place.server.address,
        "port": ports[transport],
        "user": USER,
        "password": bench.password,
        "ca": str(bench.pki.ca),
        "engine": engine,
        "datagram_size": place.largest_datagram,
    }
