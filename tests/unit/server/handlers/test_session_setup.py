"""NEGOTIATE to TREE_DISCONNECT: who gets in, and what ends when."""

import asyncio
import gc
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.protocol.settings import EncryptionPolicy
from smbquic.server import session as session_module
from smbquic.server.server import Server
from smbquic.storage.partial import temporary_name
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions
from smbquic.wire.echo import EchoRequest
from smbquic.wire.header import HeaderFlags
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.message import Message
from smbquic.wire.negotiate import GlobalCapabilities, SecurityMode
from smbquic.wire.session_setup import SessionSetupFlags, SessionSetupRequest
from smbquic.wire.tree_connect import ShareType, TreeConnectRequest
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from tests.unit.server.smb_client import Client, Connect, ServerWith, Turns, Until, initiator

ALL = 0x001F01FF
READ_ONLY = 0x001200A9


async def test_a_wrong_password_is_refused_and_the_connection_lives(connect: Connect) -> None:
    client = await connect(token="")
    with pytest.raises(AuthenticationError) as caught:
        await client.log_on("alice:wrong")
    assert caught.value.status is NtStatus.LOGON_FAILURE
    await client.log_on("alice:secret")
    assert (await client.connect()).status == NtStatus.SUCCESS


async def test_a_failed_logon_waits_and_others_on_the_connection_wait_behind_it(
    connect: Connect, server_with: ServerWith, until: Until
) -> None:
    server = server_with(Limits(failed_logon_delay=3600.0))
    client = await connect(to=server, token="")
    failing = asyncio.create_task(client.log_on("alice:wrong"))
    connection = next(iter(server.connections))
    await until(connection.logons.locked)
    other = await connect(to=server)
    assert (await other.call(EchoRequest())).status == NtStatus.SUCCESS
    _, sent = client.protocol.session_setup(initiator("alice:secret"))
    client.deliver(sent.buffers)
    await until(lambda: len(connection.pending.tasks) == 2)
    assert client.transport.to_client.empty()
    failing.cancel()


async def test_logons_behind_a_failed_one_get_their_turn(
    connect: Connect, server_with: ServerWith, until: Until
) -> None:
    server = server_with(Limits(failed_logon_delay=0.01))
    client = await connect(to=server, token="")
    _, wrong = client.protocol.session_setup(initiator("alice:wrong"))
    _, right = client.protocol.session_setup(initiator("alice:secret"))
    client.deliver(wrong.buffers)
    connection = next(iter(server.connections))
    await until(connection.logons.locked)
    client.deliver(right.buffers)
    assert (await client.answer(wrong.message_id)).status == NtStatus.LOGON_FAILURE
    assert (await client.answer(right.message_id)).status == NtStatus.SUCCESS


def again(token: str) -> SessionSetupRequest:
    """A repeated logon of a session that exists."""
    return SessionSetupRequest(
        SessionSetupFlags(0),
        SecurityMode.SIGNING_ENABLED,
        GlobalCapabilities(0),
        security_buffer=token.encode(),
    )


async def test_a_repeated_logon_keeps_what_is_open(client: Client, root: Path) -> None:
    await client.open("x", create_options=CreateOptions.FILE_DELETE_ON_CLOSE)
    assert (await client.call(again("alice:secret"))).status == NtStatus.SUCCESS
    assert (root / "x").exists()
    await client.open("y")


async def test_a_session_that_expires_goes_on_after_a_repeated_logon(
    connect: Connect,
    server_with: ServerWith,
    until: Until,
) -> None:
    server = server_with(Limits(session_seconds=0.01))
    client = await connect(to=server, share="")
    [session] = server.sessions.values()
    await until(lambda: session.session.expired)
    assert (await client.connect()).status == NtStatus.NETWORK_SESSION_EXPIRED
    session.limits = Limits()
    assert (await client.call(again("alice:secret"))).status == NtStatus.SUCCESS
    assert (await client.connect()).status == NtStatus.SUCCESS


