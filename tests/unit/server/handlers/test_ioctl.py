"""Control codes: copies within the server, holes, and what is politely refused."""

from dataclasses import replace
from pathlib import Path
from struct import pack
from typing import Any, Unpack

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.server.handlers.fsctl import sparse
from smbquic.server.opens.cache_states import HANDLE, READ
from smbquic.storage import ARCHIVE, SPARSE
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.change_notify import ChangeNotifyFlags, ChangeNotifyRequest
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions, OplockLevel
from smbquic.wire.create_contexts import LeaseV2
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import BasicInformation
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.fscc.fsctl_payloads import (
    DuplicateExtentsData,
    FileLevelTrim,
    FileLevelTrimOutput,
    FileRange,
    FileZeroDataInformation,
    decode_ranges,
)
from smbquic.wire.fscc.notify_information import NotifyAction, decode_notifications
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.ioctl_payloads import (
    SrvCopychunk,
    SrvCopychunkCopy,
    SrvCopychunkResponse,
    SrvRequestResumeKeyResponse,
    SrvSnapshotArray,
)
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.negotiate import Dialect
from smbquic.wire.oplock_break import OplockBreakNotification
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.opens.leasing import with_lease
from tests.unit.server.smb_client import Client, Connect, CreateFields, share_of

DIRECTORY = CreateOptions.FILE_DIRECTORY_FILE
UNIT = 1 << 16


async def control(
    client: Client, code: int, file_id: FileId, data: bytes = b"", room: int = 65536
) -> Response:
    return await client.call(IoctlRequest(code, file_id, 0, room, input=data))


async def opened(
    client: Client, name: str, content: bytes = b"", **fields: Unpack[CreateFields]
) -> FileId:
    if content:
        file_id = await client.open(name)
        await client.call(WriteRequest(offset=0, file_id=file_id, data=content))
        await client.call(CloseRequest(file_id))
    file_id = await client.open(name, **fields)
    assert isinstance(file_id, FileId)
    return file_id


async def key_of(client: Client, file_id: FileId) -> bytes:
    response = await control(client, Fsctl.SRV_REQUEST_RESUME_KEY, file_id)
    assert response.status == NtStatus.SUCCESS
    return SrvRequestResumeKeyResponse.decode(response.body.output).resume_key


async def copy(
    client: Client,
    key: bytes,
    file_id: FileId,
    *chunks: tuple[int, int, int],
    code: int = Fsctl.SRV_COPYCHUNK,
    room: int = 12,
) -> tuple[NtStatus, SrvCopychunkResponse | None]:
    body = SrvCopychunkCopy(key, [SrvCopychunk(*chunk) for chunk in chunks])
    response = await control(client, code, file_id, body.encode(), room)
    output = getattr(response.body, "output", b"")
    return response.status, SrvCopychunkResponse.decode(output) if len(output) else None


async def test_copy(client: Client, root: Path) -> None:
    source = await opened(client, "a", b"0123456789")
    target = await opened(client, "b")
    key = await key_of(client, source)
    assert await copy(client, key, target, (0, 2, 4), (8, 0, 2)) == (
        NtStatus.SUCCESS,
        SrvCopychunkResponse(2, 0, 6),
    )
    assert (root / "b").read_bytes() == b"890123"
    assert await copy(client, key, target) == (NtStatus.SUCCESS, SrvCopychunkResponse(0, 0, 0))


async def test_copy_stops_at_the_first_error(client: Client, root: Path) -> None:
    source = await opened(client, "a", b"0123456789")
    target = await opened(client, "b")
    key = await key_of(client, source)
    assert await copy(client, key, target, (0, 0, 4), (8, 4, 4), (4, 4, 4)) == (
        NtStatus.INVALID_VIEW_SIZE,
        SrvCopychunkResponse(1, 0, 4),
    )
    assert (root / "b").read_bytes() == b"0123"


async def test_errors_of_the_disk(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "full")

    source = await opened(client, "a", b"0123456789")
    target = await opened(client, "b")
    key = await key_of(client, source)
    monkeypatch.setattr("smbquic.storage.local.extents.copy", full)
    assert await copy(client, key, target, (0, 0, 4)) == (
        NtStatus.DISK_FULL,
        SrvCopychunkResponse(0, 0, 0),
    )


