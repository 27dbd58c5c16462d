"""Each command at its largest: one message of a client never keeps all others waiting for long.

What is asserted is how often others had their turn meanwhile, or that too much is refused at once,
and never a time.
"""

import os
import struct
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.overload import slices
from smbquic.server import dispatch, session
from smbquic.server.batches import BATCH
from smbquic.server.handlers import query_directory
from smbquic.server.opens import extended_attributes, oplocks
from smbquic.server.rpc import pipe as pipe_module
from smbquic.server.security import security_descriptors
from smbquic.server.server import Server
from smbquic.storage import SPARSE, FileStat, names
from smbquic.storage.local import LocalStorage, closing
from smbquic.storage.local.file import LocalFile
from smbquic.storage.local.inotify import Inotify
from smbquic.wire.change_notify import ChangeNotifyFlags, ChangeNotifyRequest
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions, CreateRequest, OplockLevel
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import (
    CREATE_EA_BUFFER,
    CREATE_SD_BUFFER,
    LeaseFlags,
    LeaseState,
    LeaseV2,
)
from smbquic.wire.dtyp.acl import Ace, AceType, Acl
from smbquic.wire.dtyp.security_descriptor import (
    SecurityDescriptor,
    SecurityDescriptorControl,
    SecurityInformation,
)
from smbquic.wire.dtyp.sid import Sid
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.extended_attributes import (
    FullEaInformation,
    encode_full_eas,
    encode_get_eas,
)
from smbquic.wire.fscc.file_information import (
    EndOfFileInformation,
    FileInformationClass,
    RenameInformation,
)
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.query_directory import QueryDirectoryRequest
from smbquic.wire.query_info import InfoType, QueryInfoRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.rpc.pdu import PduType
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.conftest import (
    client,
    connect,
    create_request,
    root,
    server,
    server_with,
    turns,
    until,
)
from tests.unit.server.smb_client import Client, Connect, Turns
from tests.unit.server.watching import remove

__all__ = ["client", "connect", "create_request", "root", "server", "server_with", "turns", "until"]

FOLDER = CreateOptions.FILE_DIRECTORY_FILE
LOCK = LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY
ID_BOTH = 37
MEBIBYTE = 1 << 20


async def test_a_compound_of_64(
    client: Client,
    create_request: Callable[..., CreateRequest],
    turns: type[Turns],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatch, "TIME_SLICE", 0.0)
    counted = turns()
    responses = await client.compound(*(create_request(f"file {number}") for number in range(64)))
    assert {response.status for response in responses} == {NtStatus.SUCCESS}
    assert await counted.end() >= 63


