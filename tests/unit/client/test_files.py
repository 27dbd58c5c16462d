"""Operations of one message on the files and folders of a share."""

import pytest

from smbquic.client.share import Share
from smbquic.client.stat import Stat
from smbquic.errors import (
    DeniedError,
    ExistsError,
    NotFoundError,
    PathError,
    StatusError,
)
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateDisposition, CreateOptions, CreateRequest
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    BasicInformation,
    DispositionInformation,
    RenameInformation,
    StandardInformation,
)
from smbquic.wire.header import Command
from smbquic.wire.query_info import QueryInfoResponse
from smbquic.wire.read import ReadResponse
from tests.unit.client.fakes import Answer, FakeServer, Received, opened

FOLDER = FileAttributes.DIRECTORY
FILE = FileAttributes.ARCHIVE


async def test_stat_is_one_round_trip(share: Share, server: FakeServer) -> None:
    server.handlers[Command.CREATE] = lambda request: opened(5, FOLDER)
    stat = await share.stat("a/b")
    assert stat == Stat("b", 5, 4096, FOLDER, 0, 0, 1000, 0)
    assert stat.is_directory
    assert not stat.is_link
    assert server.commands() == ["CREATE", "CLOSE"]
    assert server.opened_names() == [r"a\b"]


async def test_the_content_of_a_small_file_is_one_round_trip(
    share: Share, server: FakeServer
) -> None:
    server.handlers[Command.CREATE] = lambda request: opened(7)
    server.handlers[Command.READ] = lambda request: ReadResponse(b"content")
    assert await share.read_bytes("x") == b"content"
    assert server.commands() == ["CREATE", "READ", "CLOSE"]
    [read] = server.bodies(Command.READ)
    assert (read.offset, read.length) == (0, 1 << 16)


async def test_the_content_of_an_empty_file(share: Share, server: FakeServer) -> None:
    server.handlers[Command.READ] = lambda request: (NtStatus.END_OF_FILE, None)
    assert await share.read_bytes("x") == b""
    server.handlers[Command.READ] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError, match="READ: x"):
        await share.read_bytes("x")


async def test_the_content_of_a_large_file(share: Share, server: FakeServer) -> None:
    content = bytes(range(256)) * 300

    def read(request: Received) -> ReadResponse:
        start = request.body.offset
        return ReadResponse(content[start : start + request.body.length])

    server.handlers[Command.CREATE] = lambda request: opened(len(content))
    server.handlers[Command.QUERY_INFO] = lambda request: QueryInfoResponse(
        StandardInformation(
            end_of_file=len(content),
            allocation_size=0,
            number_of_links=1,
            delete_pending=False,
            directory=False,
        ).encode()
    )
    server.handlers[Command.READ] = read
    assert await share.read_bytes("x") == content


async def test_the_content_that_one_read_just_holds(share: Share, server: FakeServer) -> None:
    server.handlers[Command.CREATE] = lambda request: opened(1 << 16)
    server.handlers[Command.READ] = lambda request: ReadResponse(bytes(1 << 16))
    assert await share.read_bytes("x") == bytes(1 << 16)
    assert server.commands() == ["CREATE", "READ", "CLOSE"]


async def test_what_each_operation_asks_the_server_for(share: Share, server: FakeServer) -> None:
    for work in (
        share.stat("x"),
        share.utime("x", accessed=0),
        share.set_attributes("x", FileAttributes.HIDDEN),
        share.rename("x", "y"),
        share.remove("x"),
        share.rmdir("x"),
        share.mkdir("x"),
        share.makedirs("x"),
        share.write_bytes("x", b""),
    ):
        await work
    server.handlers[Command.READ] = lambda request: (NtStatus.END_OF_FILE, None)
    await share.read_bytes("x")
    server.handlers[Command.QUERY_DIRECTORY] = lambda request: (NtStatus.NO_MORE_FILES, None)
    assert await share.listdir("x") == []
    for mode in ("rb", "wb", "xb", "ab", "r+b"):
        await (await share.open("x", mode, buffering=0)).close()
    # [MS-SMB2] 2.2.13: DesiredAccess, CreateDisposition, CreateOptions, FileAttributes
    assert [
        (
            body.desired_access,
            body.create_disposition,
            int(body.create_options),
            body.file_attributes,
        )
        for body in server.bodies(Command.CREATE)
    ] == [
        (0x100080, 1, 0, 0),
        (0x100, 1, 0, 0),
        (0x100, 1, 0, 0),
        (0x110080, 1, 0x200000, 0),
        (0x110080, 1, 0x200040, 0),
        (0x110080, 1, 0x200001, 0),
        (0x100080, 2, 1, 0x10),
        (0x100080, 3, 1, 0x10),
        (0x110182, 2, 0x40, 0),
        (0x100081, 1, 0x40, 0),
        (0x100081, 1, 1, 0),
        (0x100081, 1, 0x40, 0),
        (0x100182, 5, 0x40, 0),
        (0x100182, 2, 0x40, 0),
        (0x100182, 3, 0x40, 0),
        (0x100183, 1, 0x40, 0),
    ]


