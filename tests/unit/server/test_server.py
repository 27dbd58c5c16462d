"""The end of a server, and the names of its shares."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import pytest

from smbquic.auth.logon_limiter import LogonLimits
from smbquic.errors import ConnectionClosed
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.protocol.client import ClientProtocol
from smbquic.protocol.settings import ClientSettings
from smbquic.server.server import Server
from smbquic.server.share import ServedShare
from tests.random_bytes import RandomBytes
from tests.unit.server.smb_client import Connect, MemoryTransport, ServerWith, share_of


async def test_closing_the_server_ends_its_connections(connect: Connect, server: Server) -> None:
    client = await connect()
    await server.close()
    await asyncio.wait_for(client.served, 60)
    assert "stopping" in client.transport.closed


async def test_share_names_are_taken_once(server_with: ServerWith, server: Server) -> None:
    share = share_of(server, "DATA")
    assert share is server.share("data")
    for shares in ([share, share], [ServedShare("ipc$", share.storage)]):
        with pytest.raises(ValueError, match=r"already|reserved"):
            Server(shares, server.access, server.settings)


@pytest.mark.parametrize("kind", ["tcp", "quic"])
async def test_who_is_refused_is_told_so_and_may_try_again(
    server: Server, kind: Literal["tcp", "quic"]
) -> None:
    transport = MemoryTransport(kind)
    protocol = ClientProtocol(
        ClientSettings(client_guid=bytes(16)),
        quic=kind == "quic",
        server_name="fs.example",
        random=RandomBytes(),
    )
    refusing = asyncio.create_task(server.refuse(transport))
    transport.to_server.put_nowait(b"".join(protocol.negotiate().buffers))
    [response] = protocol.receive(await transport.to_client.get())

    assert response.status == NtStatus.REQUEST_NOT_ACCEPTED
    assert transport.max_message_size == 128 << 10
    # It is for the client to leave.
    await asyncio.sleep(0)
    assert not refusing.done()
    transport.close()
    with pytest.raises(ConnectionClosed):
        await refusing
    assert not server.connections


async def test_what_a_server_closes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def note(name: str) -> Callable[[], Awaitable[None]]:
        async def step() -> None:
            steps.append(name)

        return step

    monkeypatch.setattr(server.files.durables, "close", lambda: steps.append("durable opens"))
    monkeypatch.setattr(server, "close_connections", note("connections"))
    monkeypatch.setattr(server.sessions.background, "wait", note("sessions"))
    monkeypatch.setattr(server.files, "wait_closed", note("files"))
    monkeypatch.setattr(server.audit.aggregation, "flush", lambda: steps.append("audit"))

    await server.close()

    assert steps == ["durable opens", "connections", "sessions", "files", "audit"]
    with pytest.raises(RuntimeError, match="shutdown"):
        server.threads.submit(int)


async def test_new_limits_are_used_everywhere_at_once(connect: Connect, server: Server) -> None:
    await connect()
    limits = Limits(
        opens=7,
        buffers=64 << 20,
        failed_logons=3,
        failed_logons_of_address=4,
        lockout_seconds=5.0,
        break_seconds=6.0,
        durable_seconds=8.0,
        disconnected=9,
        user_memory=10,
    )
    server.use_limits(limits)
    [session] = server.sessions.values()
    holders = (server, server.scheduler, server.connection_limiter, server.slow_peers)
    assert all(each.limits is limits for each in (*holders, server.services, session))
    scheduler = server.scheduler
    assert (scheduler.user_limit, scheduler.total_limit) == (16 << 20, 32 << 20)
    assert scheduler.crowded_user_limit == 2 << 20
    assert server.logon_limiter.limits == LogonLimits(per_user=3, per_address=4, seconds=5.0)
    assert (server.files.leases.break_seconds, server.files.durables.seconds) == (6.0, 8.0)
    assert (server.user_memory.total, server.user_memory.of_user) == (40, 10)


async def test_the_sessions_of_some_users_end(connect: Connect, server: Server) -> None:
    await connect()
    assert server.end_sessions({"somebody"}) == 0
    assert server.end_sessions({"alice"}) == 1
    assert not server.sessions
    assert server.connections
