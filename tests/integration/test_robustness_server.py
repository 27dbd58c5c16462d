"""Clients that mean harm, against `smbquic serve` as it is run: the others are served on.

In the middle of each attack honest clients get their file, over both transports, on connections
that were there before and on new ones. The server stays small, and its log says what happened.
"""

import asyncio
import contextlib
import random
import re
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

import smbquic
from smbquic.pki import PkiDirectory
from smbquic.protocol.client import ClientProtocol
from smbquic.protocol.settings import ClientSettings
from smbquic.transport import quic
from tests.interop.processes import PASSWORD, USER, ServerProcess, running_server
from tests.urls import share_url

CONTENT = random.Random(4).randbytes(1_000_000)
PATIENCE = 60.0
MEMORY_LIMIT = 200 << 20
LIMIT = 1024
"""Connections that the server takes."""
MANY = LIMIT + 76
USUAL_FILE_LIMIT = 1024
"""Descriptors that a process gets by default on most systems."""

Fetch = Callable[[], Awaitable[None]]


@pytest.fixture(scope="module")
def many_files() -> Iterator[None]:
    """Room for our ends of the connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MANY
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"no more than {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def _server(pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (USUAL_FILE_LIMIT, hard))
    folder = tmp_path_factory.mktemp("robust")
    limits = folder / "limits.toml"
    limits.write_text(
        f"[limits]\nconnections = {LIMIT}\nconnections_of_address = {2 * LIMIT}\n"
        f"unauthenticated = {2 * LIMIT}\nunauthenticated_of_address = {2 * LIMIT}\n"
        "unauthenticated_share = 1.0\n"
        "logon_seconds = 600.0\n"  # longer than it takes to come in such numbers
    )
    try:
        # Every line of the log counts here, so none is left out (-v the second time).
        starting = running_server(folder, pki, "-c", str(limits), "-v")
        server = starting.__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    (server.share / "file").write_bytes(CONTENT)
    yield server
    starting.__exit__(None, None, None)


class Log:
    """The lines that the server has logged since the test began."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = path.stat().st_size

    def __call__(self) -> str:
        with self._path.open() as file:
            file.seek(self._start)
            return file.read()


@pytest.fixture
def log(_server: ServerProcess) -> Log:
    return Log(_server.log)


@pytest.fixture
def server(_server: ServerProcess, log: Log) -> Iterator[ServerProcess]:
    """The server, which has to be there, small and without an error of its own at the end."""
    yield _server
    said = log()
    assert "Traceback" not in said, said
    assert "ERROR" not in said, said
    assert _server.peak_memory() < MEMORY_LIMIT


@contextlib.asynccontextmanager
async def connected(server: ServerProcess, transport: str) -> AsyncIterator[smbquic.Share]:
    url = share_url(transport, server.ports[transport], user=USER)
    async with smbquic.connect(url, password=PASSWORD, ca=server.pki.ca, timeout=PATIENCE) as share:
        yield share


@pytest.fixture
async def fetch(server: ServerProcess) -> AsyncIterator[Fetch]:
    """Gets the file over both transports, on connections that stay, and on new ones."""

    async def anew(transport: str) -> None:
        async with connected(server, transport) as share:
            assert await share.read_bytes("file") == CONTENT

    async with connected(server, "tcp") as tcp, connected(server, "quic") as quic:

        async def fetch() -> None:
            async with asyncio.timeout(PATIENCE):
                for share in (tcp, quic):
                    assert await share.read_bytes("file") == CONTENT
                await anew("tcp")
                await anew("quic")

        await fetch()
        yield fetch
        await fetch()


async def meanwhile(attack: Awaitable[None], fetch: Fetch) -> None:
    """Get the file again and again, until the attack is over."""
    attacking = asyncio.ensure_future(attack)
    while not attacking.done():
        await fetch()
    await attacking


# --- over TCP -----------------------------------------------------------------------------------


def negotiate() -> bytes:
    """A NEGOTIATE as our client sends it, in its frame."""
    client = ClientProtocol(
        ClientSettings(client_guid=bytes(16)),
        quic=False,
        server_name="localhost",
        random=random.Random(5).randbytes,
    )
    message = b"".join(client.negotiate().buffers)
    return len(message).to_bytes(4, "big") + message


