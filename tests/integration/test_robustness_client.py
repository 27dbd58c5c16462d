"""Servers that mean harm, or are broken, against our client.

Whatever they say, a program gets an `SmbError` in bounded time, and nothing is written where the
program did not ask for it.
"""

import asyncio
import random
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Self

import pytest

import smbquic
from smbquic.api import client as api
from smbquic.api.serving import Serving
from smbquic.client import echo_monitor
from smbquic.ntstatus import NtStatus
from smbquic.pki import PkiDirectory
from smbquic.protocol.request import Request
from smbquic.server.commands import CommandEntry
from smbquic.server.context import Context
from smbquic.server.outcome import Outcome, Pending, Reply
from smbquic.wire.create import CreateResponse
from smbquic.wire.cursor import HEADER_SIZE
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.directory_information import DirectoryEntry, encode_entry
from smbquic.wire.header import Command
from smbquic.wire.message import Message
from smbquic.wire.query_directory import QueryDirectoryResponse
from smbquic.wire.read import ReadResponse
from tests.integration.tampering import Middle, damaged

CONTENT = random.Random(12).randbytes(100_000)
TREE = {"file": CONTENT, "folder/a": b"aaa", "folder/b": b"b" * 5000}
PATIENCE = 60.0

Commands = dict[int, CommandEntry]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that gives up on a silent server after half a second instead of a minute."""
    monkeypatch.setattr(echo_monitor, "ECHO_INTERVAL", 0.1)
    monkeypatch.setattr(echo_monitor, "RESPONSE_TIMEOUT", 0.5)
    monkeypatch.setattr(api, "LOGOFF_TIMEOUT", 0.5)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make the folder that is served."""
    folder = tmp_path / "served"
    for name, data in TREE.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The one place where the client may write."""
    folder = tmp_path / "around" / "target"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(params=["tcp", "quic"])
async def serving(
    request: pytest.FixtureRequest, root: Path, pki: PkiDirectory
) -> AsyncIterator[Serving]:
    """A server that is correct until a test replaces a handler."""
    async with smbquic.serve(
        {"data": root},
        {"alice": "secret"},
        [f"{request.param}://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as serving:
        yield serving


@pytest.fixture
def url(serving: Serving) -> str:
    """The share of the server."""
    kind, _, port = serving.listeners[0].partition("://127.0.0.1:")
    scheme = {"quic": "smb+quic", "tcp": "smb"}[kind]
    return f"{scheme}://alice@localhost:{port}/data"


@pytest.fixture
def commands(serving: Serving) -> Commands:
    """The handlers of the server."""
    return serving.server.dispatcher.commands


async def use(url: str, ca: Path, target: Path, *, timeout: float = 1.0) -> None:  # noqa: ASYNC109
    """A bit of everything."""
    async with smbquic.connect(
        url, password="secret", ca=ca, timeout=timeout, reconnect_timeout=0
    ) as share:
        await share.listdir()
        await share.stat("file")
        await share.get("file", target / "file")
        await share.put(target / "file", "copy")
        await share.rename("copy", "renamed", replace=True)
        await share.read_bytes("renamed")
        await share.utime("renamed", modified=10**18)
        await share.volume()
        await share.mkdir("new")
        await share.get_tree("folder", target / "folder")
        await share.rmtree("new")
        await share.remove("renamed")


async def ends_well(work: Awaitable[None]) -> Exception | None:
    """Do it: it succeeds, or fails with an `SmbError`, which is given; and it does not hang."""
    async with asyncio.timeout(PATIENCE):
        try:
            await work
        except smbquic.SmbError as error:
            return error
    return None


def nothing_astray(target: Path, *expected: str) -> None:
    """Nothing is outside of the target, and no part of a file is in it."""
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    left = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert left <= set(expected)
    assert expected or list(target.iterdir()) == []
    assert not Path("/tmp/smbquic-astray").exists()


async def test_an_honest_server(url: str, pki: PkiDirectory, target: Path) -> None:
    assert await ends_well(use(url, pki.ca, target, timeout=PATIENCE)) is None
    assert (target / "file").read_bytes() == CONTENT
    assert (target / "folder" / "b").read_bytes() == TREE["folder/b"]
    nothing_astray(target, "file", "folder/a", "folder/b")


@pytest.fixture
async def middle(url: str, pki: PkiDirectory) -> AsyncIterator[tuple[Middle, str]]:
    """Somebody in the middle, and the URL that leads there."""
    middle = Middle(url, pki)
    yield middle, await middle.listen()
    await middle.close()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("seed", range(100))
async def test_answers_that_were_changed_on_their_way(
    middle: tuple[Middle, str], pki: PkiDirectory, target: Path, seed: int
) -> None:
    chance = random.Random(seed)
    victim = chance.choice([0, 1, 2, 3, *range(4, 30)])
    person, url = middle
    person.tamper = lambda index, message: (
        damaged(message, chance) if index == victim else [message]
    )
    error = await ends_well(use(url, pki.ca, target))
    nothing_astray(target, "file", "folder/a", "folder/b")
    if (target / "file").exists():
        assert (target / "file").read_bytes() == CONTENT
    if error is None:
        assert (target / "folder" / "b").read_bytes() == TREE["folder/b"]


# --- false responses with valid signatures --------------------------------------------------------

Handle = Callable[[Context, Request], Outcome]


class FalseBody(Message):
    """A body of any bytes."""

    command: ClassVar[Command] = Command.ECHO

    def __init__(self, body: bytes) -> None:
        self.body = body

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        return cls(bytes(message[HEADER_SIZE:]))

    def encode(self) -> bytes:
        return self.body


def replace_handler(commands: Commands, command: Command, make: Callable[[Handle], Handle]) -> None:
    """Replace the handler of a command."""
    entry = commands[command]
    commands[command] = entry._replace(handle=make(entry.handle))


REPLACED = [
    Command.TREE_CONNECT,
    Command.CREATE,
    Command.READ,
    Command.WRITE,
    Command.CLOSE,
    Command.FLUSH,
    Command.QUERY_DIRECTORY,
    Command.QUERY_INFO,
    Command.SET_INFO,
    Command.LOGOFF,
]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("url", ["tcp"], indirect=True)
@pytest.mark.parametrize("command", REPLACED)
@pytest.mark.parametrize("seed", range(12))
async def test_malformed_bodies(
    url: str,
    pki: PkiDirectory,
    target: Path,
    commands: Commands,
    command: Command,
    seed: int,
) -> None:
    chance = random.Random(seed)

    def spoiled(outcome: Outcome) -> Outcome:
        if isinstance(outcome, Pending):
            return replace(outcome, work=later(outcome.work))
        return None if outcome is None else spoiled_reply(outcome)

    def spoiled_reply(reply: Reply) -> Reply:
        if reply.status != NtStatus.SUCCESS:
            return reply
        body = bytearray(b"".join(reply.body.buffers()))
        for _ in range(chance.randrange(1, 5)):
            body[chance.randrange(min(len(body), 160))] = chance.choice([0, 1, 0x7F, 0xFF])
        body = body[: chance.randrange(1, len(body) + 1)] if seed % 4 == 0 else body
        return Reply(FalseBody(bytes(body)))

    async def later(work: Awaitable[Reply]) -> Reply:
        return spoiled_reply(await work)

    replace_handler(
        commands,
        command,
        lambda handle: lambda context, request: spoiled(handle(context, request)),
    )
    await ends_well(use(url, pki.ca, target))
    nothing_astray(target, "file", "folder/a", "folder/b")


ASTRAY = [
    "..",
    ".",
    "",
    "../astray",
    "..\\astray",
    "folder/../../astray",
    "/tmp/smbquic-astray",
    "\\astray",
    "a\0b",
    "folder/astray",
]


@pytest.mark.parametrize("name", ASTRAY)
@pytest.mark.parametrize("attributes", [FileAttributes.NORMAL, FileAttributes.DIRECTORY])
async def test_listed_names_that_lead_elsewhere(
    url: str,
    pki: PkiDirectory,
    root: Path,
    target: Path,
    commands: Commands,
    name: str,
    attributes: FileAttributes,
) -> None:
    """Any file can be had under such a name, and any folder holds just that name again."""
    entry = DirectoryEntry(name, file_attributes=attributes, end_of_file=10)

    def listing(handle: Handle) -> Handle:
        listed_ids: set[object] = set()

        def list_once(context: Context, request: Request) -> Outcome:
            file_id = context.open(request.body.file_id).file_id
            if file_id in listed_ids:
                return Reply(FalseBody(struct.pack("<HHII", 9, 0, 0, 0)), NtStatus.NO_MORE_FILES)
            listed_ids.add(file_id)
            listed = encode_entry(request.body.file_information_class, entry)
            return Reply(QueryDirectoryResponse(listed))

        return list_once

    def creating(handle: Handle) -> Handle:
        def create(context: Context, request: Request) -> Outcome:
            is_file = attributes is FileAttributes.NORMAL and request.body.name
            request.body.name = "file" if is_file else ""
            return handle(context, request)

        return create

    replace_handler(commands, Command.QUERY_DIRECTORY, listing)
    replace_handler(commands, Command.CREATE, creating)

    async def work() -> None:
        async with smbquic.connect(url, password="secret", ca=pki.ca) as share:
            await share.get_tree("", target)

    error = await ends_well(work())
    if name in (".", ".."):
        assert error is None
    else:
        assert isinstance(error, smbquic.SecurityError)
    nothing_astray(target)


@pytest.mark.parametrize("url", ["tcp"], indirect=True)
async def test_a_folder_that_contains_itself_for_ever(
    url: str, pki: PkiDirectory, target: Path, commands: Commands
) -> None:
    entry = DirectoryEntry("a" * 200, file_attributes=FileAttributes.DIRECTORY)

    def listing(handle: Handle) -> Handle:
        return lambda context, request: Reply(
            QueryDirectoryResponse(encode_entry(request.body.file_information_class, entry))
        )

    def creating(handle: Handle) -> Handle:
        def create(context: Context, request: Request) -> Outcome:
            request.body.name = ""
            return handle(context, request)

        return create

    seen = 0

    def listing_once(handle: Handle) -> Handle:
        listed_ids: set[object] = set()
        list_falsely = listing(handle)

        def list_once(context: Context, request: Request) -> Outcome:
            nonlocal seen
            seen += 1
            file_id = context.open(request.body.file_id).file_id
            if file_id in listed_ids:
                return Reply(FalseBody(struct.pack("<HHII", 9, 0, 0, 0)), NtStatus.NO_MORE_FILES)
            listed_ids.add(file_id)
            return list_falsely(context, request)

        return list_once

    replace_handler(commands, Command.QUERY_DIRECTORY, listing_once)
    replace_handler(commands, Command.CREATE, creating)
    async with asyncio.timeout(PATIENCE):
        async with smbquic.connect(url, password="secret", ca=pki.ca) as share:
            result = await share.get_tree("", target)
    [(path, error)] = result.failures
    assert isinstance(error, OSError)
    assert seen < 100
    assert set(path.split("/")) == {"a" * 200}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("size", "answers"),
    [
        pytest.param(10, [b"12345"], id="shorter than it said"),
        pytest.param(10, [b"12345", b"6789012345"], id="more than was asked for"),
        pytest.param(10, [b"x" * 11], id="longer than it said"),
        pytest.param(1 << 62, [b"x" * 10], id="larger than any disk"),
        pytest.param(-1, [b"x" * 10], id="of negative size"),
        pytest.param(1 << 40, [b""], id="nothing in it"),
    ],
)
async def test_files_that_are_not_as_the_server_says(
    url: str,
    pki: PkiDirectory,
    target: Path,
    commands: Commands,
    size: int,
    answers: list[bytes],
) -> None:
    rest = iter(answers)

    def creating(handle: Handle) -> Handle:
        def create(context: Context, request: Request) -> Outcome:
            reply = handle(context, request)
            assert isinstance(reply, Reply)
            response = reply.body
            assert isinstance(response, CreateResponse)
            response.end_of_file = size
            return reply

        return create

    def reading(handle: Handle) -> Handle:
        def read(context: Context, request: Request) -> Outcome:
            data = next(rest, None)
            if data is None:
                raise smbquic.StatusError(NtStatus.END_OF_FILE)
            return Reply(ReadResponse(data))

        return read

    def querying(handle: Handle) -> Handle:
        standard = struct.pack("<qqIBBH", size, size, 1, 0, 0, 0)
        return lambda context, request: Reply(QueryDirectoryResponse(standard))

    replace_handler(commands, Command.CREATE, creating)
    replace_handler(commands, Command.READ, reading)
    replace_handler(commands, Command.QUERY_INFO, querying)

    async def work(whole: bool) -> None:
        async with smbquic.connect(url, password="secret", ca=pki.ca) as share:
            if whole:
                await share.read_bytes("file")
            else:
                with pytest.raises((smbquic.SmbError, OSError)):  # a disk may refuse the size, too
                    await share.get("file", target / "file")

    await ends_well(work(whole=False))
    nothing_astray(target)
    await ends_well(work(whole=True))


# --- things that are not SMB at all -------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"\0\xff\xff\xff" + bytes(1 << 20), id="a frame of 16 MiB"),
        pytest.param(b"\0\0\1\0\xfeSMB", id="half a frame"),
        pytest.param(b"\0\0\0\x04\xfeSMB", id="half a header"),
        pytest.param(b"\0\0\0\x40\xfeSMB" + bytes(60), id="an empty header"),
        pytest.param(b"\0\0\0\x40\xffSMB" + bytes(60), id="SMB1"),
        pytest.param(b"\0\0\0\x40\xfdSMB" + bytes(60), id="sealed"),
        pytest.param(b"\0\0\0\x40\xfcSMB" + bytes(60), id="compressed"),
        pytest.param(b"\0\0\0\0" * 10_000, id="many empty frames"),
        pytest.param(b"\x83\0\0\1\x8f", id="a refused NetBIOS session"),
        pytest.param(b"", id="nothing"),
    ],
)
@pytest.mark.parametrize("hangs_up", [True, False])
async def test_what_is_no_answer(said: bytes, hangs_up: bool) -> None:
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        with suppress(ConnectionError):
            writer.write(said)
            await writer.drain()
            if not hangs_up:
                await done.wait()
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]

        async def work() -> None:
            url = f"smb://alice@127.0.0.1:{port}/data"
            async with smbquic.connect(url, password="secret", timeout=0.5):
                pass

        error = await ends_well(work())
        done.set()
    assert isinstance(
        error, smbquic.RemoteProtocolError | smbquic.ConnectionClosed | smbquic.ConnectError
    )
