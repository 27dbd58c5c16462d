"""Peers that mean harm, or are merely broken, over real sockets: the others are served on."""

import asyncio
import logging
import random
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.credentials import Credentials
from smbquic.auth.initiator import new_initiator
from smbquic.auth.ntlm.acceptor import NtlmMechanism
from smbquic.auth.users import UserStore
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client import ClientProtocol, Sent
from smbquic.protocol.settings import ClientSettings, ServerSettings
from smbquic.server.access import AccessPolicy
from smbquic.server.server import Server
from smbquic.server.share import ServedShare
from smbquic.storage.local import LocalStorage
from smbquic.transport import tcp
from smbquic.transport.base import Listener
from smbquic.wire.echo import EchoRequest
from smbquic.wire.header import Header

NEGOTIATE = bytes.fromhex(
    "fe534d4240000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000"
    "2400010001000000000000000000000000000000000000000000000000000000000000000202"
)


class AttackedServer:
    """A server on a port of its own."""

    def __init__(self, server: Server, listener: Listener) -> None:
        self.server = server
        self.listener = listener
        self.port = int(listener.url.rpartition(":")[2])

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[AttackedServer]:
    users = UserStore()
    users.add("alice", "secret")
    storage = LocalStorage(tmp_path)
    server = Server(
        [ServedShare("data", storage)],
        AccessPolicy(Authenticator([NtlmMechanism(users, server_name="fs.example")])),
        ServerSettings(guid=bytes(range(16))),
    )
    listener = await tcp.listen("127.0.0.1", 0, server.serve)
    yield AttackedServer(server, listener)
    await listener.close()
    assert server.failures == 0
    assert not server.connections
    storage.close()


@pytest.fixture
async def friend(service: AttackedServer) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Somebody with good manners, who asks whether the server is still there."""
    transport = await tcp.connect("127.0.0.1", service.port)
    client = ClientProtocol(
        ClientSettings(client_guid=bytes(16)),
        quic=False,
        server_name="127.0.0.1",
        random=random.Random(1).randbytes,
    )
    sent = client.negotiate()
    await transport.send(*sent.buffers)
    (response,) = client.receive(await transport.receive())
    client.receive_negotiate_response(response)
    session, sent = client.session_setup(
        new_initiator(Credentials("alice", "secret"), host="127.0.0.1")
    )
    following: Sent | None = sent
    while following is not None:
        await transport.send(*following.buffers)
        (response,) = client.receive(await transport.receive())
        following = client.receive_session_setup_response(session, response)

    async def ask() -> None:
        async with asyncio.timeout(60):
            sent = client.request(EchoRequest(), session=session)
            await transport.send(*sent.buffers)
            (response,) = client.receive(await transport.receive())
            assert response.message_id == sent.message_id

    yield ask
    transport.close()
    await transport.wait_closed()


Ask = Callable[[], Awaitable[None]]


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Receive until the server has closed the connection."""
    received = bytearray()
    async with asyncio.timeout(60):
        with suppress(ConnectionError):
            while more := await reader.read(65536):
                received += more
    return bytes(received)


@pytest.mark.parametrize(
    ("garbage", "said"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", "first byte 0x47", id="another protocol"),
        pytest.param(b"\0\xff\xff\xff", "of 16777215 bytes, more than", id="16 MiB announced"),
        pytest.param(
            b"\0\x10\0\0" + bytes(65536),
            "of 1048576 bytes, more than",
            id="1 MiB announced before a logon",
        ),
        pytest.param(b"\0\0\0\4\xfeSMB", "64 bytes are needed", id="half a header"),
        pytest.param(b"\0\0\0\4\xfdSMB", "52 bytes are needed", id="half a transform header"),
        pytest.param(b"\0\0\0\4\xfcSMB", "fc534d42", id="half a compression header"),
        pytest.param(
            b"\0\0\0\x40" + b"\xffSMB" + bytes(60), "not an SMB1", id="SMB1 without dialects"
        ),
        pytest.param(b"\0\0\0\0", "a message that starts with", id="nothing at all"),
    ],
)
async def test_garbage_is_hung_up_on_with_one_line_in_the_log(
    service: AttackedServer,
    friend: Ask,
    garbage: bytes,
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader, writer = await service.dial()
    port = writer.get_extra_info("sockname")[1]
    writer.write(garbage)
    assert await ended(reader) == b""
    writer.close()
    await friend()
    [line] = [entry for entry in caplog.records if entry.levelno >= logging.INFO]
    assert (line.levelno, line.exc_info) == (logging.WARNING, None)
    assert f"127.0.0.1:{port}: " in line.getMessage()
    assert said in line.getMessage()


async def test_a_header_without_a_body_is_answered(
    service: AttackedServer, friend: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await service.dial()
    writer.write(b"\0\0\0\x40" + NEGOTIATE[:64])
    writer.write_eof()
    answer = await ended(reader)
    writer.close()
    await friend()
    assert Header.decode(memoryview(answer)[4:]).status == NtStatus.INVALID_PARAMETER
    assert not [entry for entry in caplog.records if entry.levelno >= logging.WARNING]


async def test_random_bytes_in_and_behind_the_frame(service: AttackedServer, friend: Ask) -> None:
    chance = random.Random(7)
    for _ in range(100):
        reader, writer = await service.dial()
        message = bytearray(NEGOTIATE)
        for _ in range(chance.randrange(1, 6)):
            message[chance.randrange(len(message))] = chance.randrange(256)
        for _ in range(3):
            writer.write(len(message).to_bytes(4, "big") + message)
        writer.write(chance.randbytes(chance.randrange(100)))
        writer.write_eof()
        await ended(reader)
        writer.close()
    await friend()


async def test_messages_that_stop_in_the_middle(service: AttackedServer, friend: Ask) -> None:
    for size in range(0, len(NEGOTIATE), 7):
        reader, writer = await service.dial()
        writer.write(len(NEGOTIATE).to_bytes(4, "big") + NEGOTIATE[:size])
        writer.write_eof()
        await ended(reader)
        writer.close()
    await friend()


@pytest.fixture
def many_files() -> Iterator[None]:
    """Room for both ends of a thousand connections in one process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            pytest.skip(f"no more than {hard} open files are allowed here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
async def test_a_thousand_connections_that_say_nothing(
    service: AttackedServer, friend: Ask
) -> None:
    sockets = []
    try:
        for number in range(1000):
            sock = socket.create_connection(("127.0.0.1", service.port))
            sockets.append(sock)
            if number % 100 == 99:
                await friend()
        await friend()
    finally:
        for sock in sockets:
            sock.close()
    await friend()


async def test_a_client_that_does_not_read_is_not_served_on(
    service: AttackedServer, friend: Ask
) -> None:
    """The transport bounds the cost; that is tested there. Here: it costs the others
    nothing, and ends with its connection."""
    reader, writer = await service.dial()
    message = len(NEGOTIATE).to_bytes(4, "big") + NEGOTIATE
    writer.write(message * 20_000)
    await friend()
    writer.close()
    await ended(reader)
    await friend()
