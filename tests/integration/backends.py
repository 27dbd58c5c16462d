"""Back ends for the gateway that the test plays: what came, and what is answered."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from smbquic.errors import WireError
from smbquic.ntstatus import NtStatus
from smbquic.wire.header import Command, Header
from smbquic.wire.negotiate import NegotiateRequest
from tests.unit.gateway.messages import failed, logged_on, negotiated, refused_logon

PREFIX = 4
GUID = b"client guid %4d"
"""ClientGuids of the tests' clients, by number: health checks have random ones."""

Answer = Callable[[Header, memoryview], bytes | None]


def answer(header: Header, message: memoryview) -> bytes | None:
    """As a server that lets everybody in but mallory and binder, and sends back what else comes."""
    if header.command == Command.NEGOTIATE:
        return bytes(negotiated())
    if header.command == Command.SESSION_SETUP:
        if "mallory".encode("utf-16-le") in bytes(message):
            return bytes(refused_logon(header.message_id))
        if "binder".encode("utf-16-le") in bytes(message):
            return bytes(failed(header.command, NtStatus.INVALID_PARAMETER, header.message_id))
        return bytes(logged_on(header.message_id))
    return bytes(message)


@dataclass
class SimulatedBackend:
    """A back end on a TCP port. `clients` are the ClientGuids of those that were no checks."""

    respond: Answer = answer
    prefix: bool = False
    clients: list[bytes] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)
    ended: int = 0
    _killed: bool = False
    _server: asyncio.Server | None = None
    _port: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self._port}"

    async def start(self) -> None:
        self._killed = False
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def stop_listening(self) -> None:
        """Refuse new connections; those that are there go on."""
        assert self._server is not None
        self._server.close()

    async def kill(self) -> None:
        """As a process that is killed: the port refuses, and every connection is reset."""
        assert self._server is not None
        self._killed = True
        self._server.close()
        if not self._writers:
            self._idle.set()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()
        await self._idle.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._killed:  # accepted just before
            writer.transport.abort()
            return
        self._writers.add(writer)
        self._idle.clear()
        try:
            await self._messages(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            self.ended += 1
            if not self._writers:
                self._idle.set()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _messages(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.prefix:
            head = await reader.readexactly(16)
            rest = await reader.readexactly(int.from_bytes(head[14:], "big"))
            self.prefixes.append(head + rest)
        is_client = False
        while True:
            size = int.from_bytes(await reader.readexactly(PREFIX), "big")
            message = memoryview(await reader.readexactly(size))
            try:
                header = Header.decode(message)
            except WireError:
                header = Header(-1)
            if header.command == Command.NEGOTIATE:
                guid = NegotiateRequest.decode(message).client_guid
                is_client = guid.startswith(b"client guid")
                if is_client:
                    self.clients.append(guid)
            if is_client:
                self.received.append(bytes(message))
            response = self.respond(header, message) if is_client else answer(header, message)
            if response is not None:
                writer.write(len(response).to_bytes(PREFIX, "big") + response)
                await writer.drain()


@asynccontextmanager
async def simulated(count: int, **options: object) -> AsyncIterator[list[SimulatedBackend]]:
    backends = [SimulatedBackend(**options) for _ in range(count)]  # type: ignore[arg-type]
    for each in backends:
        await each.start()
    try:
        yield backends
    finally:
        for each in backends:
            await each.kill()
