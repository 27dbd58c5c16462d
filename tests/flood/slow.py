"""Clients that have logged on and then are slow: to read, or to finish a message."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

from smbquic.auth.credentials import Credentials
from smbquic.auth.initiator import new_initiator
from smbquic.client import requests
from smbquic.errors import SmbError
from smbquic.protocol.client import ClientProtocol, Sent
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.response import Response
from smbquic.protocol.settings import ClientSettings
from smbquic.wire.file_id import FileId
from smbquic.wire.message import Message
from smbquic.wire.tree_connect import TreeConnectRequest
from tests.flood.common import AttackTarget, Counts, TcpLink, connected
from tests.flood.handshakes import HALF_A_NEGOTIATE, Begin
from tests.flood.links import over_quic as connect_over_quic

MIB = 1 << 20
SLOW_READ_SIZE = 1024
"""Bytes that a slow reader takes in a second."""
CREDITS = 480
AT_ONCE = 8
"""Logons under way, so that the attack is slow reading and not logging on."""


class SlowClient:
    """A client that sends only what its caller says, over any transport of messages."""

    def __init__(self, link: Any, *, is_quic: bool) -> None:
        self.link = link
        self._protocol = ClientProtocol(
            ClientSettings(client_guid=os.urandom(16)),
            quic=is_quic,
            server_name="localhost",
            random=os.urandom,
        )
        self._session: ClientSession | None = None
        self._tree_id = 0

    async def _answer(self, sent: Sent) -> Response:
        await self.link.send(*sent.buffers)
        while True:
            for response in self._protocol.receive(await self.link.receive()):
                if response.message_id == sent.message_id and not response.pending:
                    return response

    async def log_on(self, user: str, password: str) -> None:
        protocol = self._protocol
        protocol.receive_negotiate_response(await self._answer(protocol.negotiate()))
        initiator = new_initiator(Credentials(user, password), host="localhost")
        session, sent = protocol.session_setup(initiator)
        following: Sent | None = sent
        while following is not None:
            response = await self._answer(following)
            following = protocol.receive_session_setup_response(session, response)
        self._session = session

    def request(self, body: Message) -> Sent:
        return self._protocol.request(body, session=self._session, tree_id=self._tree_id)

    async def open(self, share: str, name: str) -> FileId:
        response = await self._answer(self.request(TreeConnectRequest(rf"\\localhost\{share}")))
        self._tree_id = response.header.tree_id
        response = await self._answer(self.request(requests.create(name, requests.READ)))
        file_id: FileId = response.body.file_id
        return file_id


Connect = Callable[[AttackTarget], Awaitable[SlowClient]]
SlowAction = Callable[[SlowClient, FileId], Awaitable[None]]


async def _tcp(target: AttackTarget) -> SlowClient:
    return SlowClient(TcpLink(await connected(target.tcp)), is_quic=False)


async def _quic(target: AttackTarget) -> SlowClient:
    """With a small window, so that little of what is sent gets off the server."""
    return SlowClient(await connect_over_quic(target, window=64 << 10), is_quic=True)


async def _run_slow_clients(
    target: AttackTarget,
    counts: Counts,
    begin: Begin,
    over_tcp: SlowAction,
    over_quic: SlowAction,
) -> None:
    """Have `count` clients log on, then be slow; a lost one connects again."""
    kinds: list[tuple[Connect, SlowAction]] = [(_quic, over_quic)]
    if target.tcp:
        kinds.append((_tcp, over_tcp))
    logons = asyncio.Semaphore(AT_ONCE)
    started = asyncio.Event()
    connected_all = asyncio.Semaphore(0)

    async def one(number: int) -> None:
        connect, act_slowly = kinds[number % len(kinds)]
        while True:
            try:
                async with logons:
                    client = await connect(target)
                    await client.log_on(target.user, target.password)
                    file_id = await client.open(target.share, target.file)
                counts["logged on"] += 1
                connected_all.release()
                await started.wait()
                await act_slowly(client, file_id)
            except (OSError, SmbError):
                pass
            counts["disconnected"] += 1
            await asyncio.sleep(1)

    tasks = [asyncio.create_task(one(number)) for number in range(target.count)]
    for _ in range(target.count):
        await connected_all.acquire()
    await begin()
    started.set()
    await asyncio.gather(*tasks)


async def _ask_for_a_lot(client: SlowClient, file_id: FileId) -> None:
    for number in range(CREDITS // 16):
        await client.link.send(*client.request(requests.read(number * MIB, MIB, file_id)).buffers)


async def _read_slowly(client: SlowClient, file_id: FileId) -> None:
    """Over TCP: 1 KiB a second."""
    loop = asyncio.get_running_loop()
    asking = asyncio.create_task(_ask_for_a_lot(client, file_id))
    try:
        with client.link.sock as sock:
            while await loop.sock_recv(sock, SLOW_READ_SIZE):  # noqa: ASYNC110 (sleeping is the point)
                await asyncio.sleep(1)
    finally:
        asking.cancel()


async def _read_nothing(client: SlowClient, file_id: FileId) -> None:
    """Over QUIC: nothing is taken, so that the flow-control window stays closed."""
    client.link._inbound.take = lambda piece: None
    asking = asyncio.create_task(_ask_for_a_lot(client, file_id))
    try:
        client.link.keep_alive = True
        await client.link.wait_closed()
    finally:
        asking.cancel()


async def readers(target: AttackTarget, counts: Counts, begin: Begin) -> None:
    """Request 30 MiB and read 1 KiB of it in a second (TCP), or none of it (QUIC)."""
    await _run_slow_clients(target, counts, begin, _read_slowly, _read_nothing)


async def _write_slowly_tcp(client: SlowClient, _: FileId) -> None:
    loop = asyncio.get_running_loop()
    with client.link.sock as sock:
        await loop.sock_sendall(sock, HALF_A_NEGOTIATE)
        while True:
            await loop.sock_sendall(sock, b"\0")
            await asyncio.sleep(1)


async def _write_slowly_quic(client: SlowClient, _: FileId) -> None:
    client.link.connection.write((HALF_A_NEGOTIATE,))
    while client.link.connection.lifecycle.error is None:
        client.link.connection.write((b"\0",))
        await asyncio.sleep(1)


async def writers(target: AttackTarget, counts: Counts, begin: Begin) -> None:
    """Begin a message, and go on with a byte in a second."""
    await _run_slow_clients(target, counts, begin, _write_slowly_tcp, _write_slowly_quic)
