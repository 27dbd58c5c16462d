"""One session over several connections. [MS-SMB2] 3.3.4.1.6, 3.3.5.5, 3.3.7.1"""

from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.protocol.settings import EncryptionPolicy
from smbquic.server.server import Server
from smbquic.wire.create import CreateOptions, OplockLevel
from smbquic.wire.create_contexts import LeaseState, LeaseV2
from smbquic.wire.echo import EchoRequest
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.negotiate import GlobalCapabilities, SecurityMode
from smbquic.wire.oplock_break import OplockBreakAcknowledgment, OplockBreakNotification
from smbquic.wire.read import ReadRequest
from smbquic.wire.session_setup import SessionSetupFlags, SessionSetupRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.smb_client import Client, Connect, ServerWith

BATCH = OplockLevel.OPLOCK_LEVEL_BATCH
SHARED_CLIENT = {"client_guid": b"one client only."}


@pytest.fixture
async def first(connect: Connect) -> Client:
    return await connect(**SHARED_CLIENT)


@pytest.fixture
async def second(connect: Connect, first: Client) -> Client:
    """Another connection, bound to the session of the first."""
    client = await connect(token="", **SHARED_CLIENT)
    assert (await client.bind(first)).status == NtStatus.SUCCESS
    return client


async def test_what_is_open_on_one_is_open_on_the_other(first: Client, second: Client) -> None:
    file_id = await first.open("file")
    assert (await second.call(WriteRequest(0, file_id, b"content"))).status == NtStatus.SUCCESS
    other_id = await second.open("file")
    response = await first.call(ReadRequest(7, 0, other_id))
    assert bytes(response.body.data) == b"content"


async def test_both_are_kept_up_for_the_opens_of_either(
    connect: Connect, first: Client, second: Client
) -> None:
    await second.open("file")
    assert first.transport.keep_alive
    assert second.transport.keep_alive
    third = await connect(token="", **SHARED_CLIENT)
    await third.bind(first)
    assert third.transport.keep_alive
    await second.close()
    assert not second.transport.keep_alive
    assert first.transport.keep_alive


async def test_the_size_of_messages_is_that_of_a_session(first: Client, second: Client) -> None:
    assert second.transport.max_message_size == first.transport.max_message_size


@pytest.mark.parametrize("lost", [0, 1])
async def test_a_session_survives_any_of_its_connections(
    first: Client, second: Client, root: Path, lost: int
) -> None:
    file_id = await first.open("file", create_options=CreateOptions.FILE_DELETE_ON_CLOSE)
    channels = [first, second]
    await channels.pop(lost).close()
    [left] = channels
    assert (await left.call(WriteRequest(0, file_id, b"x"))).status == NtStatus.SUCCESS
    assert (root / "file").exists()
    await left.close()
    assert not (root / "file").exists()


async def test_a_logoff_ends_it_everywhere(first: Client, second: Client, server: Server) -> None:
    file_id = await first.open("file")
    assert (await second.call(LogoffRequest())).status == NtStatus.SUCCESS
    for client in (first, second):
        response = await client.call(ReadRequest(1, 0, file_id))
        assert response.status == NtStatus.USER_SESSION_DELETED
    assert not server.sessions
    assert not len(server.files)


async def test_coming_back_ends_it_everywhere(
    connect: Connect, first: Client, second: Client, server: Server
) -> None:
    third = await connect(token="", **SHARED_CLIENT)
    await third.log_on(previous_session_id=first.logged_on.id)
    for client in (first, second):
        assert (await client.call(LogoffRequest())).status == NtStatus.USER_SESSION_DELETED
    assert list(server.sessions) == [third.logged_on.id]


def setup(token: bytes) -> SessionSetupRequest:
    return SessionSetupRequest(
        flags=SessionSetupFlags(0),
        security_mode=SecurityMode.SIGNING_ENABLED,
        capabilities=GlobalCapabilities(0),
        channel=0,
        previous_session_id=0,
        security_buffer=token,
    )