@pytest.mark.parametrize(
    "chunks",
    [[(0, 0, 0)], [(0, 0, (1 << 20) + 1)], [(0, 0, 1)] * 257, [(0, 0, 1 << 20)] * 17],
)
async def test_beyond_the_limits_they_are_told(
    client: Client, chunks: list[tuple[int, int, int]]
) -> None:
    source = await opened(client, "a", b"0123456789")
    target = await opened(client, "b")
    assert await copy(client, await key_of(client, source), target, *chunks) == (
        NtStatus.INVALID_PARAMETER,
        SrvCopychunkResponse(256, 1 << 20, 16 << 20),
    )


@pytest.mark.parametrize(
    "chunks", [[(0, 0, 1)] * 256, [(0, 0, 1 << 20)] * 16], ids=["chunks", "bytes"]
)
async def test_up_to_the_limits_all_is_copied(
    client: Client, chunks: list[tuple[int, int, int]]
) -> None:
    source = await opened(client, "a", b"x" * (1 << 20))
    target = await opened(client, "b")
    assert await copy(client, await key_of(client, source), target, *chunks) == (
        NtStatus.SUCCESS,
        SrvCopychunkResponse(len(chunks), 0, sum(chunk[2] for chunk in chunks)),
    )


async def test_what_a_copy_needs(client: Client, connect: Connect) -> None:
    source = await opened(client, "a", b"0123456789")
    target = await opened(client, "b")
    key = await key_of(client, source)
    chunk = (0, 0, 4)
    assert (await copy(client, key, target, chunk, room=11))[0] == NtStatus.INVALID_PARAMETER
    wrong = bytes(16) + key[16:]
    assert (await copy(client, wrong, target, chunk))[0] == NtStatus.OBJECT_NAME_NOT_FOUND
    assert (await copy(client, bytes(24), target, chunk))[0] == NtStatus.OBJECT_NAME_NOT_FOUND
    other = await connect()
    theirs = await other.open("b")
    assert (await copy(other, key, theirs, chunk))[0] == NtStatus.OBJECT_NAME_NOT_FOUND
    folder = await opened(client, "sub", create_options=DIRECTORY)
    assert (await copy(client, key, folder, chunk))[0] == NtStatus.INVALID_DEVICE_REQUEST
    folder_key = await key_of(client, folder)
    assert (await copy(client, folder_key, target, chunk))[0] == NtStatus.INVALID_DEVICE_REQUEST
    short = await control(client, Fsctl.SRV_REQUEST_RESUME_KEY, source, room=31)
    assert short.status == NtStatus.INVALID_PARAMETER
    exact = await control(client, Fsctl.SRV_REQUEST_RESUME_KEY, source, room=32)
    assert exact.status == NtStatus.SUCCESS
    cut = await control(client, Fsctl.SRV_COPYCHUNK, target, bytes(31))
    assert cut.status == NtStatus.INVALID_PARAMETER


async def test_access_for_a_copy(client: Client) -> None:
    await opened(client, "a", b"0123456789")
    blind = await key_of(
        client, await client.open("a", desired_access=AccessMask.FILE_READ_ATTRIBUTES)
    )
    runs = await key_of(client, await client.open("a", desired_access=AccessMask.FILE_EXECUTE))
    all_of_it = await opened(client, "b")
    reads = await client.open("b", desired_access=AccessMask.FILE_READ_DATA)
    writes = await client.open("b", desired_access=AccessMask.FILE_WRITE_DATA)
    chunk = (0, 0, 4)
    denied, done = NtStatus.ACCESS_DENIED, NtStatus.SUCCESS
    write = Fsctl.SRV_COPYCHUNK_WRITE
    assert (await copy(client, blind, all_of_it, chunk))[0] == denied
    assert (await copy(client, runs, all_of_it, chunk))[0] == done
    assert (await copy(client, runs, reads, chunk))[0] == denied
    assert (await copy(client, runs, reads, chunk, code=write))[0] == denied
    assert (await copy(client, runs, writes, chunk))[0] == denied
    assert (await copy(client, runs, writes, chunk, code=write))[0] == done


@pytest.mark.parametrize("locked", ["a", "b"])
async def test_locks_stop_a_copy(client: Client, connect: Connect, locked: str) -> None:
    source = await opened(client, "a", b"0123456789")
    target = await opened(client, "b")
    other = await connect()
    held = await other.open(locked)
    flags = LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY
    lock = LockRequest(0, held, [LockElement(0, 4, flags)])
    assert (await other.call(lock)).status == NtStatus.SUCCESS
    assert await copy(client, await key_of(client, source), target, (0, 0, 4)) == (
        NtStatus.FILE_LOCK_CONFLICT,
        SrvCopychunkResponse(0, 0, 0),
    )


