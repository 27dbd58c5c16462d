"""LOGOFF."""

from pathlib import Path

from smbquic.ntstatus import NtStatus
from smbquic.protocol.settings import DIALECTS
from smbquic.server.server import Server
from smbquic.wire.create import CreateOptions
from smbquic.wire.echo import EchoRequest
from smbquic.wire.logoff import LogoffRequest
from tests.unit.server.smb_client import Client, Connect


async def test_logoff_closes_what_was_open(client: Client, server: Server, root: Path) -> None:
    await client.open("gone", create_options=CreateOptions.FILE_DELETE_ON_CLOSE)
    assert (root / "gone").exists()
    assert client.transport.keep_alive
    assert (await client.call(LogoffRequest())).status == NtStatus.SUCCESS
    assert not (root / "gone").exists()
    assert not client.transport.keep_alive
    assert server.sessions == {}
    assert (await client.create("x")).status == NtStatus.USER_SESSION_DELETED


async def test_a_session_that_ends_has_no_trees(client: Client, server: Server) -> None:
    """A request that waits for a storage sees by that, that it must not go on."""
    [session] = server.sessions.values()
    assert session.trees
    assert (await client.call(LogoffRequest())).status == NtStatus.SUCCESS
    assert not session.trees


async def test_logoff_ends_the_session_on_all_of_its_connections(connect: Connect) -> None:
    first = await connect()
    second = await connect(token="", dialects=DIALECTS)
    assert (await second.bind(first)).status == NtStatus.SUCCESS
    assert (await second.create("x")).status == NtStatus.SUCCESS
    assert (await first.call(LogoffRequest())).status == NtStatus.SUCCESS
    assert (await second.create("x")).status == NtStatus.USER_SESSION_DELETED


async def test_another_session_of_the_connection_goes_on(client: Client) -> None:
    gone = client.session
    await client.log_on()
    await client.connect()
    assert (await client.call(LogoffRequest(), session=gone)).status == NtStatus.SUCCESS
    assert (await client.create("x")).status == NtStatus.SUCCESS
    assert (await client.call(EchoRequest())).status == NtStatus.SUCCESS


async def test_who_has_connected_to_no_share_logs_off(connect: Connect, server: Server) -> None:
    client = await connect(share="")
    assert (await client.call(LogoffRequest())).status == NtStatus.SUCCESS
    assert server.sessions == {}
