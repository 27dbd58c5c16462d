"""Oplocks: who gets one, who loses it and why, and who waits for that. [MS-FSA] 2.1.4.12"""

from pathlib import Path
from typing import Any, Unpack

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.server.opens import oplocks
from smbquic.server.opens.cache_states import BreakCause, cause_of_open
from smbquic.server.server import Server
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import (
    CreateDisposition,
    CreateOptions,
    OplockLevel,
    ShareAccess,
)
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import (
    DispositionInformation,
    EndOfFileInformation,
    FileInformationClass,
    RenameInformation,
)
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.oplock_break import OplockBreakAcknowledgment, OplockBreakNotification
from smbquic.wire.query_info import InfoType
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.smb_client import Client, Connect, CreateFields, CreateRequestOf, ServerWith

NONE, II, EXCLUSIVE, BATCH, LEASE = (
    OplockLevel.OPLOCK_LEVEL_NONE,
    OplockLevel.OPLOCK_LEVEL_II,
    OplockLevel.OPLOCK_LEVEL_EXCLUSIVE,
    OplockLevel.OPLOCK_LEVEL_BATCH,
    OplockLevel.OPLOCK_LEVEL_LEASE,
)
OVERWRITE = CreateDisposition.FILE_OVERWRITE
ATTRIBUTES = AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE


async def level(
    client: Client, wanted: int, name: str = "file", **fields: Unpack[CreateFields]
) -> int:
    fields["requested_oplock_level"] = wanted
    response = await client.create(name, **fields)
    assert response.status == NtStatus.SUCCESS, response.status.label
    granted: int = response.body.oplock_level
    return granted


def set_info(file_id: FileId, information_class: int, data: bytes) -> SetInfoRequest:
    return SetInfoRequest(InfoType.FILE, information_class, file_id, data)


async def test_the_first_open_gets_what_it_asks_for(
    client: Client, create_request: CreateRequestOf
) -> None:
    for number, wanted in enumerate((NONE, II, EXCLUSIVE, BATCH)):
        assert await level(client, wanted, f"file {number}") == wanted
    assert await level(client, 0x42, "strange") == NONE
    assert await level(client, LEASE, "no lease named") == NONE


async def test_a_folder_has_no_oplock(client: Client) -> None:
    folder = CreateOptions.FILE_DIRECTORY_FILE
    assert await level(client, BATCH, "folder", create_options=folder) == NONE
    assert await level(client, II, "folder", create_options=folder) == NONE


@pytest.mark.parametrize("wanted", [EXCLUSIVE, BATCH])
async def test_who_is_not_alone_gets_level_two(client: Client, wanted: int) -> None:
    await client.open("file")
    assert await level(client, wanted) == II
    assert await client.is_quiet()


async def test_only_so_many_cache_the_same_file(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oplocks, "MAX_GRANTS", 2)
    first = await client.open("file", requested_oplock_level=II)
    assert await level(client, II) == II
    assert await level(client, II) == await level(client, BATCH) == NONE
    assert await level(client, II, "another file") == II
    # A change takes it from two at once, and then there is room again.
    await client.call(WriteRequest(0, first, b"x"))
    for _ in range(2):
        assert (await client.notice()).oplock_level == NONE
    assert await level(client, II) == II


async def test_who_looks_at_attributes_only_is_in_nobodys_way(client: Client) -> None:
    await client.open("file")
    await client.open("other", desired_access=ATTRIBUTES)
    assert await level(client, BATCH, "other") == BATCH
    assert await level(client, NONE, "other", desired_access=ATTRIBUTES) == NONE
    assert await level(client, II, "other", desired_access=ATTRIBUTES) == NONE
    assert await client.is_quiet()


async def test_no_reads_are_cached_of_what_is_locked(client: Client, root: Path) -> None:
    (root / "file").write_bytes(b"x" * 10)
    file_id = await client.open("file")
    lock = LockElement(0, 1, LockFlags.SHARED_LOCK | LockFlags.FAIL_IMMEDIATELY)
    assert (await client.call(LockRequest(0, file_id, [lock]))).status == NtStatus.SUCCESS
    assert await level(client, II) == NONE
    empty = await client.open("empty")
    assert (await client.call(LockRequest(0, empty, [lock]))).status == NtStatus.SUCCESS
    assert await level(client, II, "empty") == II


