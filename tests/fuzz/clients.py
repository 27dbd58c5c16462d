"""The client library against a server whose answers are changed before they are signed."""

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from smbquic.auth.credentials import Credentials
from smbquic.client import session as sessions
from smbquic.client.connection import ClientConnection
from smbquic.client.share import Share
from smbquic.errors import SmbError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.protocol.settings import DIALECTS, ClientSettings
from smbquic.server.server import Server
from smbquic.transport.base import MessageTransport
from smbquic.wire.cursor import Buffer
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.header import Command
from smbquic.wire.message import Message
from tests.fuzz import logons
from tests.fuzz.memory import pair
from tests.fuzz.place import FuzzPlace
from tests.fuzz.player import PATIENCE, Misbehaviour
from tests.fuzz.servers import KINDS, hung_up, run_until_quiet, serving
from tests.fuzz.source import Source, spoiled

_STEPS = 12
_STATUSES = (
    *(NtStatus.SUCCESS, NtStatus.PENDING, NtStatus.BUFFER_OVERFLOW, NtStatus.NO_MORE_FILES),
    *(NtStatus.NETWORK_SESSION_EXPIRED, NtStatus.MORE_PROCESSING_REQUIRED, NtStatus.END_OF_FILE),
    *(NtStatus.of(0x00000105), NtStatus.of(0x40000000), NtStatus.of(0xFFFFFFFF)),
)


@dataclass(slots=True)
class _Changed(Message):
    """A body that is not what it was."""

    body: bytes

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """Nobody decodes it here."""
        return cls(bytes(message))

    def encode(self) -> bytes:
        """The body."""
        return self.body


class _Liar(Server):
    """Changes some answers as a source decides."""

    source: Source

    async def serve(self, transport: MessageTransport) -> None:
        """See `Server`."""
        connection = self._accept(transport)
        honest = connection.protocol.respond

        def respond(
            request: Request, response: Message, status: NtStatus = NtStatus.SUCCESS
        ) -> list[Buffer] | None:
            what = self.source.below(16)
            if what >= 13:
                body = b"".join(response.buffers())
                response = _Changed(spoiled(body, self.source))
            elif what == 12:
                status = self.source.pick(_STATUSES)
            return honest(request, response, status)

        patient = connection.protocol.interim

        def interim(request: Request) -> list[Buffer]:
            if request.header.command == Command.READ:
                # Of a pipe, for the rest of what was said to be longer than it is: it never comes.
                transport.close("there is nothing more")
            return patient(request)

        connection.protocol.respond, connection.protocol.interim = respond, interim
        self.connections[connection] = None
        try:
            await connection.run(partial(self.dispatcher.handle, connection))
        finally:
            del self.connections[connection]


def run(data: bytes) -> None:
    """Some operations of the library; whatever the server says, they end or raise."""
    run_until_quiet(_use(Source(data)))


async def _use(source: Source) -> None:
    mine, theirs = pair(source.pick(KINDS))
    with serving(_Liar) as (server, _), tempfile.TemporaryDirectory() as folder:
        assert isinstance(server, _Liar)
        server.source = source
        local = FuzzPlace(Path(folder))
        connection = asyncio.create_task(server.serve(theirs))
        try:
            async with asyncio.timeout(PATIENCE):
                await _connect_and_operate(mine, source, local.share)
        except TimeoutError as error:
            raise Misbehaviour(f"the client waits for more than {PATIENCE:g} s") from error
        finally:
            mine.close()
            await hung_up(server, connection)
        local.check()


async def _connect_and_operate(transport: MessageTransport, source: Source, local: Path) -> None:
    dialects = DIALECTS[: source.pick((5, 5, 5, 4, 1))]
    settings = ClientSettings(client_guid=bytes(16), dialects=dialects)
    credentials = Credentials(logons.USER, logons.PASSWORD)
    try:
        connection = await ClientConnection.open(transport, settings, server_name="localhost")
    except SmbError:
        return
    try:
        session = await sessions.Session.logon(connection, credentials, host="localhost")
        share = Share(session, await session.tree("data"))
        for _ in range(_STEPS):
            if source.exhausted or connection.closed:
                break
            await _attempt(source.pick(_OPERATIONS)(share, local))
    except SmbError:
        pass
    finally:
        await connection.close()


async def _attempt(operation: Awaitable[object]) -> None:
    """Await an operation, which may raise these errors and no others."""
    with contextlib.suppress(SmbError, OSError):
        await operation


async def _walk(share: Share, _: Path) -> None:
    async for _folder in share.walk():
        pass


async def _patch(share: Share, _: Path) -> None:
    async with share.open("known", "r+b") as file:
        await file.seek(100)
        await file.write(b"patched")
        await file.truncate(1000)
        await file.read_at(0, 4096)


_OPERATIONS: tuple[Callable[[Share, Path], Awaitable[object]], ...] = (
    _walk,
    _patch,
    lambda share, _: share.listdir("dir"),
    lambda share, _: share.stat("known"),
    lambda share, _: share.exists("nothing"),
    lambda share, _: share.read_bytes("known"),
    lambda share, _: share.write_bytes("new", b"new" * 1000),
    lambda share, _: share.rename("known", "other", replace=True),
    lambda share, _: share.volume(),
    lambda share, _: share.usage(),
    lambda share, _: share.utime("known", modified=1),
    lambda share, _: share.set_attributes("known", FileAttributes.HIDDEN),
    lambda share, _: share.remove("known"),
    lambda share, _: share.makedirs("x/y"),
    lambda share, _: share.rmtree("dir"),
    lambda share, local: share.get("known", local / "known"),
    lambda share, local: share.get_tree("dir", local / "tree"),
    lambda share, _: share.copy("known", "copy"),
    lambda share, _: share.session.shares(),
    lambda share, _: share.session.connection.echo(),
    lambda share, _: share.session.logoff(),
)