async def test_what_is_not_there(share: Share, server: FakeServer) -> None:
    server.handlers[Command.CREATE] = lambda request: (NtStatus.OBJECT_NAME_NOT_FOUND, None)
    server.handlers[Command.CLOSE] = lambda request: (NtStatus.OBJECT_NAME_NOT_FOUND, None)
    with pytest.raises(NotFoundError, match="a/b: no such file"):
        await share.stat("a/b")
    assert not await share.exists("a/b")
    server.handlers.clear()
    assert await share.exists("a/b")
    server.handlers[Command.CREATE] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError):
        await share.exists("a/b")


async def test_paths_out_of_the_share_are_not_even_asked_for(
    share: Share, server: FakeServer
) -> None:
    with pytest.raises(PathError):
        await share.stat("../x")
    assert server.seen == []


async def test_a_failed_compound_closes_what_it_opened(share: Share, server: FakeServer) -> None:
    """A server may fail the CLOSE with the error of what came before it."""
    closes = []

    def close(request: Received) -> Answer:
        closes.append(request.body.file_id)
        return (NtStatus.CANNOT_DELETE, None) if len(closes) == 1 else None

    server.handlers[Command.SET_INFO] = lambda request: (NtStatus.CANNOT_DELETE, None)
    server.handlers[Command.CLOSE] = close
    server.handlers[Command.CREATE] = lambda request: opened(file_id=99)
    with pytest.raises(DeniedError, match="SET_INFO: x"):
        await share.remove("x")
    assert closes[1] == (99, 99)


async def test_a_link_on_the_path(share: Share, server: FakeServer) -> None:
    server.handlers[Command.CREATE] = lambda request: (NtStatus.STOPPED_ON_SYMLINK, None)
    server.handlers[Command.CLOSE] = lambda request: (NtStatus.INVALID_HANDLE, None)
    with pytest.raises(StatusError, match="a symbolic link lies on the path"):
        await share.stat("link/x")
    assert server.commands() == ["CREATE", "CLOSE"]


async def test_renaming(share: Share, server: FakeServer) -> None:
    await share.rename("a/b", "c/d")
    await share.rename("a", "b", replace=True)
    bodies = server.bodies(Command.SET_INFO)
    informations = [RenameInformation.decode(memoryview(body.buffer)) for body in bodies]
    assert [(one.file_name, bool(one.replace_if_exists)) for one in informations] == [
        (r"c\d", False),
        ("b", True),
    ]
    server.handlers[Command.SET_INFO] = lambda request: (NtStatus.OBJECT_NAME_COLLISION, None)
    with pytest.raises(ExistsError):
        await share.rename("a", "b")


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("remove", CreateOptions.FILE_NON_DIRECTORY_FILE),
        ("rmdir", CreateOptions.FILE_DIRECTORY_FILE),
    ],
)
async def test_deleting(share: Share, server: FakeServer, method: str, kind: CreateOptions) -> None:
    await getattr(share, method)("a/b")
    [create] = server.bodies(Command.CREATE)
    assert create.create_options == kind | CreateOptions.FILE_OPEN_REPARSE_POINT
    [body] = server.bodies(Command.SET_INFO)
    assert DispositionInformation.decode(memoryview(body.buffer)).delete_pending
    assert server.commands() == ["CREATE", "SET_INFO", "CLOSE"]


async def test_making_folders(share: Share, server: FakeServer) -> None:
    existing = {""}

    def create(request: Received) -> Answer:
        body: CreateRequest = request.body
        assert body.create_options & CreateOptions.FILE_DIRECTORY_FILE
        if body.name in existing and body.create_disposition == CreateDisposition.FILE_CREATE:
            return NtStatus.OBJECT_NAME_COLLISION, None
        if body.name.rpartition("\\")[0] not in existing:
            return NtStatus.OBJECT_PATH_NOT_FOUND, None
        existing.add(body.name)
        return opened(attributes=FOLDER)

    server.handlers[Command.CREATE] = create
    await share.mkdir("a")
    with pytest.raises(ExistsError):
        await share.mkdir("a")
    with pytest.raises(NotFoundError):
        await share.mkdir("b/c")
    await share.makedirs("a/b/c/d")
    await share.makedirs("a/b/c/d")
    assert existing == {"", "a", r"a\b", r"a\b\c", r"a\b\c\d"}
    existing.remove("")
    with pytest.raises(NotFoundError):
        await share.makedirs("x/y")


async def test_times_and_attributes(share: Share, server: FakeServer) -> None:
    await share.utime("x", modified=1000, created=0)
    await share.utime("x", accessed=2000, changed=3000)
    await share.set_attributes("x", FileAttributes.HIDDEN)
    await share.set_attributes("x", FileAttributes(0))
    times, others, hidden, normal = (
        BasicInformation.decode(memoryview(body.buffer)) for body in server.bodies(Command.SET_INFO)
    )
    assert times.last_write_time == 116444736000000010
    assert times.creation_time == 116444736000000000
    assert times.last_access_time == 0
    assert times.file_attributes == 0
    assert others.last_access_time == 116444736000000020
    assert others.change_time == 116444736000000030
    assert (others.creation_time, others.last_write_time) == (0, 0)
    assert hidden.file_attributes == FileAttributes.HIDDEN
    assert normal.file_attributes == FileAttributes.NORMAL
