"""Both ends of the socket of a handed over connection, in one process, and a client of the test."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from smbquic.errors import ConnectionClosed
from smbquic.transport.base import Flow, PathStatistics, Peer
from smbquic.transport.framing import QUEUE_LIMIT
from smbquic.transport.receive_buffers import ReceiveBuffers
from smbquic.wire.cursor import Buffer
from smbquic.workers.link import WorkerLink
from smbquic.workers.records import encode_peer
from smbquic.workers.stream import RecordStream
from smbquic.workers.transport import HandedOverTransport
from tests.polling import eventually
from tests.scripted_transport import ScriptedTransport

PEER = Peer(
    kind="quic",
    local=("::1", 443),
    remote=("2001:db8::7", 50000),
    server_name="fs.example",
    alpn="smb",
    cipher="AES-128-GCM",
    certificates=(b"leaf", b"\x00issuer"),
    encrypted=True,
    authenticated=True,
    handshake_seconds=0.125,
    engine="qh3",
    engine_reason="the fastest",
    group="X25519",
    leaf=b"leaf",
)
TIMEOUT = 60


class Client(ScriptedTransport):
    """A transport in the worker, whose peer is the test. It takes nothing while it is `stuck`."""

    def __init__(self) -> None:
        super().__init__(PEER)
        self.ends: list[str] = []
        self.is_authenticated = False
        self.measured = PathStatistics()
        self.state = Flow(0, 0, 0, 0, 0, 0, unfinished=False)

    def authenticated(self) -> None:
        self.is_authenticated = True

    def send_now(self, *buffers: Buffer) -> bool:
        if not self.stuck.is_set() or self.ends:
            return False
        self.sent.append(b"".join(buffers))
        return True

    async def send(self, *buffers: Buffer) -> None:
        await self.stuck.wait()
        if self.ends:
            raise ConnectionClosed(self.ends[0])
        self.sent.append(b"".join(buffers))

    def close(self, reason: str = "", *, answered: bool = False) -> None:
        self._end(f"closed: {reason}")

    def drop(self, reason: str) -> None:
        self._end(f"dropped: {reason}")

    def _end(self, reason: str) -> None:
        self.ends.append(reason)
        self.stuck.set()
        super().close(reason)

    def statistics(self) -> PathStatistics:
        return self.measured

    def flow(self) -> Flow:
        return self.state


class Joined:
    """The two ends, and the client of the worker's. `lost` are the main process's ends that are."""

    def __init__(self) -> None:
        self.client = Client()
        self.lost: list[HandedOverTransport] = []

    async def join(self) -> None:
        here, there = socket.socketpair()
        loop = asyncio.get_running_loop()
        _, self.link = await loop.create_unix_connection(
            lambda: WorkerLink(self.client, ReceiveBuffers()), sock=here
        )
        _, self.transport = await loop.create_unix_connection(
            lambda: HandedOverTransport(self.lost.append, ReceiveBuffers()), sock=there
        )
        self.link.send_now(encode_peer(PEER))
        await self.transport.receive_peer()

    @asynccontextmanager
    async def filling(self, sender: RecordStream, receiver: RecordStream) -> AsyncIterator[None]:
        """Send large messages, which nobody fetches, until no more of them go."""

        async def send() -> None:
            with suppress(ConnectionClosed):
                while True:
                    await sender.send(bytes(1 << 20))

        task = asyncio.create_task(send())
        await eventually(lambda: receiver.flow().unfetched > QUEUE_LIMIT)
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def progress(self) -> None:
        """Wait until the main process knows what the link has reported before."""
        self.link.send_now(b"report")
        assert bytes(await self.transport.receive()) == b"report"


@asynccontextmanager
async def joined() -> AsyncIterator[Joined]:
    """Both ends, until the end of the ``async with``."""
    made = Joined()
    await made.join()
    async with asyncio.timeout(TIMEOUT):
        try:
            yield made
        finally:
            made.transport.drop("the test is over")
            made.link.drop("the test is over")
            await made.transport.wait_closed()
            await made.link.wait_closed()
