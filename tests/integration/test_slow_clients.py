"""Clients on real connections that hold a server up; and those beside them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import smbquic
from smbquic.client import requests
from smbquic.errors import ConnectionClosed
from smbquic.options.limits import Limits
from smbquic.overload import slow_peers
from smbquic.overload.refusals import ServerRefusal
from smbquic.pki import PkiDirectory
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic.transport import QuicTransport
from smbquic.transport.tcp import TcpTransport
from tests.integration.internals import engine_of

PATIENCE = 60.0
MIB = 1 << 20
SIZE = 8 * MIB
"""More than a kernel takes off the server's hands, times the requests."""
REQUESTS = 8


@pytest.fixture(params=["quic", "tcp"])
async def serving(
    request: pytest.FixtureRequest,
    pki: PkiDirectory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[smbquic.Serving]:
    """A server that soon loses patience: within half a second there has to be progress."""
    monkeypatch.setattr(slow_peers, "INTERVAL", 0.1)
    (tmp_path / "big").write_bytes(bytes(SIZE))
    async with smbquic.serve(
        {"data": tmp_path},
        {"mallory": "secret", "alice": "secret"},
        [f"{request.param}://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
        limits=Limits(slow_seconds=0.5, slow_rate=1),
    ) as serving:
        yield serving


def connect(
    serving: smbquic.Serving, user: str, pki: PkiDirectory
) -> contextlib.AbstractAsyncContextManager[smbquic.Share]:
    kind, _, place = serving.listeners[0].partition("://")
    scheme = {"tcp": "smb", "quic": "smb+quic"}[kind]
    url = f"{scheme}://{user}@{place}/data"
    return smbquic.connect(
        url, password="secret", ca=pki.ca, timeout=PATIENCE, reconnect_timeout=0.0
    )


async def until_dropped(serving: smbquic.Serving, why: ServerRefusal) -> None:
    async with asyncio.timeout(PATIENCE):
        while not serving.server.refusals.counts[why]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_client_that_does_not_take_its_answers(
    serving: smbquic.Serving, pki: PkiDirectory
) -> None:
    async with connect(serving, "alice", pki) as friend:
        async with connect(serving, "mallory", pki) as share, share.open("big") as file:
            transport = share.session.connection.transport
            stop_listening(transport)
            reads = [
                asyncio.create_task(share.tree.request(requests.read(0, SIZE, file.file_id), "big"))
                for _ in range(REQUESTS)
            ]
            await until_dropped(serving, ServerRefusal.SLOW_READER)
            transport.drop("enough")
            failures = await asyncio.gather(*reads, return_exceptions=True)
            assert all(isinstance(each, ConnectionClosed) for each in failures)
            file.mark_closed()
        assert await friend.listdir() == ["big"]


def stop_listening(transport: MessageTransport) -> None:
    """Take nothing more of what the server sends."""
    if transport.peer.kind == "tcp":
        assert isinstance(transport, TcpTransport)
        transport._transport.pause_reading()
    else:
        assert isinstance(transport, QuicTransport)
        transport._inbound.take = lambda piece: None  # type: ignore[method-assign]
        engine_of(transport).release = lambda count: False  # type: ignore[method-assign]


async def test_a_client_that_does_not_finish_its_message(
    serving: smbquic.Serving, pki: PkiDirectory
) -> None:
    async with connect(serving, "alice", pki) as friend:
        async with connect(serving, "mallory", pki) as share:
            transport = share.session.connection.transport
            if isinstance(transport, QuicTransport):
                transport.connection.write((b"\0\0\1\0\xfeSMB",))
            else:
                assert isinstance(transport, TcpTransport)
                transport._write((b"\0\0\1\0\xfeSMB",))
            await until_dropped(serving, ServerRefusal.SLOW_WRITER)
            # The share itself would connect again.
            with pytest.raises(ConnectionClosed):
                async with asyncio.timeout(PATIENCE):
                    await share.session.connection.echo()
        assert await friend.listdir() == ["big"]
