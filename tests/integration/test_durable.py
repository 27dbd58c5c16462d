"""Clients that are lost in the middle of a write, and go on: nothing acknowledged is lost, nothing
is torn. [MS-SMB2] 3.3.5.9.12, 3.3.7.1
"""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import smbquic
from smbquic.errors import SmbError
from smbquic.pki import PkiDirectory
from smbquic.server.server import Server
from smbquic.wire.file_id import FileId
from smbquic.wire.read import ReadRequest
from tests.integration import writing
from tests.integration.caching import PASSWORD, Caching, caching
from tests.integration.writing import CHUNK, CHUNKS, CLIENT, NAME, chunk
from tests.urls import share_url

CUTS = 20
"""How often the connection is lost."""


@dataclass
class Serving:
    """A server of `root`, and how to get there."""

    transport: str
    port: int
    root: Path
    pki: PkiDirectory
    server: Server

    def url(self, port: int | None = None) -> str:
        return share_url(self.transport, port or self.port, user=f"alice:{PASSWORD}")


@pytest.fixture(params=["tcp", "quic"])
async def serving(
    request: pytest.FixtureRequest, tmp_path: Path, pki: PkiDirectory
) -> AsyncIterator[Serving]:
    root = tmp_path / "root"
    root.mkdir()
    async with smbquic.serve(
        {"data": root},
        {"alice": PASSWORD},
        [f"{request.param}://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as running:
        port = int(running.listeners[0].rpartition(":")[2])
        yield Serving(request.param, port, root, pki, running.server)


async def read_back(client: Caching, file_id: FileId, number: int) -> bytes:
    response = await client.call(ReadRequest(CHUNK, number * CHUNK, file_id))
    return b"" if response.status.is_error else bytes(response.body.data)


# --- the client is killed -----------------------------------------------------------------------


@pytest.mark.parametrize("enough", [1, 40, 200])
async def test_a_client_is_killed_and_another_goes_on(serving: Serving, enough: int) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.writing",
        serving.url(),
        str(serving.pki.ca),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    known = json.loads(await process.stdout.readline())
    acknowledged = [int(await process.stdout.readline()) for _ in range(enough)]
    process.kill()
    acknowledged += [
        int(line) for line in (await process.stdout.read()).splitlines() if line.strip()
    ]
    await process.wait()

    session = known["session"]
    async with caching(
        serving.url(), serving.pki.ca, CLIENT, previous_session_id=session
    ) as client:
        file_id = await writing.come_back(client, FileId(*known["file"]))
        for number in range(CHUNKS):
            found = await read_back(client, file_id, number)
            if number in acknowledged or any(found):
                assert found == chunk(number)
            else:
                await writing.put(client, file_id, number)
    assert (serving.root / NAME).read_bytes() == b"".join(map(chunk, range(CHUNKS)))


# --- the connection is lost ---------------------------------------------------------------------


class _Datagrams(asyncio.DatagramProtocol):
    """Passes on what it gets, as long as it may."""

    def __init__(self, passes: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._passes = passes
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._passes(data, addr)


@dataclass
class CutConnection:
    """A way to the server that ends after some bytes, in the middle of whatever it is; `port` is
    where it begins."""

    left: int
    port: int
    happened: asyncio.Event

    def take(self, size: int) -> int:
        """How many of so many bytes still get through."""
        taken = min(size, self.left)
        self.left -= taken
        if not self.left:
            self.happened.set()
        return taken


@asynccontextmanager
async def cut_after(serving: Serving, size: int) -> AsyncIterator[CutConnection]:
    cut = CutConnection(size, 0, asyncio.Event())
    way = _tcp_way if serving.transport == "tcp" else _udp_way
    async with way(serving.port, cut):
        yield cut


@asynccontextmanager
async def _tcp_way(port: int, cut: CutConnection) -> AsyncIterator[None]:
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(1 << 16):
                sink.write(data[: cut.take(len(data))])
                if cut.happened.is_set():
                    break

        pumps = [asyncio.create_task(pump(reader, back)), asyncio.create_task(pump(there, writer))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for task, sink in zip(pumps, (back, writer), strict=True):
            task.cancel()
            sink.close()
        cut.happened.set()

    listener = await asyncio.start_server(forward, "127.0.0.1", 0)
    cut.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield


@asynccontextmanager
async def _udp_way(port: int, cut: CutConnection) -> AsyncIterator[None]:
    """From here on it is silent: nothing reports the loss."""
    client: tuple[str, int] | None = None

    def upwards(data: bytes, addr: tuple[str, int]) -> None:
        nonlocal client
        client = addr
        if cut.take(len(data)) == len(data):
            outside.sendto(data)

    def downwards(data: bytes, addr: tuple[str, int]) -> None:
        if client is not None and cut.take(len(data)) == len(data):
            inside.sendto(data, client)

    loop = asyncio.get_running_loop()
    inside, _ = await loop.create_datagram_endpoint(
        lambda: _Datagrams(upwards), local_addr=("127.0.0.1", 0)
    )
    outside, _ = await loop.create_datagram_endpoint(
        lambda: _Datagrams(downwards), remote_addr=("127.0.0.1", port)
    )
    cut.port = inside.get_extra_info("sockname")[1]
    try:
        yield
    finally:
        inside.close()
        outside.close()


async def _until(event: asyncio.Event, work: Awaitable[None]) -> None:
    """Do it until something happens, or until it fails."""
    task, happens = asyncio.ensure_future(work), asyncio.create_task(event.wait())
    await asyncio.wait([task, happens], return_when=asyncio.FIRST_COMPLETED)
    for one in (task, happens):
        one.cancel()
    await asyncio.gather(task, happens, return_exceptions=True)


@dataclass
class _Life:
    """The ids that a client needs to reconnect, and the content that the file may have by now."""

    session: int
    file_id: FileId
    possible: dict[int, set[bytes]]


async def test_the_connection_is_lost_at_any_point(serving: Serving) -> None:
    generator = random.Random(4)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as losing:
        client = await stack.enter_async_context(caching(serving.url(), serving.pki.ca, CLIENT))
        file_id = await writing.begin(client)
        life = _Life(client.session_id, file_id, {number: {b""} for number in range(32)})
        for turn in range(1, CUTS + 1):
            lost = asyncio.Event()
            size = 60_000 + generator.randrange(1 << 20)
            # Who was cut off takes its time to notice; nobody waits for that.
            losing.create_task(_lose(serving, life, turn, size, lost))
            await lost.wait()
            async with _again(serving, life) as client:
                for number, possible in life.possible.items():
                    found = await read_back(client, life.file_id, number)
                    if not any(found):
                        found = b""
                    assert found in possible, f"chunk {number} in turn {turn}"
                    possible.intersection_update({found})
    assert len(serving.server.files.durables) == 1
    assert serving.server.failures == 0


@asynccontextmanager
async def _again(serving: Serving, life: _Life, port: int | None = None) -> AsyncIterator[Caching]:
    """Come back, with all that was open."""
    async with caching(
        serving.url(port), serving.pki.ca, CLIENT, previous_session_id=life.session
    ) as client:
        life.session = client.session_id
        life.file_id = await writing.come_back(client, life.file_id)
        yield client


async def _lose(serving: Serving, life: _Life, turn: int, size: int, lost: asyncio.Event) -> None:
    """Write until the connection is lost, after so many bytes."""
    try:
        async with cut_after(serving, size) as cut, _again(serving, life, cut.port) as client:
            await _until(cut.happened, _rewrite(client, life.file_id, life.possible, turn))
            lost.set()
    finally:
        lost.set()


async def _rewrite(
    client: Caching, file_id: FileId, possible: dict[int, set[bytes]], turn: int
) -> None:
    """Write everything anew; what is acknowledged is all that is possible from then on."""

    async def one(number: int) -> None:
        possible[number].add(chunk(number, turn))
        await writing.put(client, file_id, number, turn)
        possible[number].intersection_update({chunk(number, turn)})

    try:
        await asyncio.gather(*map(one, possible))
    except SmbError:
        return