async def say(server: ServerProcess, *pieces: bytes) -> bytes:
    """Send it on a connection of its own; all that the server answers until it closes that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.ports["tcp"])
    answer = b""
    try:
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(
                OSError
            ):  # the server closes the connection before all is sent
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                writer.write_eof()
                while data := await reader.read(65536):
                    answer += data
    finally:
        writer.transport.abort()
    return answer


async def test_random_bytes_over_tcp(server: ServerProcess, fetch: Fetch, log: Log) -> None:
    chance = random.Random(6)

    async def attack() -> None:
        for _ in range(100):
            await say(server, b"\x01" + chance.randbytes(chance.randrange(2000)))
            await say(server, b"\0\0\1\0\xfeSMB" + chance.randbytes(252))

    await meanwhile(attack(), fetch)
    assert len(re.findall("WARNING .* does not frame its messages as SMB does", log())) == 100
    assert log().count("broke the protocol") == 100


async def test_truncated_frames(server: ServerProcess, fetch: Fetch) -> None:
    whole = negotiate()

    async def attack() -> None:
        for size in range(len(whole)):
            assert await say(server, whole[:size]) == b""
        for size in range(4, len(whole), 3):
            await say(server, (size - 4).to_bytes(4, "big") + whole[4:size])

    await meanwhile(attack(), fetch)
    assert await say(server, whole) != b""


async def test_damaged_messages(server: ServerProcess, fetch: Fetch) -> None:
    chance = random.Random(7)
    whole = negotiate()

    async def attack() -> None:
        for _ in range(200):
            damaged = bytearray(whole)
            for _ in range(chance.randrange(1, 8)):
                damaged[chance.randrange(4, len(damaged))] = chance.randrange(256)
            await say(server, bytes(damaged), bytes(damaged), whole)

    await meanwhile(attack(), fetch)


@pytest.mark.parametrize("length", [0xFFFFFF, 0x900000, 0x100000])
async def test_frames_that_are_too_long(
    server: ServerProcess, fetch: Fetch, log: Log, length: int
) -> None:
    async def attack() -> None:
        for _ in range(10):
            piece = length.to_bytes(4, "big") + bytes(4 << 20)
            assert await say(server, piece, piece, piece, piece) == b""

    await meanwhile(attack(), fetch)
    assert len(re.findall(f"WARNING .* a message of {length} bytes", log())) == 10


async def test_a_thousand_half_open_connections(
    server: ServerProcess, fetch: Fetch, log: Log, many_files: None
) -> None:
    """They announce a message and send the beginning of it; a hundred more are refused."""
    sockets: list[socket.socket] = []
    gone = 0

    async def attack() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(1000):
            sock = socket.socket()
            sockets.append(sock)
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", server.ports["tcp"]))
            await loop.sock_sendall(sock, b"\0\1\0\0\xfeSMB")

    try:
        await meanwhile(attack(), fetch)
        await fetch()
        loop = asyncio.get_running_loop()
        for _ in range(MANY - 1000):
            sock = socket.socket()
            sockets.append(sock)
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", server.ports["tcp"]))
        async with asyncio.timeout(PATIENCE):
            for sock in sockets[-50:]:
                with contextlib.suppress(ConnectionError):
                    assert await loop.sock_recv(sock, 1) == b""
                gone += 1
        assert gone == 50
        assert "was refused" in log()
    finally:
        for sock in sockets:
            sock.close()


async def until_it_fails(call: Callable[[], Awaitable[None]]) -> None:
    while True:
        await call()


async def test_a_user_who_sends_nonsense(server: ServerProcess, fetch: Fetch, log: Log) -> None:
    chance = random.Random(8)
    for transport in ("tcp", "quic"):
        for nonsense in (chance.randbytes(300), b"\xfeSMB" + bytes(60), bytes(9 << 20), b"\xfdSMB"):
            async with connected(server, transport) as share:
                connection = share.session.connection
                await connection.transport.send(nonsense)
                with pytest.raises(smbquic.ConnectionClosed):
                    await until_it_fails(connection.echo)
            await fetch()
    assert log().count("closed, as the client broke the protocol") + log().count("announced") >= 8


# --- over QUIC ----------------------------------------------------------------------------------


def first_datagrams(server: ServerProcess) -> list[bytes]:
    """Return the first datagram of a new QUIC client."""
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=["smb"], server_name="localhost", verify_mode=ssl.CERT_NONE
    )
    client = QuicConnection(configuration=configuration)
    client.connect(("127.0.0.1", server.ports["quic"]), now=0.0)
    return [datagram for datagram, _ in client.datagrams_to_send(now=0.0)]


@pytest.fixture
def udp(server: ServerProcess) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", server.ports["quic"]))
        yield sock


async def test_random_datagrams(server: ServerProcess, fetch: Fetch, udp: socket.socket) -> None:
    chance = random.Random(9)
    versions = (b"\0\0\0\1", b"\x6b\x33\x43\xcf", b"\0\0\0\0", b"\xff\0\0\x1d")

    async def attack() -> None:
        for number in range(5000):
            datagram = chance.randbytes(chance.choice([0, 1, 7, 20, 1199, 1200, 1400]))
            if number % 2:
                first = bytes([0xC0 | chance.randrange(64)])
                datagram = first + chance.choice(versions) + b"\x08" + datagram
            udp.send(datagram)
            if number % 50 == 0:
                await asyncio.sleep(0)

    await meanwhile(attack(), fetch)


async def test_damaged_handshakes(server: ServerProcess, fetch: Fetch, udp: socket.socket) -> None:
    chance = random.Random(10)

    async def attack() -> None:
        for _ in range(100):
            for datagram in first_datagrams(server):
                damaged = bytearray(datagram)
                for _ in range(chance.randrange(1, 8)):
                    damaged[chance.randrange(len(damaged))] = chance.randrange(256)
                udp.send(damaged)
            await asyncio.sleep(0)

    await meanwhile(attack(), fetch)


async def test_half_open_handshakes(
    server: ServerProcess, fetch: Fetch, udp: socket.socket, log: Log
) -> None:
    """Several hundred clients that say hello and nothing more."""

    async def attack() -> None:
        for _ in range(600):
            for datagram in first_datagrams(server):
                udp.send(datagram)
            await asyncio.sleep(0)

    # The log has a refusal of the same kind once in ten seconds.
    async with asyncio.timeout(60):
        while "has to validate its address" not in log():
            await meanwhile(attack(), fetch)
    await fetch()


async def test_nonsense_behind_a_handshake(server: ServerProcess, fetch: Fetch, log: Log) -> None:
    chance = random.Random(11)
    trust = quic.ClientTls(ca=server.pki.ca)

    async def attack() -> None:
        for nonsense in (chance.randbytes(1000), b"\xfeSMB", b"", bytes(1 << 20)):
            for _ in range(5):
                transport = await quic.connect("localhost", server.ports["quic"], trust=trust)
                await transport.send(nonsense)
                with pytest.raises(smbquic.ConnectionClosed):
                    await asyncio.wait_for(transport.receive(), PATIENCE)
                transport.close()
                await transport.wait_closed()

    await meanwhile(attack(), fetch)
    assert log().count("broke the protocol") >= 15