async def test_a_copy_is_a_change_that_is_told_once(client: Client) -> None:
    source = await opened(client, "a", b"x" * (1 << 20))
    target = await opened(client, "b")
    key = await key_of(client, source)
    folder = await client.open("", create_options=DIRECTORY)
    watch = ChangeNotifyRequest(ChangeNotifyFlags.WATCH_TREE, 65536, folder, 0xFFF)
    first = client.send(watch)
    assert (await copy(client, key, target, *[(0, 0, 1 << 20)] * 4))[0] == NtStatus.SUCCESS
    response = await client.answer(first)
    told = [(c.action, c.file_name) for c in decode_notifications(response.body.buffer)]
    assert told == [(NotifyAction.FILE_ACTION_MODIFIED, "b")]
    second = client.send(watch)
    await client.open("c")
    response = await client.answer(second)
    told = [(c.action, c.file_name) for c in decode_notifications(response.body.buffer)]
    assert told == [(NotifyAction.FILE_ACTION_ADDED, "c")]


async def test_a_write_time_to_be_kept_survives_a_copy(client: Client, root: Path) -> None:
    source = await opened(client, "a", b"0123456789")
    target = await opened(client, "b")
    basic = bytes(16) + (10**17).to_bytes(8, "little") + bytes(16)
    await client.call(
        SetInfoRequest(
            info_type=1, file_info_class=4, additional_information=0, file_id=target, buffer=basic
        )
    )
    before = (root / "b").stat().st_mtime_ns
    assert (await copy(client, await key_of(client, source), target, (0, 0, 4)))[
        0
    ] == NtStatus.SUCCESS
    assert (root / "b").stat().st_mtime_ns == before


async def duplicate(client: Client, source: FileId, target: FileId, *where: int) -> NtStatus:
    data = DuplicateExtentsData(source, *where).encode()
    response = await control(client, Fsctl.DUPLICATE_EXTENTS_TO_FILE, target, data)
    status: NtStatus = response.status
    return status


async def test_duplicate_extents(client: Client, root: Path) -> None:
    source = await opened(client, "a", b"0123456789")
    target = await opened(client, "b", b"abcdef")
    assert await duplicate(client, source, target, 2, 1, 3) == NtStatus.SUCCESS
    assert (root / "b").read_bytes() == b"a234ef"
    # What lies beyond the end of the target is left out.
    assert await duplicate(client, source, target, 0, 4, 10) == NtStatus.SUCCESS
    assert (root / "b").read_bytes() == b"a23401"
    assert await duplicate(client, source, target, 0, 6, 4) == NtStatus.SUCCESS
    assert await duplicate(client, target, target, 0, 3, 3) == NtStatus.SUCCESS
    assert (root / "b").read_bytes() == b"a23a23"


async def test_what_cannot_be_duplicated(client: Client, connect: Connect) -> None:
    source = await opened(client, "a", b"0123456789")
    target = await opened(client, "b", b"abcdef")
    folder = await opened(client, "sub", create_options=DIRECTORY)
    blind = await client.open("a", desired_access=AccessMask.FILE_WRITE_DATA)
    reads = await client.open("b", desired_access=AccessMask.FILE_READ_DATA)
    wrong = FileId(source.persistent + 1, source.volatile)
    cases: list[tuple[Any, ...]] = [
        (NtStatus.NOT_SUPPORTED, source, target, 0, 0, 11),
        (NtStatus.INVALID_PARAMETER, source, target, 0, 7, 1),
        (NtStatus.INVALID_PARAMETER, source, target, 1 << 63, 0, 1),
        (NtStatus.NOT_SUPPORTED, source, target, (1 << 63) - 1, 0, 1),
        (NtStatus.INVALID_PARAMETER, source, target, 0, 1 << 63, 1),
        (NtStatus.NOT_SUPPORTED, target, target, 0, 2, 3),
        (NtStatus.NOT_SUPPORTED, source, source, 2, 4, 3),
        (NtStatus.NOT_SUPPORTED, source, source, 4, 2, 3),
        (NtStatus.INVALID_HANDLE, wrong, target, 0, 0, 1),
        (NtStatus.INVALID_HANDLE, FileId(99, 99), target, 0, 0, 1),
        (NtStatus.INVALID_HANDLE, folder, target, 0, 0, 1),
        (NtStatus.INVALID_HANDLE, source, folder, 0, 0, 1),
        (NtStatus.ACCESS_DENIED, blind, target, 0, 0, 1),
        (NtStatus.ACCESS_DENIED, source, reads, 0, 0, 1),
    ]
    for expected, *wanted in cases:
        assert await duplicate(client, *wanted) == expected
    await control(client, Fsctl.SET_SPARSE, source)
    assert await duplicate(client, source, target, 0, 0, 1) == NtStatus.NOT_SUPPORTED
    await control(client, Fsctl.SET_SPARSE, target)
    assert await duplicate(client, source, target, 0, 0, 1) == NtStatus.SUCCESS