@pytest.mark.parametrize("where", [0, 1])
async def test_a_logon_can_be_repeated_on_any(first: Client, second: Client, where: int) -> None:
    file_id = await first.open("file")
    client = [first, second][where]
    assert (await client.call(setup(b"alice:secret"), tree_id=0)).status == NtStatus.SUCCESS
    assert (await second.call(WriteRequest(0, file_id, b"x"))).status == NtStatus.SUCCESS
    assert (await first.call(WriteRequest(0, file_id, b"x"))).status == NtStatus.SUCCESS


@pytest.mark.parametrize(
    ("token", "status"),
    [(b"alice:wrong", NtStatus.LOGON_FAILURE), (b"bob:secret", NtStatus.ACCESS_DENIED)],
)
async def test_a_repetition_that_fails_ends_it_everywhere(
    first: Client, second: Client, server: Server, token: bytes, status: NtStatus
) -> None:
    await first.open("file")
    assert (await second.call(setup(token), tree_id=0)).status == status
    assert (await first.call(LogoffRequest())).status == NtStatus.USER_SESSION_DELETED
    assert not len(server.files)


async def test_nobody_else_binds_it(connect: Connect, first: Client) -> None:
    client = await connect(token="", **SHARED_CLIENT)
    response = await client.bind(first, "bob:secret")
    assert response.status == NtStatus.NOT_SUPPORTED
    assert (await first.call(EchoRequest())).status == NtStatus.SUCCESS


async def test_an_encrypted_session_is_so_everywhere(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(encryption=EncryptionPolicy.REQUIRED)
    first = await connect(to=server, **SHARED_CLIENT)
    second = await connect(to=server, token="", **SHARED_CLIENT)
    await second.bind(first)
    file_id = await first.open("file", requested_oplock_level=BATCH)
    message_id = second.begin("file")
    assert await first.notice() == OplockBreakNotification(1, file_id)
    await second.call(OplockBreakAcknowledgment(1, file_id))
    assert (await second.answer(message_id)).status == NtStatus.SUCCESS


async def test_a_break_goes_where_it_can(first: Client, second: Client) -> None:
    file_id = await second.open("file", requested_oplock_level=BATCH)
    await first.close()
    message_id = second.begin("file")
    assert await second.notice() == OplockBreakNotification(1, file_id)
    await second.call(OplockBreakAcknowledgment(1, file_id))
    assert (await second.answer(message_id)).status == NtStatus.SUCCESS


async def test_a_break_that_was_not_sent_goes_another_way(first: Client, second: Client) -> None:
    oplock = await first.open("file", requested_oplock_level=BATCH)
    lease = LeaseV2(b"k" * 16, LeaseState.READ_CACHING | LeaseState.HANDLE_CACHING)
    response = await first.create(
        "leased",
        requested_oplock_level=OplockLevel.OPLOCK_LEVEL_LEASE,
        contexts=[lease.context()],
    )
    assert response.status == NtStatus.SUCCESS
    first.transport.writable.clear()
    opens = second.begin("file")
    overwrites = second.begin("leased", create_disposition=4)
    await second.interim(opens)
    assert (await second.answer(overwrites)).status == NtStatus.SUCCESS
    first.transport.close()
    notices = [await second.notice(), await second.notice()]
    assert notices[0] == OplockBreakNotification(1, oplock)
    assert notices[1].lease_key == b"k" * 16
    await second.call(OplockBreakAcknowledgment(1, oplock))
    assert (await second.answer(opens)).status == NtStatus.SUCCESS
    first.transport.writable.set()


async def test_trees_and_opens_are_bounded_as_ever(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(Limits(trees=1, opens=1, interim_delay=30.0))
    first = await connect(to=server, **SHARED_CLIENT)
    second = await connect(to=server, token="", **SHARED_CLIENT)
    await second.bind(first)
    assert (await second.connect()).status == NtStatus.INSUFFICIENT_RESOURCES
    await first.open("file")
    assert (await second.create("file")).status == NtStatus.TOO_MANY_OPENED_FILES