@pytest.mark.parametrize("held", [EXCLUSIVE, BATCH])
@pytest.mark.parametrize(
    ("fields", "asked"),
    [({}, II), ({"create_disposition": OVERWRITE}, NONE)],
)
async def test_another_open_waits_until_the_oplock_is_given_up(
    connect: Connect, client: Client, held: int, fields: CreateFields, asked: int
) -> None:
    file_id = await client.open("file", requested_oplock_level=held)
    other = await connect()
    batch: CreateFields = {**fields, "requested_oplock_level": BATCH}
    message_id = other.begin("file", **batch)
    await other.interim(message_id)
    assert await client.notice() == OplockBreakNotification(asked, file_id)
    response = await client.call(OplockBreakAcknowledgment(asked, file_id))
    assert (response.status, response.body.oplock_level) == (NtStatus.SUCCESS, asked)
    response = await other.answer(message_id)
    assert (response.status, response.body.oplock_level) == (NtStatus.SUCCESS, II)


@pytest.mark.parametrize("held", [II, EXCLUSIVE, BATCH])
async def test_nobody_gives_up_what_is_not_asked_for(client: Client, held: int) -> None:
    file_id = await client.open("file", requested_oplock_level=held)
    for _ in range(2):
        response = await client.call(OplockBreakAcknowledgment(NONE, file_id))
        assert response.status == NtStatus.INVALID_DEVICE_STATE


@pytest.mark.parametrize(("kept", "grants"), [(NONE, 0), (II, 1)])
async def test_an_oplock_that_allows_nothing_is_none(
    client: Client, server: Server, kept: int, grants: int
) -> None:
    file_id = await client.open("file", requested_oplock_level=BATCH)
    [session] = server.sessions.values()
    [entry] = session.opens.values()
    waiting = client.begin("file")
    await client.notice()
    response = await client.call(OplockBreakAcknowledgment(kept, file_id))
    assert (response.status, response.body.oplock_level) == (NtStatus.SUCCESS, kept)
    assert (await client.answer(waiting)).status == NtStatus.SUCCESS
    assert len(entry.file_state.grants) == grants


async def test_the_same_client_may_be_the_other(client: Client) -> None:
    file_id = await client.open("file", requested_oplock_level=BATCH)
    message_id = client.begin("file")
    await client.notice()
    await client.call(OplockBreakAcknowledgment(II, file_id))
    assert (await client.answer(message_id)).status == NtStatus.SUCCESS


async def test_what_ends_the_wait_besides(
    connect: Connect, client: Client, server_with: ServerWith
) -> None:
    file_id = await client.open("file", requested_oplock_level=BATCH)
    other = await connect()
    waiting = other.begin("file")
    await client.notice()
    await client.call(CloseRequest(file_id))
    assert (await other.answer(waiting)).status == NtStatus.SUCCESS

    await client.open("second", requested_oplock_level=BATCH)
    waiting = other.begin("second")
    await client.notice()
    await client.close()
    assert (await other.answer(waiting)).status == NtStatus.SUCCESS


async def test_nobody_waits_for_ever(connect: Connect, server_with: ServerWith) -> None:
    server = server_with(Limits(break_seconds=0.01))
    client, other = await connect(to=server), await connect(to=server)
    file_id = await client.open("file", requested_oplock_level=BATCH)
    other_id = await other.open("file")
    assert (await client.notice()).oplock_level == II
    response = await client.call(OplockBreakAcknowledgment(II, file_id))
    assert response.status == NtStatus.INVALID_DEVICE_STATE
    await other.call(WriteRequest(0, other_id, b"x"))
    # It has nothing left that could be taken from it.
    assert await client.is_quiet()


