"""Operations of one message on the files and folders of a share."""

import pytest

from smbquic.client.share import Share
from smbquic.client.stat import Stat
from smbquic.errors import (
    DeniedError,
    DirectoryExpectedError,
    ExistsError,
    NotFoundError,
    PathError,
    SecurityError,
    StatusError,
)
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateDisposition, CreateOptions, CreateRequest
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.chain import encode_chain
from smbquic.wire.fscc.directory_information import DirectoryEntry, encode_entry
from smbquic.wire.fscc.file_information import (
    BasicInformation,
    DispositionInformation,
    FileInformationClass,
    RenameInformation,
)
from smbquic.wire.header import Command
from smbquic.wire.query_directory import QueryDirectoryResponse
from tests.unit.client.fakes import Answer, FakeServer, FakeTransport, Received, opened

FOLDER = FileAttributes.DIRECTORY
FILE = FileAttributes.ARCHIVE


def entry(name: str, attributes: FileAttributes = FILE, size: int = 0) -> DirectoryEntry:
    return DirectoryEntry(
        name, end_of_file=size, file_attributes=attributes, last_write_time=116444736000000000
    )


def listing(*entries: DirectoryEntry) -> QueryDirectoryResponse:
    encoded = [
        encode_entry(FileInformationClass.FileIdFullDirectoryInformation, one) for one in entries
    ]
    return QueryDirectoryResponse(encode_chain(encoded, 8))


def serve_listings(server: FakeServer, *parts: list[DirectoryEntry]) -> None:
    """One folder, listed in these parts."""
    remaining = list(parts)

    def query(request: Received) -> Answer:
        if not remaining:
            return NtStatus.NO_MORE_FILES, None
        return listing(*remaining.pop(0))

    server.handlers[Command.QUERY_DIRECTORY] = query


async def test_stat_is_one_round_trip(share: Share, server: FakeServer) -> None:
    server.handlers[Command.CREATE] = lambda request: opened(5, FOLDER)
    stat = await share.stat("a/b")
    assert stat == Stat("b", 5, 4096, FOLDER, 0, 0, 1000, 0)
    assert stat.is_directory
    assert not stat.is_link
    assert server.commands() == ["CREATE", "CLOSE"]
    assert server.opened_names() == [r"a\b"]


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


async def test_listing_in_parts(share: Share, server: FakeServer, transport: FakeTransport) -> None:
    serve_listings(
        server,
        [entry(".", FOLDER), entry("..", FOLDER), entry("a", FOLDER)],
        [entry("b", size=7), entry("ü€𝄞")],
    )
    found = [item async for item in share.scandir("x/y", "*.*")]
    assert [item.name for item in found] == ["a", "b", "ü€𝄞"]
    assert found[0].is_directory
    assert found[1].size == 7
    assert found[1].last_write_time == 0
    queries = server.bodies(Command.QUERY_DIRECTORY)
    assert [query.file_name for query in queries] == ["*.*"] * 3
    assert server.commands() == [
        "CREATE",
        "QUERY_DIRECTORY",
        "QUERY_DIRECTORY",
        "QUERY_DIRECTORY",
        "CLOSE",
    ]
    assert not transport.keep_alive


async def test_nothing_matches(share: Share, server: FakeServer) -> None:
    server.handlers[Command.QUERY_DIRECTORY] = lambda request: (NtStatus.NO_SUCH_FILE, None)
    assert await share.listdir("x", "*.zip") == []
    assert server.commands()[-1] == "CLOSE"


async def test_a_listing_that_is_left_early_is_closed(share: Share, server: FakeServer) -> None:
    serve_listings(server, [entry("a"), entry("b")])
    iterator = share.scandir()
    assert (await anext(iterator)).name == "a"
    await iterator.aclose()
    assert server.commands() == ["CREATE", "QUERY_DIRECTORY", "CLOSE"]


async def test_a_listing_that_outlives_its_connection(share: Share, server: FakeServer) -> None:
    serve_listings(server, [entry("a"), entry("b")])
    iterator = share.scandir()
    assert (await anext(iterator)).name == "a"
    await share.tree.connection.close()
    await iterator.aclose()
    assert server.commands() == ["CREATE", "QUERY_DIRECTORY"]


async def test_a_listing_that_fails(share: Share, server: FakeServer) -> None:
    server.handlers[Command.QUERY_DIRECTORY] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError, match="QUERY_DIRECTORY: x"):
        await share.listdir("x")
    assert server.commands()[-1] == "CLOSE"
    server.handlers[Command.CREATE] = lambda request: (NtStatus.NOT_A_DIRECTORY, None)
    with pytest.raises(DirectoryExpectedError):
        await share.listdir("x")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", r"..\x", "a\0", ""])
async def test_names_that_lead_elsewhere_are_refused(
    share: Share, server: FakeServer, name: str
) -> None:
    serve_listings(server, [entry("good"), entry(name)])
    with pytest.raises(SecurityError, match="lists the name"):
        await share.listdir()


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
    await share.set_attributes("x", FileAttributes.HIDDEN)
    await share.set_attributes("x", FileAttributes(0))
    times, hidden, normal = (
        BasicInformation.decode(memoryview(body.buffer)) for body in server.bodies(Command.SET_INFO)
    )
    assert times.last_write_time == 116444736000000010
    assert times.creation_time == 116444736000000000
    assert times.last_access_time == 0
    assert times.file_attributes == 0
    assert hidden.file_attributes == FileAttributes.HIDDEN
    assert normal.file_attributes == FileAttributes.NORMAL
