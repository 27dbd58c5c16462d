"""One stream of an engine on our UDP endpoint, without SMB: what the transport could give.

    python -m benchmarks.ends.raw_quic server ENGINE DATAGRAM HOST MEBIBYTES CERTIFICATE KEY
    python -m benchmarks.ends.raw_quic client ENGINE DATAGRAM HOST MEBIBYTES PORT

The server prints {"port": PORT}, the client what it measured, as JSON. One connection; the client
sends bytes, the server counts them and says so when all have come. ENGINE `stock` is aioquic's own
asyncio server and client with its default windows, and datagrams of the given size.
"""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path
from socket import SOCK_DGRAM
from typing import Any, cast

import uvloop

from benchmarks.ends.process import emit
from benchmarks.usage import Stopwatch
from smbquic.options.quic import EngineName
from smbquic.transport.addresses import resolve
from smbquic.transport.quic import ClientTls, QuicOptions, ServerTls
from smbquic.transport.quic.engine import Acceptance, DatagramSizes, Engine
from smbquic.transport.quic.plugin import MakeEngine
from smbquic.transport.quic.registry import client_engine, server_engine
from smbquic.transport.quic.udp import Path as NetworkPath
from smbquic.transport.quic.udp import UdpEndpoint

BLOCK = b"\xff" * (1 << 20)
"""No messages: zeros would be very many empty ones."""
AHEAD = 1 << 20
"""Unsent bytes that the sender keeps in the engine, as our transport does."""
DONE = b"everything has arrived"


class End:
    """One end: an engine on an endpoint, and what is done with the stream."""

    def __init__(
        self, make: MakeEngine, size: int, arrived: Callable[[int], None], room: Callable[[], None]
    ) -> None:
        self._make, self._sizes = make, DatagramSizes(size, size)
        self._arrived, self._room = arrived, room
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._flushing = False
        self.engine: Engine | None = None
        self.endpoint: UdpEndpoint | None = None

    def issued(self, connection_id: bytes) -> None:
        """There is one connection: nobody has to find it."""

    def retired(self, connection_id: bytes) -> None:
        """As little as there."""

    def connect(self, path: NetworkPath) -> None:
        """Begin, as the client."""
        self.engine = self._make(self._sizes, self)
        self.engine.connect(path, time.monotonic())
        self.flush()

    def datagram_received(
        self, datagram: bytes, path: NetworkPath, now: float, ecn: int = 0
    ) -> None:
        """See `DatagramReceiver`."""
        if self.engine is None:
            chosen = datagram[6 : 6 + datagram[5]]
            self.engine = self._make(
                self._sizes,
                self,
                Acceptance(original_id=chosen, first_datagram=len(datagram)),
            )
        self.engine.receive(datagram, path, now, ecn)

    def segments_received(
        self, run: bytes, size: int, path: NetworkPath, now: float, ecn: int = 0
    ) -> None:
        """See `DatagramReceiver`."""
        if self.engine is None:
            for start in range(0, len(run), size):
                self.datagram_received(run[start : start + size], path, now, ecn)
        else:
            self.engine.receive_segments(run, size, path, now, ecn)

    def batch_received(self, now: float) -> None:
        """See `DatagramReceiver`."""
        if self.engine is not None:
            count = sum(map(len, self.engine.read()))
            if count:
                self.engine.release(count)
                self._arrived(count)
            self.flush()

    def error_received(self, error: OSError) -> None:
        """See `DatagramReceiver`."""
        raise error

    def flush(self) -> None:
        """Send what is to be sent, and see to the timer."""
        if self.engine is None or self.endpoint is None or self._flushing:
            return
        self._flushing = True
        self._room()
        if self.endpoint.blocked:
            self.endpoint.when_writable(self.flush)
        else:
            for datagrams, path in self.engine.datagrams(time.monotonic()):
                self.endpoint.send(datagrams, path)
        self._flushing = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.engine.timer()
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - time.monotonic()), self._tick)

    def _tick(self) -> None:
        assert self.engine is not None
        self.engine.tick(max(time.monotonic(), self.engine.timer() or 0.0))
        self.batch_received(time.monotonic())