async def test_a_wait_can_be_cancelled(connect: Connect, client: Client) -> None:
    file_id = await client.open("file", requested_oplock_level=BATCH)
    other = await connect()
    message_id = other.begin("file")
    await other.interim(message_id)
    other.deliver(other.protocol.cancel(message_id))
    assert (await other.answer(message_id)).status == NtStatus.CANCELLED
    await client.notice()
    assert (await client.call(OplockBreakAcknowledgment(II, file_id))).status == NtStatus.SUCCESS


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (LogoffRequest(), NtStatus.USER_SESSION_DELETED),
        (TreeDisconnectRequest(), NtStatus.NETWORK_NAME_DELETED),
    ],
)
async def test_what_is_gone_when_the_wait_is_over(
    connect: Connect, client: Client, server: Server, end: Any, status: NtStatus
) -> None:
    file_id = await client.open("file", requested_oplock_level=BATCH)
    other = await connect()
    message_id = other.begin("file")
    await other.interim(message_id)
    ended = other.send(end)
    await client.notice()
    await client.call(OplockBreakAcknowledgment(II, file_id))
    await other.answer(ended)
    assert (await other.answer(message_id)).status == status
    assert len(server.files) == 1


async def test_a_compound_waits_as_a_whole(
    connect: Connect, client: Client, create_request: CreateRequestOf
) -> None:
    file_id = await client.open("file", requested_oplock_level=BATCH)
    other = await connect()
    sent = other.protocol.compound(
        [create_request("file"), CloseRequest(FileId.RELATED)],
        session=other.session,
        tree_id=other.tree_id,
    )
    other.deliver(sent.buffers)
    await client.notice()
    await other.interim(sent.message_ids[0])
    assert sent.message_ids[1] not in other.pending
    await client.call(OplockBreakAcknowledgment(II, file_id))
    statuses = [(await other.answer(message_id)).status for message_id in sent.message_ids]
    assert statuses == [NtStatus.SUCCESS, NtStatus.SUCCESS]


async def test_too_many_cannot_wait(connect: Connect, server_with: ServerWith) -> None:
    server = server_with(Limits(pending=1, interim_delay=30.0))
    client, other = await connect(to=server), await connect(to=server)
    await client.open("file", requested_oplock_level=BATCH)
    await other.interim(other.begin("file"))
    response = await other.create("file")
    assert response.status == NtStatus.INSUFFICIENT_RESOURCES


async def test_what_becomes_necessary_meanwhile(connect: Connect, client: Client) -> None:
    file_id = await client.open("file", requested_oplock_level=BATCH)
    other = await connect()
    opens = other.begin("file")
    assert (await client.notice()).oplock_level == II
    overwrites = other.begin("file", create_disposition=OVERWRITE)
    await other.interim(overwrites)
    assert (await client.call(OplockBreakAcknowledgment(II, file_id))).body.oplock_level == II
    assert (await client.notice()).oplock_level == NONE
    assert (await other.answer(opens)).status == NtStatus.SUCCESS
    assert (await other.answer(overwrites)).status == NtStatus.SUCCESS
    assert await client.is_quiet()


async def test_level_two_ends_with_a_change_even_of_ones_own(
    connect: Connect, client: Client
) -> None:
    mine = await client.open("file", requested_oplock_level=II)
    other = await connect()
    theirs = await other.open("file", requested_oplock_level=II)
    response = await client.call(WriteRequest(0, mine, b"x"))
    assert response.status == NtStatus.SUCCESS
    assert await client.notice() == OplockBreakNotification(NONE, mine)
    assert await other.notice() == OplockBreakNotification(NONE, theirs)
    for status in (NtStatus.INVALID_OPLOCK_PROTOCOL, NtStatus.INVALID_DEVICE_STATE):
        response = await client.call(OplockBreakAcknowledgment(NONE, mine))
        assert response.status == status