async def test_no_session_expires_by_default(client: Client, server: Server) -> None:
    assert [session.expiry for session in server.sessions.values()] == [None]


@pytest.mark.parametrize("token", ["alice:wrong", "bob:secret"])
async def test_a_repeated_logon_that_fails_ends_the_session(
    client: Client, server: Server, root: Path, token: str
) -> None:
    await client.open("x", create_options=CreateOptions.FILE_DELETE_ON_CLOSE)
    sent = client.protocol.request(again(token), session=client.session)
    client.deliver(sent.buffers)
    while server.sessions:
        await client.fetch()
    assert not (root / "x").exists()


async def test_a_logon_of_two_steps(
    connect: Connect, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect(token="")
    acceptor = type(server.access.authenticator.new_acceptor())
    real = acceptor.step

    def step(self: Any, token: bytes) -> bytes:
        if not hasattr(self, "asked"):
            self.asked = True
            return b"and the password?"
        answer: bytes = real(self, token)
        return answer

    monkeypatch.setattr(acceptor, "step", step)
    response = await client.call(again("alice:"))
    assert response.status == NtStatus.MORE_PROCESSING_REQUIRED
    assert server.sessions == {}
    assert client.transport.max_message_size == 128 << 10


async def test_sessions_of_one_connection_are_counted(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(Limits(sessions=2))
    client = await connect(to=server)
    await client.log_on()
    with pytest.raises(AuthenticationError) as caught:
        await client.log_on()
    assert caught.value.status is NtStatus.INSUFFICIENT_RESOURCES


async def test_the_same_user_coming_back_closes_what_the_lost_connection_had_open(
    connect: Connect, root: Path
) -> None:
    first = await connect()
    await first.open("gone", create_options=CreateOptions.FILE_DELETE_ON_CLOSE)
    second = await connect(token="")
    await second.log_on(previous_session_id=first.logged_on.id)
    assert not (root / "gone").exists()
    assert (await first.create("x")).status == NtStatus.USER_SESSION_DELETED


async def test_a_hangup_closes_what_was_open(connect: Connect, server: Server, root: Path) -> None:
    client = await connect()
    await client.open("gone", create_options=CreateOptions.FILE_DELETE_ON_CLOSE)
    await client.close()
    assert not (root / "gone").exists()
    assert server.sessions == {}
    assert not server.connections
    assert len(server.session_table) == 0


@pytest.mark.parametrize(
    ("share", "kind", "access"),
    [
        ("data", ShareType.DISK, ALL),
        ("DATA", ShareType.DISK, ALL),
        ("ro", ShareType.DISK, READ_ONLY),
        ("IPC$", ShareType.PIPE, ALL),
        ("ipc$", ShareType.PIPE, ALL),
    ],
)
async def test_tree_connect(connect: Connect, share: str, kind: ShareType, access: int) -> None:
    client = await connect(share="")
    response = await client.connect(share)
    assert response.status == NtStatus.SUCCESS
    assert response.body.share_type == kind
    assert response.body.maximal_access == access


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (r"\\fs.example\nowhere", NtStatus.BAD_NETWORK_NAME),
        (r"fs.example\data", NtStatus.INVALID_PARAMETER),
        (r"\\fs.example", NtStatus.INVALID_PARAMETER),
        (r"\\fs.example\data\more", NtStatus.INVALID_PARAMETER),
        (r"\\fs.example" + "\\", NtStatus.INVALID_PARAMETER),
        ("", NtStatus.INVALID_PARAMETER),
    ],
)
async def test_paths_that_name_no_share(connect: Connect, path: str, status: NtStatus) -> None:
    client = await connect(share="")
    assert (await client.call(TreeConnectRequest(path))).status == status


async def test_trees_of_a_session_are_counted(connect: Connect, server_with: ServerWith) -> None:
    client = await connect(to=server_with(Limits(trees=2)))
    first = client.tree_id
    assert (await client.connect()).status == NtStatus.SUCCESS
    assert client.tree_id != first
    assert (await client.connect()).status == NtStatus.INSUFFICIENT_RESOURCES