async def attributes(client: Client, name: str) -> int:
    response = await client.create(name)
    value: int = response.body.file_attributes
    return value


async def test_set_sparse(client: Client, connect: Connect) -> None:
    file_id = await opened(client, "a")
    for data, sparse_now in ((b"", True), (b"\0", False), (b"\1 and more", True)):
        response = await control(client, Fsctl.SET_SPARSE, file_id, data)
        assert response.status == NtStatus.SUCCESS
        assert bool(await attributes(client, "a") & SPARSE) == sparse_now
    reads = await client.open("a", desired_access=AccessMask.FILE_READ_DATA)
    assert (await control(client, Fsctl.SET_SPARSE, reads)).status == NtStatus.ACCESS_DENIED
    folder = await opened(client, "sub", create_options=DIRECTORY)
    assert (await control(client, Fsctl.SET_SPARSE, folder)).status == NtStatus.INVALID_PARAMETER


async def zero(client: Client, file_id: FileId, start: int, end: int) -> NtStatus:
    data = FileZeroDataInformation(start, end).encode()
    status: NtStatus = (await control(client, Fsctl.SET_ZERO_DATA, file_id, data)).status
    return status


async def test_zero_data(client: Client, connect: Connect, root: Path) -> None:
    file_id = await opened(client, "a", b"0123456789")
    assert await zero(client, file_id, 2, 4) == NtStatus.SUCCESS
    assert await zero(client, file_id, 8, 100) == NtStatus.SUCCESS
    assert await zero(client, file_id, 5, 5) == NtStatus.SUCCESS
    assert (root / "a").read_bytes() == b"01\0\x004567\0\0"
    assert await zero(client, file_id, 5, 4) == NtStatus.INVALID_PARAMETER
    assert await zero(client, file_id, -1, 4) == NtStatus.INVALID_PARAMETER
    folder = await opened(client, "sub", create_options=DIRECTORY)
    assert await zero(client, folder, 0, 4) == NtStatus.INVALID_PARAMETER
    reads = await client.open("a", desired_access=AccessMask.FILE_READ_DATA)
    assert await zero(client, reads, 0, 4) == NtStatus.ACCESS_DENIED
    other = await connect()
    theirs = await other.open("a")
    lock = LockElement(0, 1, LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY)
    await other.call(LockRequest(0, theirs, [lock]))
    assert await zero(client, file_id, 0, 1) == NtStatus.FILE_LOCK_CONFLICT


async def ranges(
    client: Client, file_id: FileId, start: int, length: int, room: int = 65536
) -> tuple[NtStatus, list[tuple[int, int]]]:
    data = FileRange(start, length).encode()
    response = await control(client, Fsctl.QUERY_ALLOCATED_RANGES, file_id, data, room)
    output = getattr(response.body, "output", b"")
    return response.status, [(r.file_offset, r.length) for r in decode_ranges(output)]


