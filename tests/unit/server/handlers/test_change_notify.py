"""CHANGE_NOTIFY: its responses, what they have room for, and how a request ends.

[MS-SMB2] 3.3.5.19
"""

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.server.server import Server
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest
from smbquic.wire.fscc.file_information import DispositionInformation, FileInformationClass
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from tests.unit.server.smb_client import Client, Connect, ServerWith
from tests.unit.server.watching import (
    ADDED,
    DELETE_ON_CLOSE,
    DIRECTORY,
    REMOVED,
    changes,
    is_watched,
    make,
    notify,
    pending,
    remove,
    set_info,
    watched,
)


async def test_the_first_change_is_told_at_once(client: Client) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder))
    await make(client, "a")
    assert changes(await client.answer(message_id)) == [(ADDED, "a")]


async def test_what_happens_between_two_requests_is_kept(client: Client) -> None:
    folder = await watched(client)
    await make(client, "a")
    await make(client, "sub", create_options=DIRECTORY)
    await remove(client, "a")
    await remove(client, "sub", create_options=DIRECTORY)
    assert changes(await client.call(notify(folder))) == [
        (ADDED, "a"),
        (ADDED, "sub"),
        (REMOVED, "a"),
        (REMOVED, "sub"),
    ]


async def test_requests_are_answered_in_their_order(client: Client) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    first = await pending(client, notify(folder))
    second = await pending(client, notify(folder))
    await make(client, "a")
    await make(client, "b")
    assert changes(await client.answer(first)) == [(ADDED, "a")]
    assert changes(await client.answer(second)) == [(ADDED, "b")]


@pytest.mark.parametrize("size", [0, 1, 12])
async def test_what_does_not_fit_has_to_be_looked_up(client: Client, size: int) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder, size=size))
    await make(client, "a")
    response = await client.answer(message_id)
    assert response.status == NtStatus.NOTIFY_ENUM_DIR
    assert not len(response.body.buffer)
    # What the first request takes is all that is ever kept.
    message_id = await pending(client, notify(folder))
    await make(client, "b")
    assert (await client.answer(message_id)).status == NtStatus.NOTIFY_ENUM_DIR


async def test_what_just_fits_is_told(client: Client) -> None:
    # [MS-FSCC] 2.7.1: 12 bytes and the name, which ends at a multiple of four.
    folder = await watched(client, size=12 + 2 * 20)
    await make(client, "x" * 20)
    assert changes(await client.call(notify(folder, size=12 + 2 * 20))) == [(ADDED, "x" * 20)]


async def test_a_smaller_answer_than_the_first(client: Client) -> None:
    folder = await watched(client)
    await make(client, "a")
    assert (await client.call(notify(folder, size=4))).status == NtStatus.NOTIFY_ENUM_DIR
    await make(client, "b")
    assert changes(await client.call(notify(folder))) == [(ADDED, "b")]


async def test_more_than_can_be_kept(client: Client) -> None:
    folder = await watched(client, size=100)
    for number in range(10):
        await make(client, f"{number:04}")
    assert (await client.call(notify(folder))).status == NtStatus.NOTIFY_ENUM_DIR
    await make(client, "b")
    assert changes(await client.call(notify(folder))) == [(ADDED, "b")]


async def test_requirements(client: Client) -> None:
    file_id = await client.open("a")
    folder = await client.open("", desired_access=AccessMask.FILE_READ_ATTRIBUTES)
    assert (await client.call(notify(file_id))).status == NtStatus.INVALID_PARAMETER
    assert (await client.call(notify(folder))).status == NtStatus.ACCESS_DENIED
    folder = await client.open("", create_options=DIRECTORY)
    too_long = notify(folder, size=(8 << 20) + 1)
    assert (await client.call(too_long)).status == NtStatus.INVALID_PARAMETER