async def serve(
    engine: str, size: int, host: str, total: int, certificate: Path, key: Path
) -> None:
    """Take one connection, and all that comes on it."""
    options = QuicOptions(engine=cast(EngineName, engine), datagram_size=size)
    _, make = server_engine(ServerTls(certificate, key), options)
    received = 0

    def arrived(count: int) -> None:
        nonlocal received
        received += count
        if received == total and end.engine is not None:
            end.engine.write(DONE)

    end = End(make, size, arrived, lambda: None)
    address, *_ = await resolve(host, 0, SOCK_DGRAM, passive=True)
    end.endpoint = UdpEndpoint(end, local=address)
    emit(port=end.endpoint.local[1])
    await asyncio.Event().wait()


async def send(engine: str, size: int, host: str, total: int, port: int) -> Stopwatch:
    """Send everything, and wait until it has arrived."""
    options = QuicOptions(engine=cast(EngineName, engine), datagram_size=size)
    _, make = client_engine(ClientTls(insecure=True), "localhost", options, None)
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    left, reported = total, 0
    stopwatch = Stopwatch()

    def arrived(count: int) -> None:
        nonlocal reported
        reported += count
        if reported == len(DONE):
            done.set_result(None)

    def room() -> None:
        nonlocal left
        quic = end.engine
        if quic is None or quic.security is None:
            return
        if left == total:
            stopwatch.begin()
        while left and quic.unsent < AHEAD:
            block = BLOCK[:left]
            left -= len(block)
            quic.write(block)

    end = End(make, size, arrived, room)
    address, *_ = await resolve(host, port, SOCK_DGRAM)
    end.endpoint = UdpEndpoint(end, remote=address)
    end.connect((address.socket_address, b""))
    await done
    stopwatch.end()
    return stopwatch


async def stock_serve(size: int, host: str, total: int, certificate: Path, key: Path) -> None:
    """aioquic's own server, counting."""
    from aioquic.asyncio.server import QuicServer
    from aioquic.quic.configuration import QuicConfiguration

    configuration = QuicConfiguration(
        is_client=False, alpn_protocols=["smb"], max_datagram_size=size
    )
    configuration.load_cert_chain(certificate, key)

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = 0
        while received < total:
            received += len(await reader.read(1 << 20))
        writer.write(DONE)

    tasks = set()

    def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(count(reader, writer)))

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: QuicServer(configuration=configuration, stream_handler=handle),
        local_addr=(host, 0),
    )
    emit(port=transport.get_extra_info("sockname")[1])
    await asyncio.Event().wait()


async def stock_send(size: int, host: str, total: int, port: int) -> Stopwatch:
    """aioquic's own client, with as much ahead of the network as the others have."""
    from aioquic.asyncio.client import connect
    from aioquic.quic.configuration import QuicConfiguration

    configuration = QuicConfiguration(
        alpn_protocols=["smb"], verify_mode=ssl.CERT_NONE, max_datagram_size=size
    )
    stopwatch = Stopwatch()
    async with connect(host, port, configuration=configuration) as client:
        reader, writer = await client.create_stream()
        stopwatch.begin()
        for start in range(0, total, len(BLOCK)):
            writer.write(BLOCK[: total - start])
            stream: Any = client._quic._streams[writer.get_extra_info("stream_id")]
            # `drain()` never waits, and without this all of it would lie in memory.
            while len(stream.sender._buffer) > AHEAD:  # noqa: ASYNC110
                await asyncio.sleep(0)
        await reader.readexactly(len(DONE))
        stopwatch.end()
    return stopwatch


def main() -> None:
    """See the module's docstring."""
    role, engine, size, host, mebibytes, *rest = sys.argv[1:]
    total = int(mebibytes) << 20
    if role == "server":
        certificate, key = map(Path, rest)
        if engine == "stock":
            asyncio.run(stock_serve(int(size), host, total, certificate, key))
        uvloop.run(serve(engine, int(size), host, total, certificate, key))
    elif engine == "stock":
        print(json.dumps(asyncio.run(stock_send(int(size), host, total, int(rest[0]))).report()))
    else:
        print(json.dumps(uvloop.run(send(engine, int(size), host, total, int(rest[0]))).report()))


if __name__ == "__main__":
    main()