async def test_allocated_ranges(client: Client, root: Path) -> None:
    with (root / "a").open("wb") as local:
        for number in range(3):
            local.seek(4 * number * UNIT)
            local.write(b"x" * UNIT)
    file_id = await client.open("a")
    size = 9 * UNIT
    assert await ranges(client, file_id, 5, size) == (NtStatus.SUCCESS, [(5, size - 5)])
    await control(client, Fsctl.SET_SPARSE, file_id)
    every = [(0, UNIT), (4 * UNIT, UNIT), (8 * UNIT, UNIT)]
    assert await ranges(client, file_id, 0, size) == (NtStatus.SUCCESS, every)
    assert await ranges(client, file_id, 0, size, 48) == (NtStatus.SUCCESS, every)
    assert await ranges(client, file_id, 0, size, 47) == (NtStatus.BUFFER_OVERFLOW, every[:2])
    assert await ranges(client, file_id, UNIT, UNIT) == (NtStatus.SUCCESS, [])
    assert await ranges(client, file_id, 0, 0) == (NtStatus.SUCCESS, [])
    assert await ranges(client, file_id, size, 1) == (NtStatus.SUCCESS, [])
    assert await ranges(client, file_id, 0, 1, 15) == (NtStatus.BUFFER_TOO_SMALL, [])
    assert await ranges(client, file_id, 0, 2**64 - 1) == (NtStatus.SUCCESS, every)
    assert await ranges(client, file_id, 1, 2**64 - 1) == (NtStatus.INVALID_PARAMETER, [])
    cut = await control(client, Fsctl.QUERY_ALLOCATED_RANGES, file_id, bytes(15))
    assert cut.status == NtStatus.INVALID_PARAMETER
    folder = await opened(client, "sub", create_options=DIRECTORY)
    assert (await ranges(client, folder, 0, 1))[0] == NtStatus.INVALID_PARAMETER
    writes = await client.open("a", desired_access=AccessMask.FILE_WRITE_DATA)
    assert (await ranges(client, writes, 0, 1))[0] == NtStatus.ACCESS_DENIED


async def test_trim(client: Client, root: Path) -> None:
    file_id = await opened(client, "a", b"0123456789")
    folder = await opened(client, "sub", create_options=DIRECTORY)
    wanted = FileLevelTrim(0, [FileRange(0, 2), FileRange(8, 100)])
    response = await control(client, Fsctl.FILE_LEVEL_TRIM, file_id, wanted.encode())
    assert FileLevelTrimOutput.decode(response.body.output).num_ranges_processed == 2
    assert (root / "a").read_bytes() == b"\0\x00234567\0\0"
    for target, ranges_, room in (
        (folder, [FileRange(0, 2)], 4),
        (file_id, [], 4),
        (file_id, [FileRange(0, 2)], 3),
        (file_id, [FileRange(1, 2**63)], 4),
        (file_id, [FileRange(0, 0)] * (sparse._MAX_RANGES + 1), 4),
    ):
        data = FileLevelTrim(0, ranges_).encode()
        response = await control(client, Fsctl.FILE_LEVEL_TRIM, target, data, room)
        assert response.status == NtStatus.INVALID_PARAMETER


async def trimmed(client: Client, file_id: FileId, *wanted: tuple[int, int]) -> NtStatus:
    data = FileLevelTrim(0, [FileRange(*each) for each in wanted]).encode()
    status: NtStatus = (await control(client, Fsctl.FILE_LEVEL_TRIM, file_id, data)).status
    return status


async def test_what_a_trim_needs(client: Client, connect: Connect, root: Path) -> None:
    file_id = await opened(client, "a", b"0123456789")
    reads = await client.open("a", desired_access=AccessMask.FILE_READ_DATA)
    assert await trimmed(client, reads, (0, 2)) == NtStatus.ACCESS_DENIED
    other = await connect()
    theirs = await other.open("a")
    lock = LockElement(4, 1, LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY)
    await other.call(LockRequest(0, theirs, [lock]))
    assert await trimmed(client, file_id, (0, 2), (4, 1)) == NtStatus.FILE_LOCK_CONFLICT
    assert (root / "a").read_bytes() == b"0123456789"
    assert await trimmed(client, file_id, (6, 2**63 - 6)) == NtStatus.SUCCESS
    assert await trimmed(client, file_id, (6, 2**63 - 5)) == NtStatus.INVALID_PARAMETER
    assert await trimmed(client, file_id, *[(0, 1)] * sparse._MAX_RANGES) == NtStatus.SUCCESS
    assert (root / "a").read_bytes() == b"\x0012345" + bytes(4)


WAYS = ["zero", "trim", "copy", "duplicate"]