async def test_there_are_not_more_watches_than_allowed(
    server_with: ServerWith, connect: Connect
) -> None:
    limits = Limits(failed_logon_delay=0.0, interim_delay=30.0, watches=1)
    client = await connect(to=server_with(limits))
    folder = await watched(client)
    second = await client.open("", create_options=DIRECTORY)
    assert (await client.call(notify(second))).status == NtStatus.INSUFFICIENT_RESOURCES
    await client.call(CloseRequest(folder))
    await pending(client, notify(second))


async def test_close_ends_it(client: Client, server: Server) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder))
    await client.call(CloseRequest(folder))
    response = await client.answer(message_id)
    assert response.status == NtStatus.NOTIFY_CLEANUP
    assert not is_watched(server)


async def test_tree_disconnect_ends_it(client: Client) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder))
    await client.call(TreeDisconnectRequest())
    assert (await client.answer(message_id)).status == NtStatus.NOTIFY_CLEANUP


async def test_logoff_ends_it(client: Client) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder))
    await client.call(LogoffRequest())
    assert (await client.answer(message_id)).status == NtStatus.NOTIFY_CLEANUP


async def test_the_end_of_the_connection_ends_it(
    client: Client, connect: Connect, server: Server
) -> None:
    other = await connect()
    folder = await other.open("", create_options=DIRECTORY)
    await pending(other, notify(folder))
    await other.close()
    assert not is_watched(server)
    await make(client, "a")


@pytest.mark.parametrize("on_close", [True, False])
async def test_deletion_of_the_folder_ends_it(client: Client, on_close: bool) -> None:
    folder = await client.open("sub", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder))
    if on_close:
        await remove(client, "sub", create_options=DIRECTORY)
    else:
        delete = DispositionInformation(delete_pending=True).encode()
        await client.call(set_info(folder, FileInformationClass.FileDispositionInformation, delete))
    assert (await client.answer(message_id)).status == NtStatus.DELETE_PENDING
    assert (await client.call(notify(folder))).status == NtStatus.DELETE_PENDING


async def test_cancelled_before_it_was_pending(client: Client) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    cancelled = client.send(notify(folder))
    client.deliver(client.protocol.cancel(cancelled))
    waiting = client.send(notify(folder))
    assert (await client.answer(cancelled)).status == NtStatus.CANCELLED
    await make(client, "a")
    assert changes(await client.answer(waiting)) == [(ADDED, "a")]


async def test_closed_before_it_was_pending(client: Client) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = client.send(notify(folder))
    client.send(CloseRequest(folder))
    assert (await client.answer(message_id)).status == NtStatus.NOTIFY_CLEANUP


async def test_doomed_before_it_was_pending(client: Client, connect: Connect) -> None:
    other = await connect()
    folder = await client.open("sub", create_options=DIRECTORY)
    file_id = await other.open("sub", create_options=DIRECTORY | DELETE_ON_CLOSE)
    message_id = client.send(notify(folder))
    other.send(CloseRequest(file_id))
    assert (await client.answer(message_id)).status == NtStatus.DELETE_PENDING


async def test_a_folder_that_is_to_stay_after_all(client: Client) -> None:
    folder = await watched(client, "sub")
    file_id = await client.open("sub")
    for pending_deletion in (True, False):
        disposition = DispositionInformation(delete_pending=pending_deletion).encode()
        information_class = FileInformationClass.FileDispositionInformation
        await client.call(set_info(file_id, information_class, disposition))
    message_id = await pending(client, notify(folder))
    await make(client, r"sub\a")
    assert changes(await client.answer(message_id)) == [(ADDED, "a")]


async def test_an_answer_wins_over_a_later_cancel(client: Client, server: Server) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder))
    (session,) = server.sessions.values()
    (entry,) = [entry for entry in session.opens.values() if entry.tracking.watch]
    server.files.notifier.removed(entry.storage, "gone", is_directory=False)
    (connection,) = server.connections
    connection.pending.by_message_id[message_id].cancel()
    assert changes(await client.answer(message_id)) == [(REMOVED, "gone")]
