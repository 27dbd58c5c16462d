"""TREE_DISCONNECT."""

from collections.abc import Callable

from smbquic.ntstatus import NtStatus
from smbquic.server.server import Server
from smbquic.wire.create import CreateOptions
from smbquic.wire.read import ReadRequest
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from tests.unit.server.smb_client import Client, CreateFields


async def test_tree_disconnect_closes_its_opens_and_no_others(
    client: Client, listing: Callable[[], list[str]]
) -> None:
    doomed: CreateFields = {"create_options": CreateOptions.FILE_DELETE_ON_CLOSE}
    await client.open("first", **doomed)
    first = client.tree_id
    await client.connect()
    await client.open("second", **doomed)
    response = await client.call(TreeDisconnectRequest(), tree_id=first)
    assert response.status == NtStatus.SUCCESS
    assert listing() == ["second"]
    response = await client.call(TreeDisconnectRequest(), tree_id=first)
    assert response.status == NtStatus.NETWORK_NAME_DELETED


async def test_tree_disconnect_closes_pipes(client: Client, server: Server) -> None:
    await client.connect("IPC$")
    pipe = await client.open("srvsvc")
    (session,) = server.sessions.values()
    assert len(session.pipes) == 1
    assert (await client.call(TreeDisconnectRequest())).status == NtStatus.SUCCESS
    assert session.pipes == {}
    await client.connect("IPC$")
    assert (await client.call(ReadRequest(1, 0, pipe))).status == NtStatus.FILE_CLOSED


async def test_an_open_of_another_tree_is_not_reached_through_this_one(client: Client) -> None:
    file_id, first = await client.open("x"), client.tree_id
    await client.connect()
    assert (await client.call(TreeDisconnectRequest())).status == NtStatus.SUCCESS
    answer = await client.call(ReadRequest(1, 0, file_id), tree_id=first)
    assert answer.status == NtStatus.END_OF_FILE