async def change(client: Client, way: str, source: FileId, file_id: FileId) -> None:
    """Change the first byte of a file by a control code."""
    if way == "zero":
        status = await zero(client, file_id, 0, 1)
    elif way == "trim":
        status = await trimmed(client, file_id, (0, 1))
    elif way == "copy":
        status, _ = await copy(client, await key_of(client, source), file_id, (0, 0, 1))
    else:
        status = await duplicate(client, source, file_id, 0, 0, 1)
    assert status == NtStatus.SUCCESS


@pytest.mark.parametrize("way", WAYS)
async def test_each_of_them_is_a_change_of_the_file(client: Client, root: Path, way: str) -> None:
    (root / "a").write_bytes(b"0123456789")
    source, file_id = await opened(client, "source", b"x"), await client.open("a")
    assert not await attributes(client, "a") & ARCHIVE
    await change(client, way, source, file_id)
    assert await attributes(client, "a") & ARCHIVE


@pytest.mark.parametrize("way", WAYS)
async def test_each_of_them_breaks_the_caches_of_others(
    client: Client, connect: Connect, root: Path, way: str
) -> None:
    (root / "a").write_bytes(b"0123456789")
    source, file_id = await opened(client, "source", b"x"), await client.open("a")
    other = await connect()
    cached = await other.open("a", requested_oplock_level=OplockLevel.OPLOCK_LEVEL_II)
    await change(client, way, source, file_id)
    assert await other.notice() == OplockBreakNotification(0, cached)


@pytest.mark.parametrize("way", WAYS)
async def test_each_of_them_keeps_a_write_time_that_was_set(
    client: Client, root: Path, way: str
) -> None:
    (root / "a").write_bytes(b"0123456789")
    source, file_id = await opened(client, "source", b"x"), await client.open("a")
    basic = BasicInformation(last_write_time=10**17).encode()
    response = await client.call(SetInfoRequest(1, 4, file_id, basic))
    assert response.status == NtStatus.SUCCESS
    before = (root / "a").stat().st_mtime_ns
    await change(client, way, source, file_id)
    assert (root / "a").stat().st_mtime_ns == before


# [MS-SMB2] 2.2.35: attributes; the size; the time of the last write
@pytest.mark.parametrize(
    ("way", "what"), [("sparse", 0x4), *((way, what) for way in WAYS for what in (0x8, 0x10))]
)
async def test_watches_are_notified_of_each_of_them(
    client: Client, root: Path, way: str, what: int
) -> None:
    (root / "a").write_bytes(b"0123456789")
    source, file_id = await opened(client, "source", b"x"), await client.open("a")
    folder = await client.open("", create_options=DIRECTORY)
    asked = client.send(ChangeNotifyRequest(0, 65536, folder, what))
    await client.interim(asked)
    if way == "sparse":
        assert (await control(client, Fsctl.SET_SPARSE, file_id)).status == NtStatus.SUCCESS
    else:
        await change(client, way, source, file_id)
    response = await client.answer(asked)
    told = [(c.action, c.file_name) for c in decode_notifications(response.body.buffer)]
    assert told == [(NotifyAction.FILE_ACTION_MODIFIED, "a")]


async def test_what_becomes_sparse_changes_in_its_folder(client: Client) -> None:
    file_id = await opened(client, "a")
    lease = with_lease(LeaseV2(b"K" * 16, READ | HANDLE), create_options=DIRECTORY)
    other = await client.create("", **lease)
    assert other.status == NtStatus.SUCCESS
    assert (await control(client, Fsctl.SET_SPARSE, file_id)).status == NtStatus.SUCCESS
    assert (await client.notice()).lease_key == b"K" * 16


@pytest.mark.parametrize(("size", "allowed"), [(65536, True), (65537, False)])
@pytest.mark.parametrize("which", ["input", "max_input_response", "max_output_response"])
async def test_no_more_than_was_negotiated(
    connect: Connect, which: str, size: int, allowed: bool
) -> None:
    client = await connect(dialects=(Dialect.SMB_2_0_2,))
    file_id = await client.open("a")
    request = IoctlRequest(Fsctl.GET_REPARSE_POINT, file_id)
    response = await client.call(
        replace(request, **{which: bytes(size) if which == "input" else size})  # type: ignore[arg-type]
    )
    expected = NtStatus.NOT_A_REPARSE_POINT if allowed else NtStatus.INVALID_PARAMETER
    assert response.status == expected


@pytest.mark.parametrize("flags", [0, 2, 3])
async def test_only_control_codes_of_file_systems_are_known(client: Client, flags: int) -> None:
    file_id = await opened(client, "a")
    response = await client.call(IoctlRequest(Fsctl.GET_COMPRESSION, file_id, 0, 100, flags=flags))
    assert response.status == NtStatus.NOT_SUPPORTED


@pytest.mark.parametrize("code", [Fsctl.DFS_GET_REFERRALS, Fsctl.DFS_GET_REFERRALS_EX])
async def test_there_is_no_dfs(client: Client, code: int) -> None:
    file_id = await opened(client, "a")
    assert (await control(client, code, FileId.RELATED)).status == NtStatus.NOT_FOUND
    assert (await control(client, code, file_id)).status == NtStatus.INVALID_PARAMETER


async def test_nothing_is_changed_on_a_read_only_share(client: Client, connect: Connect) -> None:
    await opened(client, "a", b"0123456789")
    reader = await connect(share="ro")
    file_id = await reader.open("a")
    assert await zero(reader, file_id, 0, 4) == NtStatus.ACCESS_DENIED
    assert (await control(reader, Fsctl.SET_SPARSE, file_id)).status == NtStatus.ACCESS_DENIED
    key = await key_of(reader, file_id)
    assert (await copy(reader, key, file_id, (0, 4, 4)))[0] == NtStatus.ACCESS_DENIED


async def test_compression(client: Client) -> None:
    file_id = await opened(client, "a")
    response = await control(client, Fsctl.GET_COMPRESSION, file_id)
    assert bytes(response.body.output) == b"\0\0"
    exact = await control(client, Fsctl.GET_COMPRESSION, file_id, room=2)
    assert bytes(exact.body.output) == b"\0\0"
    short = await control(client, Fsctl.GET_COMPRESSION, file_id, room=1)
    assert short.status == NtStatus.INVALID_USER_BUFFER
    for data, status in (
        (b"\0\0", NtStatus.SUCCESS),
        (b"\1\0", NtStatus.NOT_SUPPORTED),
        (b"\0", NtStatus.INVALID_PARAMETER),
    ):
        assert (await control(client, Fsctl.SET_COMPRESSION, file_id, data)).status == status
    reads = await client.open("a", desired_access=AccessMask.FILE_READ_DATA)
    response = await control(client, Fsctl.SET_COMPRESSION, reads, b"\0\0")
    assert response.status == NtStatus.ACCESS_DENIED


async def test_there_are_no_snapshots(client: Client) -> None:
    file_id = await opened(client, "a")
    response = await control(client, Fsctl.SRV_ENUMERATE_SNAPSHOTS, file_id, room=16)
    array = SrvSnapshotArray.decode(response.body.output)
    assert (array.number_of_snap_shots, array.snap_shots) == (0, [])
    short = await control(client, Fsctl.SRV_ENUMERATE_SNAPSHOTS, file_id, room=15)
    assert short.status == NtStatus.INVALID_PARAMETER


@pytest.mark.parametrize("code", [Fsctl.CREATE_OR_GET_OBJECT_ID, Fsctl.GET_OBJECT_ID])
async def test_object_ids(client: Client, root: Path, code: int) -> None:
    file_id, other = await opened(client, "a"), await opened(client, "b")
    first = bytes((await control(client, code, file_id, room=64)).body.output)
    serial = share_of(client.server).storage.volume().serial
    assert first == pack("<QQ48x", (root / "a").stat().st_ino, serial)
    assert bytes((await control(client, code, file_id)).body.output) == first
    assert bytes((await control(client, code, other)).body.output) != first
    assert (await control(client, code, other, room=63)).status == NtStatus.BUFFER_TOO_SMALL


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Fsctl.GET_REPARSE_POINT, NtStatus.NOT_A_REPARSE_POINT),
        (Fsctl.DELETE_REPARSE_POINT, NtStatus.NOT_A_REPARSE_POINT),
        (Fsctl.SET_REPARSE_POINT, NtStatus.INVALID_DEVICE_REQUEST),
        (Fsctl.SET_OBJECT_ID, NtStatus.INVALID_DEVICE_REQUEST),
        (0x12345678, NtStatus.INVALID_DEVICE_REQUEST),
    ],
)
async def test_what_is_not_to_be_had(client: Client, code: int, status: NtStatus) -> None:
    file_id = await opened(client, "a")
    assert (await control(client, code, file_id)).status == status