@pytest.mark.parametrize("pattern", ["*", "*<" * 126 + "<Q", "*?" * 127])
async def test_a_listing(
    client: Client, root: Path, turns: type[Turns], monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    monkeypatch.setattr(query_directory, "TIME_SLICE", 0.0)
    entries, least = 300, query_directory._LEAST
    for number in range(entries):
        (root / f"{number:0200}").touch()
    folder = await client.open("", create_options=FOLDER)
    counted = turns()
    await client.call(QueryDirectoryRequest(ID_BOTH, folder, pattern, 8 * MEBIBYTE))
    assert await counted.end() >= entries // least


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux'")
async def test_a_watch_of_a_large_folder(
    client: Client,
    root: Path,
    until: Callable[[Callable[[], bool]], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slices, "SLICE", 0.0)
    files, at_once = 2000, 128
    for number in range(files):
        (root / f"{number}").touch()
    threads = []
    descend = Inotify._descend

    def noted(source: Inotify, folder: str) -> Iterator[None]:
        for step in descend(source, folder):
            threads.append(threading.current_thread())
            yield step

    monkeypatch.setattr(Inotify, "_descend", noted)
    folder = await client.open("", create_options=FOLDER)
    client.send(ChangeNotifyRequest(ChangeNotifyFlags.WATCH_TREE, 4096, folder, 0xFFF))
    await until(lambda: len(threads) == files // at_once)
    assert threads.count(threading.main_thread()) == 1


async def test_locks(client: Client, turns: type[Turns]) -> None:
    ranges = 4096
    file_id = await client.open("file")
    for flags in (LOCK, LockFlags.UNLOCK, LOCK):
        counted = turns()
        elements = [LockElement(2 * number, 1, flags) for number in range(ranges)]
        response = await client.call(LockRequest(0, file_id, elements))
        assert response.status == NtStatus.SUCCESS
        assert await counted.end() >= ranges // BATCH - 1
    counted = turns()
    assert (await client.call(CloseRequest(file_id))).status == NtStatus.SUCCESS
    assert await counted.end() >= ranges // BATCH - 1


async def test_the_end_of_a_session_with_many_opens(
    client: Client, turns: type[Turns], monkeypatch: pytest.MonkeyPatch
) -> None:
    # So many descriptors are not to be had everywhere.
    size = 8
    monkeypatch.setattr(session, "BATCH", size)
    opens = 4 * size
    for _ in range(opens):
        await client.open("file")
    counted = turns()
    assert (await client.call(LogoffRequest())).status == NtStatus.SUCCESS
    assert await counted.end() >= opens // size - 1


def descriptor(aces: int) -> bytes:
    entries = [
        Ace(AceType.ACCESS_ALLOWED, 3, 0x1F01FF, Sid(22, (1, number))) for number in range(aces)
    ]
    control = int(SecurityDescriptorControl.DP)
    return SecurityDescriptor(dacl=Acl([*entries]), control=control).encode()


@pytest.mark.parametrize(
    ("aces", "status"),
    [(security_descriptors.MAX_ACES, NtStatus.SUCCESS), (2700, NtStatus.INVALID_ACL)],
)
async def test_access_control_lists_of_64_kib(client: Client, aces: int, status: NtStatus) -> None:
    file_id = await client.open("file")
    wanted = descriptor(aces)
    response = await client.call(
        SetInfoRequest(
            InfoType.SECURITY, 0, file_id, wanted, additional_information=SecurityInformation.DACL
        )
    )
    # The disk may have no room for the longest one that is allowed.
    assert response.status in (status, NtStatus.DISK_FULL, NtStatus.NOT_SUPPORTED)
    response = await client.create("new", contexts=[CreateContext(CREATE_SD_BUFFER, wanted)])
    assert response.status in (status, NtStatus.DISK_FULL, NtStatus.NOT_SUPPORTED)
    assert (status is NtStatus.SUCCESS) or response.status == status


def attributes(number: int, value: bytes = b"v") -> bytes:
    return encode_full_eas(FullEaInformation(b"A%d" % each, value) for each in range(number))


@pytest.mark.parametrize("value", [b"", b"v"])
async def test_extended_attributes(client: Client, root: Path, value: bytes) -> None:
    too_many = attributes(extended_attributes.MAX_COUNT + 1, value)
    file_id = await client.open("file")
    full = FileInformationClass.FileFullEaInformation
    response = await client.call(SetInfoRequest(InfoType.FILE, full, file_id, too_many))
    assert response.status in (NtStatus.EA_TOO_LARGE, NtStatus.EAS_NOT_SUPPORTED)
    contexts = [CreateContext(CREATE_EA_BUFFER, too_many)]
    response = await client.create("new", contexts=contexts)
    assert response.status in (NtStatus.EA_TOO_LARGE, NtStatus.EAS_NOT_SUPPORTED)
    assert not (root / "new").exists()


async def test_names_of_extended_attributes(client: Client) -> None:
    file_id = await client.open("file")
    asked = encode_get_eas(b"A" for _ in range(extended_attributes.MAX_COUNT + 1))
    full = FileInformationClass.FileFullEaInformation
    response = await client.call(
        QueryInfoRequest(InfoType.FILE, full, MEBIBYTE, file_id, input_buffer=asked)
    )
    assert response.status == NtStatus.EA_LIST_INCONSISTENT


async def test_what_is_set_has_a_largest_size(client: Client) -> None:
    file_id = await client.open("file")
    rename = FileInformationClass.FileRenameInformation
    name = RenameInformation("a" * 32_767).encode() + bytes(1 << 17)
    response = await client.call(SetInfoRequest(InfoType.FILE, rename, file_id, name))
    assert response.status == NtStatus.INVALID_PARAMETER


async def test_names_of_many_folders(client: Client) -> None:
    deep = "\\".join("d" * 16_000)
    file_id = await client.open("file")
    assert (await client.create(deep)).status == NtStatus.OBJECT_NAME_INVALID
    rename = FileInformationClass.FileRenameInformation
    buffer = RenameInformation(deep).encode()
    response = await client.call(SetInfoRequest(InfoType.FILE, rename, file_id, buffer))
    assert response.status == NtStatus.OBJECT_NAME_INVALID


async def test_what_holds_for_many_folders_is_read_in_one_walk(
    client: Client, root: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth = 100
    (root / Path(*["d"] * depth)).mkdir(parents=True)
    share = server.share("data")
    assert share is not None
    storage = share.storage
    assert isinstance(storage, LocalStorage)
    steps = count()
    step = storage._tree._step

    def counted(*arguments: Any) -> Any:
        next(steps)
        return step(*arguments)

    monkeypatch.setattr(storage._tree, "_step", counted)
    assert (await client.create("\\".join("d" * depth))).status == NtStatus.SUCCESS
    # There, and for the descriptors of the folder that it is in.
    assert next(steps) <= 3 * depth
    assert names.MAX_DEPTH <= 256


async def test_allocated_ranges(
    connect: Connect,
    client: Client,
    until: Callable[[Callable[[], bool]], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, goes_on = threading.Event(), threading.Event()
    extents = 100_000

    def allocated(*_: object) -> Iterator[tuple[int, int]]:
        begun.set()
        assert goes_on.wait(60)
        return ((65_536 * number, 4096) for number in range(extents))

    other = await connect()
    file_id = await client.open("file")
    await client.call(IoctlRequest(Fsctl.SET_SPARSE, file_id))
    await client.call(WriteRequest(0, file_id, b"x"))
    stat = LocalFile.stat

    def sparse(file: LocalFile) -> FileStat:
        found = stat(file)
        found.attributes |= SPARSE
        return found

    monkeypatch.setattr(LocalFile, "stat", sparse)
    monkeypatch.setattr(LocalFile, "allocated_ranges", allocated)
    waiting = client.send(
        IoctlRequest(
            Fsctl.QUERY_ALLOCATED_RANGES,
            file_id,
            max_output_response=8 * MEBIBYTE,
            input=struct.pack("<QQ", 0, 1 << 40),
        )
    )
    await until(begun.is_set)
    assert (await other.create("another")).status == NtStatus.SUCCESS
    goes_on.set()
    response = await client.answer(waiting)
    assert response.status == NtStatus.SUCCESS
    assert len(response.body.output) == 16 * extents


async def test_many_pdus_in_one_write_to_a_pipe(
    client: Client, turns: type[Turns], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe_module, "TIME_SLICE", 0.0)
    await client.connect("IPC$")
    pipe = await client.open("srvsvc")
    number = 4096
    pdu = struct.pack("<BBBB4sHHI", 5, 0, PduType.CO_CANCEL, 3, b"\x10\0\0\0", 16, 0, 1)
    counted = turns()
    response = await client.call(WriteRequest(0, pipe, pdu * number))
    assert response.body.count == number * len(pdu)
    assert await counted.end() >= number


@pytest.mark.parametrize("leases", [False, True])
async def test_one_file_has_a_largest_number_of_oplocks_and_leases(
    connect: Connect, server: Server, monkeypatch: pytest.MonkeyPatch, leases: bool
) -> None:
    monkeypatch.setattr(oplocks, "MAX_GRANTS", 3)
    holder, other = await connect(), await connect(client_guid=bytes(15) + b"o")

    async def open_one(number: int) -> tuple[FileId, int]:
        if leases:
            key = number.to_bytes(16, "little")
            lease = LeaseV2(key, LeaseState.READ_CACHING, LeaseFlags(0), bytes(16), 0)
            contexts, level = [lease.context()], OplockLevel.OPLOCK_LEVEL_LEASE
        else:
            contexts, level = [], OplockLevel.OPLOCK_LEVEL_II
        response = await holder.create("file", requested_oplock_level=level, contexts=contexts)
        caching = response.body.oplock_level
        if leases:
            caching = LeaseV2.decode(response.body.contexts[0].data).lease_state
        return response.body.file_id, caching

    opened = [await open_one(number) for number in range(5)]
    assert [bool(caching) for _, caching in opened] == [True] * 3 + [False] * 2
    file_id = await other.open("file")
    assert (await other.call(WriteRequest(0, file_id, b"x"))).status == NtStatus.SUCCESS
    for _ in range(3):
        await holder.notice()
    assert await holder.is_quiet()
    # A lock that was taken back is free, if its open is closed.
    for each, _ in opened:
        await holder.call(CloseRequest(each))
    assert (await open_one(9))[1]


async def test_share_modes_of_many_opens_are_compared_once_each(
    client: Client, server: Server
) -> None:
    for _ in range(50):
        await client.open("file")
    [state] = server.files._states.values()
    assert len(state._modes) == 1
    await client.call(CloseRequest(await client.open("file")))
    assert sum(state._modes.values()) == 50


async def test_a_rename_of_a_folder_does_not_look_at_what_is_open_elsewhere(
    client: Client, root: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "b0", "c"):
        (root / name).mkdir()
        if name != "b":
            await client.open(f"{name}\\file")
    files = server.files
    share = server.share("data")
    assert share is not None
    storage = share.storage
    assert files.open_below(storage, "b") is None
    assert files.open_below(storage, "a") is not None
    folder = await client.open("b", create_options=FOLDER)
    rename = FileInformationClass.FileRenameInformation
    buffer = RenameInformation("b1").encode()
    response = await client.call(SetInfoRequest(InfoType.FILE, rename, folder, buffer))
    assert response.status == NtStatus.SUCCESS
    await client.call(CloseRequest(folder))
    file_id = await client.open("free")
    buffer = RenameInformation("b1\\moved").encode()
    response = await client.call(SetInfoRequest(InfoType.FILE, rename, file_id, buffer))
    assert response.status == NtStatus.SUCCESS
    assert files.open_below(storage, "b1") is not None
    await client.call(CloseRequest(file_id))
    assert files.open_below(storage, "b1") is None


async def test_the_largest_reads_and_writes_of_a_disk_that_takes_long_are_done_on_threads(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    write, read = LocalFile.write, LocalFile.read

    def noted(function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            threads.append(threading.current_thread())
            return function(*arguments)

        return call

    monkeypatch.setattr(LocalFile, "write", noted(write))
    monkeypatch.setattr(LocalFile, "read", noted(read))
    monkeypatch.setattr(LocalFile, "read_cached", lambda *_: None)
    file_id = await client.open("file")
    data = bytes(8 * MEBIBYTE)
    assert (await client.call(WriteRequest(0, file_id, data))).body.count == len(data)
    assert bytes((await client.call(ReadRequest(len(data), 0, file_id))).body.data) == data
    assert threading.main_thread() not in threads


async def test_the_blocks_of_a_large_file_are_freed_on_threads(
    client: Client,
    root: Path,
    until: Callable[[Callable[[], bool]], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(closing, "LARGE", 0)
    freed = []

    def close(fd: int) -> None:
        if not os.fstat(fd).st_nlink:
            freed.append(threading.current_thread())
        os.close(fd)

    def cut(fd: int, size: int) -> None:
        if os.fstat(fd).st_size > size:
            freed.append(threading.current_thread())
        ftruncate(fd, size)

    ftruncate = os.ftruncate
    monkeypatch.setattr(closing, "os", SimpleNamespace(**{**vars(os), "close": close}))
    monkeypatch.setattr(os, "ftruncate", cut)
    for name in ("cut", "deleted", "new", "replaced"):
        (root / name).write_bytes(bytes(MEBIBYTE))
    file_id = await client.open("cut")
    end = EndOfFileInformation(4096).encode()
    kind = FileInformationClass.FileEndOfFileInformation
    response = await client.call(SetInfoRequest(InfoType.FILE, kind, file_id, end))
    assert response.status == NtStatus.SUCCESS
    assert (root / "cut").stat().st_size == 4096
    await remove(client, "deleted")
    file_id = await client.open("new")
    rename = RenameInformation("replaced", replace_if_exists=True).encode()
    kind = FileInformationClass.FileRenameInformation
    response = await client.call(SetInfoRequest(InfoType.FILE, kind, file_id, rename))
    assert response.status == NtStatus.SUCCESS
    await until(lambda: len(freed) == 3)
    assert threading.main_thread() not in freed