@pytest.mark.parametrize("what", ["size", "lock", "write"])
async def test_what_changes_a_file(connect: Connect, client: Client, what: str) -> None:
    other = await connect()
    theirs = await other.open("file", requested_oplock_level=II)
    mine = await client.open("file")
    lock = LockElement(0, 1, LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY)
    request = {
        "size": set_info(
            mine, FileInformationClass.FileEndOfFileInformation, EndOfFileInformation(5).encode()
        ),
        "lock": LockRequest(0, mine, [lock]),
        "write": WriteRequest(0, mine, b"x"),
    }[what]
    assert (await client.call(request)).status == NtStatus.SUCCESS
    assert await other.notice() == OplockBreakNotification(NONE, theirs)


async def test_who_holds_exclusively_may_do_anything(client: Client) -> None:
    file_id = await client.open("file", requested_oplock_level=BATCH)
    assert (await client.call(WriteRequest(0, file_id, b"x"))).status == NtStatus.SUCCESS
    for what in (
        set_info(
            file_id, FileInformationClass.FileEndOfFileInformation, EndOfFileInformation(5).encode()
        ),
        set_info(
            file_id,
            FileInformationClass.FileRenameInformation,
            RenameInformation("new").encode(),
        ),
        set_info(
            file_id,
            FileInformationClass.FileDispositionInformation,
            DispositionInformation(True).encode(),
        ),
    ):
        assert (await client.call(what)).status == NtStatus.SUCCESS
    assert await client.is_quiet()


async def test_a_batch_oplock_is_asked_for_the_file_that_is_in_the_way(
    connect: Connect, client: Client
) -> None:
    readers = ShareAccess.FILE_SHARE_READ
    file_id = await client.open("file", requested_oplock_level=BATCH, share_access=readers)
    other = await connect()
    message_id = other.begin("file")
    await client.notice()
    await client.call(OplockBreakAcknowledgment(II, file_id))
    assert (await other.answer(message_id)).status == NtStatus.SHARING_VIOLATION
    await client.call(CloseRequest(file_id))

    file_id = await client.open("file", requested_oplock_level=BATCH, share_access=readers)
    message_id = other.begin("file")
    await client.notice()
    await client.call(CloseRequest(file_id))
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS


async def test_an_exclusive_oplock_stays_where_an_open_fails(
    connect: Connect, client: Client
) -> None:
    await client.open(
        "file", requested_oplock_level=EXCLUSIVE, share_access=ShareAccess.FILE_SHARE_READ
    )
    other = await connect()
    assert (await other.create("file")).status == NtStatus.SHARING_VIOLATION
    assert await client.is_quiet()


async def test_nobody_is_asked_for_what_is_to_be_deleted(connect: Connect, client: Client) -> None:
    file_id = await client.open("file", requested_oplock_level=BATCH)
    await client.call(
        set_info(
            file_id,
            FileInformationClass.FileDispositionInformation,
            DispositionInformation(True).encode(),
        )
    )
    other = await connect()
    assert (await other.create("file")).status == NtStatus.DELETE_PENDING
    assert await client.is_quiet()


@pytest.mark.parametrize(
    ("access", "overwrites", "cause"),
    [
        (AccessMask.FILE_READ_ATTRIBUTES, False, None),
        (AccessMask.FILE_WRITE_ATTRIBUTES | AccessMask.SYNCHRONIZE, False, None),
        (AccessMask.READ_CONTROL, False, BreakCause.INSPECT),
        (AccessMask.READ_CONTROL | AccessMask.FILE_READ_EA, False, BreakCause.OPEN),
        (AccessMask.DELETE, False, BreakCause.OPEN),
        (AccessMask.FILE_READ_ATTRIBUTES, True, BreakCause.OVERWRITE),
    ],
)
def test_why_an_open_concerns_others(
    access: AccessMask, overwrites: bool, cause: BreakCause | None
) -> None:
    assert cause_of_open(int(access), overwrites=overwrites) is cause


async def test_reading_the_descriptor_costs_an_oplock(connect: Connect, client: Client) -> None:
    await client.open("file", requested_oplock_level=BATCH)
    other = await connect()
    message_id = other.begin("file", desired_access=AccessMask.READ_CONTROL)
    assert (await client.notice()).oplock_level == II
    await client.close()
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS
