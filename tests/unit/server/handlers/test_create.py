"""CREATE: what may be opened, how, and what becomes of it. [MS-SMB2] 3.3.5.9"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.server.server import Server
from smbquic.storage.local import LocalStorage
from smbquic.storage.local.file import LocalFile
from smbquic.storage.local.stream import LocalStream
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest, CloseResponse
from smbquic.wire.create import (
    CreateAction,
    CreateDisposition,
    CreateOptions,
    OplockLevel,
    ShareAccess,
)
from smbquic.wire.create_context import CreateContext, find
from smbquic.wire.create_contexts import (
    AllocationSize,
    DurableHandleReconnect,
    QueryMaximalAccessRequest,
    QueryMaximalAccessResponse,
    QueryOnDiskIdResponse,
    TimewarpToken,
)
from smbquic.wire.dtyp.filetime import from_unix_ns
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.write import WriteRequest
from tests.unit.server.smb_client import Client, Connect, CreateFields, ServerWith, share_of

SUPERSEDE, OPEN, CREATE = (
    CreateDisposition.FILE_SUPERSEDE,
    CreateDisposition.FILE_OPEN,
    CreateDisposition.FILE_CREATE,
)
OPEN_IF, OVERWRITE, OVERWRITE_IF = (
    CreateDisposition.FILE_OPEN_IF,
    CreateDisposition.FILE_OVERWRITE,
    CreateDisposition.FILE_OVERWRITE_IF,
)
DIRECTORY = CreateOptions.FILE_DIRECTORY_FILE
NON_DIRECTORY = CreateOptions.FILE_NON_DIRECTORY_FILE
DELETE_ON_CLOSE = CreateOptions.FILE_DELETE_ON_CLOSE
READ, WRITE, DELETE = (
    AccessMask.FILE_READ_DATA,
    AccessMask.FILE_WRITE_DATA,
    AccessMask.DELETE,
)


@pytest.mark.parametrize(
    ("disposition", "there", "missing"),
    [
        (SUPERSEDE, CreateAction.FILE_SUPERSEDED, CreateAction.FILE_CREATED),
        (OPEN, CreateAction.FILE_OPENED, NtStatus.OBJECT_NAME_NOT_FOUND),
        (CREATE, NtStatus.OBJECT_NAME_COLLISION, CreateAction.FILE_CREATED),
        (OPEN_IF, CreateAction.FILE_OPENED, CreateAction.FILE_CREATED),
        (OVERWRITE, CreateAction.FILE_OVERWRITTEN, NtStatus.OBJECT_NAME_NOT_FOUND),
        (OVERWRITE_IF, CreateAction.FILE_OVERWRITTEN, CreateAction.FILE_CREATED),
    ],
)
async def test_dispositions(
    client: Client, root: Path, disposition: CreateDisposition, there: int, missing: int
) -> None:
    (root / "there").write_bytes(b"content")
    for name, expected in (("there", there), ("missing", missing)):
        response = await client.create(name, create_disposition=disposition)
        if isinstance(expected, CreateAction):
            assert response.status == NtStatus.SUCCESS
            assert response.body.create_action == expected
            size = 7 if expected == CreateAction.FILE_OPENED else 0
            assert response.body.end_of_file == size
            assert response.body.oplock_level == OplockLevel.OPLOCK_LEVEL_NONE
        else:
            assert response.status == expected
    emptied = there in (CreateAction.FILE_SUPERSEDED, CreateAction.FILE_OVERWRITTEN)
    assert (root / "there").read_bytes() == (b"" if emptied else b"content")


@pytest.mark.parametrize(
    ("name", "fields", "status"),
    [
        ("x", {"impersonation_level": 4}, NtStatus.BAD_IMPERSONATION_LEVEL),
        ("x", {"create_disposition": 6}, NtStatus.INVALID_PARAMETER),
        ("x", {"share_access": 8}, NtStatus.INVALID_PARAMETER),
        ("x", {"create_options": 0x01000000}, NtStatus.INVALID_PARAMETER),
        ("x", {"create_options": DIRECTORY | NON_DIRECTORY}, NtStatus.INVALID_PARAMETER),
        (
            "x",
            {"create_options": DIRECTORY, "create_disposition": OVERWRITE},
            NtStatus.INVALID_PARAMETER,
        ),
        ("x", {"create_options": CreateOptions.FILE_OPEN_BY_FILE_ID}, NtStatus.NOT_SUPPORTED),
        ("x", {"create_options": CreateOptions.FILE_RESERVE_OPFILTER}, NtStatus.NOT_SUPPORTED),
        (
            "x",
            {"create_options": DELETE_ON_CLOSE, "desired_access": READ},
            NtStatus.INVALID_PARAMETER,
        ),
        ("x", {"file_attributes": 0x8}, NtStatus.INVALID_PARAMETER),
        ("x", {"file_attributes": 0x8000}, NtStatus.INVALID_PARAMETER),
        ("x", {"desired_access": 0}, NtStatus.ACCESS_DENIED),
        ("x", {"desired_access": 0x200}, NtStatus.ACCESS_DENIED),
        ("x", {"desired_access": AccessMask.ACCESS_SYSTEM_SECURITY}, NtStatus.PRIVILEGE_NOT_HELD),
        (r"\x", {}, NtStatus.INVALID_PARAMETER),
        ("x*", {}, NtStatus.OBJECT_NAME_INVALID),
        ("x:", {}, NtStatus.OBJECT_NAME_INVALID),
        ("x\\", {"create_options": NON_DIRECTORY}, NtStatus.OBJECT_NAME_INVALID),
        (r"..\x", {}, NtStatus.OBJECT_PATH_SYNTAX_BAD),
        (r"a\..\..\x", {}, NtStatus.OBJECT_PATH_SYNTAX_BAD),
        (r"missing\x", {}, NtStatus.OBJECT_PATH_NOT_FOUND),
        ("folder", {"create_options": NON_DIRECTORY}, NtStatus.FILE_IS_A_DIRECTORY),
        ("folder", {"create_disposition": OVERWRITE}, NtStatus.FILE_IS_A_DIRECTORY),
        (
            "file",
            {"create_options": DIRECTORY, "create_disposition": OPEN},
            NtStatus.NOT_A_DIRECTORY,
        ),
        ("x", {"contexts": [TimewarpToken(1).context()]}, NtStatus.OBJECT_NAME_NOT_FOUND),
        (
            "x",
            {"contexts": [DurableHandleReconnect(FileId(1, 1)).context()]},
            NtStatus.OBJECT_NAME_NOT_FOUND,
        ),
        ("x", {"contexts": [CreateContext(b"ExtA", b"short")]}, NtStatus.EA_LIST_INCONSISTENT),
        ("x", {"contexts": [CreateContext(b"SecD", b"short")]}, NtStatus.INVALID_PARAMETER),
        ("x", {"contexts": [CreateContext(b"AlSi", b"short")]}, NtStatus.INVALID_PARAMETER),
        ("x", {"contexts": [CreateContext(b"MxAc", b"short")]}, NtStatus.INVALID_PARAMETER),
        ("x", {"contexts": [CreateContext(b"AAPL", b"short")]}, NtStatus.INVALID_PARAMETER),
        (
            "x",
            {"contexts": [CreateContext(b"AAPL", b"\2" + bytes(23))]},
            NtStatus.INVALID_PARAMETER,
        ),
    ],
)
async def test_what_cannot_be_asked_for(
    client: Client,
    server: Server,
    root: Path,
    listing: Callable[[], list[str]],
    name: str,
    fields: CreateFields,
    status: NtStatus,
) -> None:
    (root / "folder").mkdir()
    (root / "file").write_bytes(b"")
    response = await client.create(name, **fields)
    assert response.status == status, response.status.label
    assert listing() == ["file", "folder"]
    assert next(iter(server.connections)).opens == 0


@pytest.mark.parametrize("name", ["x::$DATA", "x::$data", "x"])
async def test_the_default_stream_is_the_file(
    client: Client, listing: Callable[[], list[str]], name: str
) -> None:
    await client.open(name)
    assert listing() == ["x"]


async def test_folders(client: Client, root: Path) -> None:
    response = await client.create("a", create_options=DIRECTORY)
    assert response.body.create_action == CreateAction.FILE_CREATED
    assert response.body.file_attributes == FileAttributes.DIRECTORY
    await client.open("a\\", create_options=DIRECTORY, create_disposition=OPEN)
    await client.open("", create_options=DIRECTORY, create_disposition=OPEN)
    await client.open(r"a\b", create_options=DIRECTORY, create_disposition=CREATE)
    assert (root / "a" / "b").is_dir()


@pytest.mark.parametrize(
    ("desired", "granted"),
    [
        (AccessMask.MAXIMUM_ALLOWED, 0x001F01FF),
        (AccessMask.GENERIC_ALL, 0x001F01FF),
        (AccessMask.GENERIC_READ, 0x00120089),
        (AccessMask.GENERIC_WRITE, 0x00120116),
        (AccessMask.GENERIC_EXECUTE, 0x001200A0),
        (READ | AccessMask.GENERIC_EXECUTE, 0x001200A1),
        (AccessMask.SYNCHRONIZE, 0x00100000),
    ],
)
async def test_granted_access(client: Client, server: Server, desired: int, granted: int) -> None:
    await client.open("x", desired_access=desired)
    (session,) = server.sessions.values()
    (entry,) = session.opens.values()
    assert entry.access.granted == granted


@pytest.mark.parametrize(
    ("options", "appends"),
    [
        (CreateOptions.FILE_NO_INTERMEDIATE_BUFFERING, False),
        (CreateOptions.FILE_WRITE_THROUGH, True),
        (CreateOptions.FILE_NON_DIRECTORY_FILE, True),
        (CreateOptions(0), True),
    ],
)
async def test_unbuffered_opens_do_not_append(
    client: Client, server: Server, options: CreateOptions, appends: bool
) -> None:
    await client.open("x", desired_access=AccessMask.GENERIC_WRITE, create_options=options)
    (session,) = server.sessions.values()
    (entry,) = session.opens.values()
    assert bool(entry.access.granted & AccessMask.FILE_APPEND_DATA) is appends


async def test_a_read_only_share(connect: Connect, root: Path) -> None:
    (root / "there").write_bytes(b"content")
    client = await connect(share="ro")
    await client.open("there")
    await client.open("there", desired_access=AccessMask.GENERIC_READ)
    refused: list[tuple[str, CreateFields]] = [
        ("there", {"desired_access": AccessMask.GENERIC_WRITE}),
        ("there", {"desired_access": DELETE}),
        ("there", {"create_disposition": OVERWRITE_IF}),
        ("there", {"create_options": DELETE_ON_CLOSE}),
        ("new", {"create_disposition": CREATE}),
    ]
    for name, fields in refused:
        assert (await client.create(name, **fields)).status == NtStatus.ACCESS_DENIED
    assert (await client.create("new")).status == NtStatus.OBJECT_NAME_NOT_FOUND
    folder: CreateFields = {"create_options": DIRECTORY, "create_disposition": OPEN_IF}
    assert (await client.create("new", **folder)).status == NtStatus.ACCESS_DENIED
    response = await client.create(r"new\deeper", **folder)
    assert response.status == NtStatus.OBJECT_PATH_NOT_FOUND
    assert (root / "there").read_bytes() == b"content"
    assert not (root / "new").exists()


def uses(bits: int) -> CreateFields:
    """An open that uses some of read, write and delete, and shares just these."""
    access = AccessMask.FILE_READ_ATTRIBUTES
    for index, right in enumerate((READ, WRITE, DELETE)):
        if bits >> index & 1:
            access |= right
    return {"desired_access": access, "share_access": bits}


@pytest.mark.parametrize("held", range(8))
async def test_share_modes(client: Client, held: int) -> None:
    await client.open("x", **uses(held))
    for wanted in range(8):
        response = await client.create("x", **uses(wanted))
        if not held or not wanted or held == wanted:
            assert response.status == NtStatus.SUCCESS
            await client.call(CloseRequest(response.body.file_id))
        else:
            assert response.status == NtStatus.SHARING_VIOLATION


async def test_overwriting_needs_the_right_to_write_shared(client: Client, root: Path) -> None:
    (root / "x").write_bytes(b"content")
    await client.open("x", desired_access=READ, share_access=ShareAccess.FILE_SHARE_READ)
    response = await client.create("x", desired_access=READ, create_disposition=OVERWRITE)
    assert response.status == NtStatus.SHARING_VIOLATION
    assert (root / "x").read_bytes() == b"content"


async def test_share_modes_hold_between_connections(connect: Connect) -> None:
    first, second = await connect(), await connect()
    file_id = await first.open("x", share_access=0)
    assert (await second.create("X")).status == NtStatus.SHARING_VIOLATION
    await first.call(CloseRequest(file_id))
    assert (await second.create("X")).status == NtStatus.SUCCESS


async def test_delete_on_close(client: Client, root: Path) -> None:
    first = await client.open("x", create_options=DELETE_ON_CLOSE)
    second = await client.open("x")
    await client.call(CloseRequest(first))
    for disposition in (OPEN, CREATE, OPEN_IF):
        response = await client.create("x", create_disposition=disposition)
        assert response.status == NtStatus.DELETE_PENDING
    assert (root / "x").exists()
    await client.call(CloseRequest(second))
    assert not (root / "x").exists()
    assert (await client.create("x", create_disposition=CREATE)).status == NtStatus.SUCCESS


async def test_a_filled_folder_survives_its_delete_on_close(client: Client, root: Path) -> None:
    (root / "a").mkdir()
    file_id = await client.open("a", create_options=DIRECTORY | DELETE_ON_CLOSE)
    (root / "a" / "b").write_bytes(b"")
    assert (await client.call(CloseRequest(file_id))).status == NtStatus.SUCCESS
    assert (root / "a" / "b").exists()
    await client.open("a")


async def test_of_two_names_the_one_goes_that_was_opened_for_it(
    client: Client, root: Path, listing: Callable[[], list[str]]
) -> None:
    (root / "one").write_bytes(b"")
    (root / "two").hardlink_to(root / "one")
    first = await client.open("one", create_options=DELETE_ON_CLOSE)
    second = await client.open("two")
    await client.call(CloseRequest(first))
    await client.call(CloseRequest(second))
    assert listing() == ["two"]


async def test_read_only_files(client: Client, root: Path) -> None:
    readonly = FileAttributes.READONLY
    response = await client.create("x", create_options=DELETE_ON_CLOSE, file_attributes=readonly)
    assert response.status == NtStatus.CANNOT_DELETE
    assert not (root / "x").exists()
    response = await client.create("x", file_attributes=readonly)
    assert response.body.file_attributes & FileAttributes.READONLY
    await client.call(CloseRequest(response.body.file_id))
    cases: list[tuple[CreateFields, NtStatus]] = [
        ({"desired_access": WRITE}, NtStatus.ACCESS_DENIED),
        ({"create_disposition": OVERWRITE}, NtStatus.ACCESS_DENIED),
        ({"create_options": DELETE_ON_CLOSE}, NtStatus.CANNOT_DELETE),
        ({"desired_access": READ | DELETE}, NtStatus.SUCCESS),
    ]
    for fields, status in cases:
        assert (await client.create("x", **fields)).status == status
    file_id = await client.open("x")
    response = await client.call(WriteRequest(0, file_id, b"x"))
    assert response.status == NtStatus.ACCESS_DENIED


@pytest.mark.parametrize("directory", [False, True])
async def test_what_is_read_only_may_be_less(client: Client, directory: bool) -> None:
    options = DIRECTORY if directory else NON_DIRECTORY
    file_id = await client.open(
        "x", create_options=options, file_attributes=FileAttributes.READONLY
    )
    await client.call(CloseRequest(file_id))
    response = await client.create("x", contexts=[QueryMaximalAccessRequest().context()])
    access = QueryMaximalAccessResponse.decode(response.body.contexts[0].data)
    # Without FILE_WRITE_DATA and FILE_APPEND_DATA. Of a folder, that says nothing of its entries.
    assert access.maximal_access == (0x001F01FF if directory else 0x001F01F9)
    await client.call(CloseRequest(response.body.file_id))
    wanted = await client.create("x", create_options=options, desired_access=WRITE)
    assert wanted.status == (NtStatus.SUCCESS if directory else NtStatus.ACCESS_DENIED)
    doomed = await client.create("x", create_options=options | DELETE_ON_CLOSE)
    assert doomed.status == NtStatus.CANNOT_DELETE


async def test_the_root_is_not_deleted(client: Client) -> None:
    response = await client.create("", create_options=DIRECTORY | DELETE_ON_CLOSE)
    assert response.status == NtStatus.CANNOT_DELETE


async def test_as_much_as_possible_has_to_be_shared(client: Client, root: Path) -> None:
    (root / "x").write_bytes(b"content")
    await client.open("x", desired_access=READ, share_access=ShareAccess.FILE_SHARE_READ)
    for access, status in (
        (READ, NtStatus.SUCCESS),
        (AccessMask.MAXIMUM_ALLOWED, NtStatus.SHARING_VIOLATION),
        (READ | AccessMask.MAXIMUM_ALLOWED, NtStatus.SHARING_VIOLATION),
    ):
        assert (await client.create("x", desired_access=access)).status == status


@pytest.mark.parametrize("name", ["x", "x:stream"])
async def test_what_cannot_be_deleted_is_not_opened_for_it(
    client: Client, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    await client.call(CloseRequest(await client.open(name)))

    def refuse(_: object) -> None:
        raise PermissionError(13, "no")

    for kind in (LocalFile, LocalStream):
        monkeypatch.setattr(kind, "check_deletion", refuse)
    response = await client.create(name, create_options=DELETE_ON_CLOSE)
    assert response.status == NtStatus.ACCESS_DENIED
    assert (await client.create(name)).status == NtStatus.SUCCESS


async def test_an_open_that_fails_is_not_counted(client: Client, server: Server) -> None:
    budget = server.files.budget
    file_id = await client.open("x", share_access=0)
    assert budget.used == 1
    assert (await client.create("x")).status == NtStatus.SHARING_VIOLATION
    assert (await client.create("y", create_disposition=OPEN)).status != NtStatus.SUCCESS
    assert budget.used == 1
    await client.call(CloseRequest(file_id))
    assert budget.used == 0


async def test_hidden_files_are_overwritten_only_as_such(client: Client) -> None:
    hidden = FileAttributes.HIDDEN
    await client.open("x", file_attributes=hidden)
    response = await client.create("x", create_disposition=OVERWRITE)
    assert response.status == NtStatus.ACCESS_DENIED
    response = await client.create("x", create_disposition=OVERWRITE, file_attributes=hidden)
    assert response.status == NtStatus.SUCCESS
    assert response.body.file_attributes == FileAttributes.HIDDEN | FileAttributes.ARCHIVE


async def test_dot_files_are_overwritten_without_further_ado(client: Client) -> None:
    await client.open(".x", create_disposition=OPEN_IF)

    response = await client.create(".x", create_disposition=OVERWRITE)

    assert response.status == NtStatus.SUCCESS
    assert response.body.file_attributes == FileAttributes.HIDDEN | FileAttributes.ARCHIVE


async def test_contexts_that_are_answered(client: Client, root: Path) -> None:
    asked = [
        QueryMaximalAccessRequest().context(),
        CreateContext(b"QFid"),
        AllocationSize(4096).context(),
        CreateContext(b"FooO", b"nobody knows"),
    ]
    response = await client.create("x", contexts=asked)
    access = QueryMaximalAccessResponse.decode(find(response.body.contexts, b"MxAc") or b"")
    assert (access.query_status, access.maximal_access) == (NtStatus.SUCCESS, 0x001F01FF)
    on_disk = QueryOnDiskIdResponse.decode(find(response.body.contexts, b"QFid") or b"")
    assert on_disk.disk_file_id == (root / "x").stat().st_ino
    assert on_disk.volume_id == share_of(client.server).storage.volume().serial
    assert len(response.body.contexts) == 2
    assert (response.body.flags, response.body.oplock_level) == (0, 0)


async def test_what_is_opened_is_described(client: Client, root: Path) -> None:
    (root / "x").write_bytes(b"content")
    body = (await client.create("x", create_disposition=OPEN)).body
    stat = (root / "x").stat()
    assert (body.oplock_level, body.flags, body.create_action) == (0, 0, 1)
    assert 0 < body.creation_time <= body.change_time == from_unix_ns(stat.st_ctime_ns)
    assert body.last_access_time == from_unix_ns(stat.st_atime_ns)
    assert body.last_write_time == from_unix_ns(stat.st_mtime_ns)
    assert (body.allocation_size, body.end_of_file) == (stat.st_blocks * 512, 7)
    assert (body.file_attributes, body.contexts) == (FileAttributes.NORMAL, [])
    closed = (await client.call(CloseRequest(body.file_id, flags=1))).body
    assert closed == CloseResponse(
        1,
        body.creation_time,
        body.last_access_time,
        body.last_write_time,
        body.change_time,
        body.allocation_size,
        7,
        FileAttributes.NORMAL,
    )


async def test_maximal_access_of_a_file_that_did_not_change_is_not_told(client: Client) -> None:
    response = await client.create("x")
    known = QueryMaximalAccessRequest(response.body.change_time).context()
    response = await client.create("x", contexts=[known])
    access = QueryMaximalAccessResponse.decode(response.body.contexts[0].data)
    assert (access.query_status, access.maximal_access) == (NtStatus.NONE_MAPPED, 0)


async def test_maximal_access_of_a_file_that_changed_is_told(client: Client) -> None:
    response = await client.create("x")
    for timestamp in (response.body.change_time - 1, 0):
        known = QueryMaximalAccessRequest(timestamp).context()
        response = await client.create("x", contexts=[known])
        access = QueryMaximalAccessResponse.decode(response.body.contexts[0].data)
        assert (access.query_status, access.maximal_access) == (NtStatus.SUCCESS, 0x001F01FF)


async def test_contexts_without_content_ask_for_nothing(client: Client) -> None:
    contexts = [CreateContext(b"ExtA"), CreateContext(b"SecD")]
    response = await client.create("x", contexts=contexts)
    assert (response.status, response.body.contexts) == (NtStatus.SUCCESS, [])


@pytest.mark.parametrize(
    ("wanted", "unit", "shown"),
    [
        (0, 4096, 0),
        (1, 4096, 4096),
        (4096, 4096, 4096),
        (4097, 4096, 8192),
        (4097, 1, 4097),
        (4097, 0, 4097),
    ],
)
async def test_room_for_a_new_file_is_of_whole_units(
    client: Client,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    wanted: int,
    unit: int,
    shown: int,
) -> None:
    storage = share_of(server).storage
    volume = dataclasses.replace(storage.volume(), block_size=unit)
    monkeypatch.setattr(storage, "volume", lambda: volume)
    asked = [AllocationSize(wanted).context()]
    response = await client.create("x", contexts=asked)
    assert (response.body.allocation_size, response.body.end_of_file) == (shown, 0)


async def test_room_is_for_what_is_new_or_overwritten(client: Client, root: Path) -> None:
    asked = [AllocationSize(4096).context()]
    for disposition, contexts, shown in (
        (CREATE, asked, 4096),
        # Others that open it see it, and change nothing about it.
        (OPEN, [AllocationSize(8192).context()], 4096),
        (OVERWRITE, [AllocationSize(8192).context()], 8192),
        (OVERWRITE, [], 0),
        (OPEN, asked, 0),
    ):
        response = await client.create("x", create_disposition=disposition, contexts=contexts)
        assert response.body.allocation_size == shown


async def test_a_folder_takes_no_room(client: Client) -> None:
    options = CreateOptions.FILE_DIRECTORY_FILE
    contexts = [AllocationSize(1 << 62).context()]
    response = await client.create("folder", create_options=options, contexts=contexts)
    assert (response.status, response.body.allocation_size) == (NtStatus.SUCCESS, 0)


async def test_what_the_disk_has_no_room_for_is_not_made(client: Client, root: Path) -> None:
    response = await client.create("x", contexts=[AllocationSize(1 << 62).context()])
    assert response.status == NtStatus.DISK_FULL
    assert not (root / "x").exists()


async def test_opens_of_a_connection_are_counted(connect: Connect, server_with: ServerWith) -> None:
    client = await connect(to=server_with(Limits(opens=2)))
    first = await client.open("a")
    await client.open("b")
    assert (await client.create("c")).status == NtStatus.TOO_MANY_OPENED_FILES
    await client.call(CloseRequest(first))
    await client.open("c")


async def test_as_much_as_the_disk_allows(
    client: Client, server: Server, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MAXIMUM_ALLOWED gives a file that can only be read for reading; a plain parameters fails."""
    (root / "x").write_bytes(b"content")
    storage = share_of(server).storage
    real = type(storage).open

    def deny(
        self: LocalStorage, name: str, *arguments: Any, write: bool = False, **options: Any
    ) -> Any:
        if write:
            raise PermissionError(13, "no", name)
        return real(self, name, *arguments, write=write, **options)

    monkeypatch.setattr(type(storage), "open", deny)
    assert (await client.create("x", desired_access=WRITE)).status == NtStatus.ACCESS_DENIED
    file_id = await client.open("x")
    response = await client.call(WriteRequest(0, file_id, b"x"))
    assert response.status == NtStatus.ACCESS_DENIED
    wanted = AccessMask.MAXIMUM_ALLOWED | WRITE
    assert (await client.create("x", desired_access=wanted)).status == NtStatus.ACCESS_DENIED