async def test_an_unsigned_tree_connect_ends_a_311_connection(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(signing_required=False)
    client = await connect(to=server, share="", signing_required=False)
    sent = client.protocol.request(
        TreeConnectRequest(r"\\fs.example\data"), session=client.session, tree_id=0
    )
    message = bytearray(b"".join(sent.buffers))
    message[16] &= ~HeaderFlags.SIGNED
    client.deliver([message])
    await asyncio.wait_for(client.served, 60)
    assert "without signature" in client.transport.closed


async def test_a_guest_only_reads(connect: Connect, root: Path) -> None:
    (root / "there").write_bytes(b"x")
    client = await connect(
        token="guest:secret", share="", signing_required=False, guest_allowed=True
    )
    response = await client.connect()
    assert response.body.maximal_access == READ_ONLY
    await client.open("there", desired_access=AccessMask.GENERIC_READ)
    for fields in ({"create_disposition": 2}, {"desired_access": AccessMask.GENERIC_WRITE}):
        assert (await client.create("new", **fields)).status == NtStatus.ACCESS_DENIED
    assert not (root / "new").exists()


async def test_encryption_required(connect: Connect, server_with: ServerWith) -> None:
    server = server_with(encryption=EncryptionPolicy.REQUIRED)
    client = await connect(to=server)
    assert client.logged_on.encrypt_data
    assert (await client.call(EchoRequest())).status == NtStatus.SUCCESS


@pytest.mark.parametrize("moments", range(8))
async def test_a_failed_logon_that_nobody_waits_for(
    connect: Connect, moments: int, caplog: pytest.LogCaptureFixture
) -> None:
    client = await connect(token="")
    _, sent = client.protocol.session_setup(initiator("alice:wrong"))
    client.deliver(sent.buffers)
    for _ in range(moments):
        await asyncio.sleep(0)
    await client.close()
    del client
    gc.collect()
    assert [entry for entry in caplog.records if entry.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("ending", [LogoffRequest(), TreeDisconnectRequest(), None])
async def test_what_will_never_be_whole_goes_with_its_client(
    client: Client, listing: Callable[[], list[str]], ending: Message | None
) -> None:
    """A file under a temporary name is deleted if it is left open, and nothing else is."""
    finished, other = temporary_name(), temporary_name()
    for name in (finished, "x"):
        await client.call(CloseRequest(await client.open(name)))
    await client.open(temporary_name())
    await client.open(other, desired_access=AccessMask.FILE_READ_DATA)
    await client.open("x")

    if ending is None:
        await client.close()
    else:
        assert (await client.call(ending)).status == NtStatus.SUCCESS

    assert listing() == sorted([finished, other, "x"])


@pytest.mark.parametrize("ends", ["logoff", "tree", "connection", "replaced"])
async def test_others_have_their_turn_while_many_files_are_closed(
    connect: Connect, server: Server, turns: type[Turns], ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So many descriptors are not to be had everywhere.
    size = 8
    monkeypatch.setattr(session_module, "BATCH", size)
    count = 3 * size
    client, other = await connect(), await connect(token="")
    for number in range(count):
        await client.open(f"file {number}", share_access=0)
    session = client.logged_on.id
    counted = turns()
    if ends == "logoff":
        assert (await client.call(LogoffRequest())).status == NtStatus.SUCCESS
    elif ends == "tree":
        assert (await client.call(TreeDisconnectRequest())).status == NtStatus.SUCCESS
    elif ends == "connection":
        await client.close()
    else:
        await other.log_on("alice:secret", session)
    assert await counted.end() >= count // size

    if ends != "replaced":
        await other.log_on()
    await other.connect()
    for number in range(count):
        await other.open(f"file {number}", share_access=0)
    assert server.files.budget.used == count
