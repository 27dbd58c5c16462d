"""The uses of a share by a program, for every server and every transport.

Each use begins with an empty share, and checks what it finds by other calls of the library.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from smbquic import Share, ShareChange, ShareChangeKind, StatusError

LINES = [f"line {number}: é日\n" for number in range(20_000)]


async def use_text(share: Share) -> None:
    """Write lines of text, and read them in several ways."""
    async with share.open("text", "w") as file:
        for line in LINES:
            await file.write(line)
    assert await share.read_bytes("text") == "".join(LINES).encode()
    async with share.open("text", "r") as file:
        assert [line async for line in file] == LINES
        await file.seek(0)
        assert await file.readline() == LINES[0]
        mark = file.tell()
        assert await file.read(9) == LINES[1][:9]
        await file.seek(mark)
        assert await file.read() == "".join(LINES[1:])
    async with share.open("text", "a", encoding="utf-8", newline="\r\n") as file:
        await file.write("end\n")
    assert (await share.read_bytes("text")).endswith(b"\nend\r\n")
    async with share.open("utf-16", "x", encoding="utf-16") as file:
        await file.write("é")
    async with share.open("utf-16", "r", encoding="utf-16") as file:
        assert await file.read() == "é"


async def use_buffers(share: Share) -> None:
    """Read and write a file of bytes by small pieces, and in several modes."""
    content = "".join(LINES).encode()
    async with share.open("file", "xb") as file:
        for start in range(0, len(content), 1000):
            await file.write(content[start : start + 1000])
        await file.flush()
        assert await file.size() == len(content)
    with pytest.raises(FileExistsError):
        await share.open("file", "xb")
    for size in (0, 3, 70_000):
        if size:
            async with share.open("file", buffering=size) as file:
                assert await file.read(100_000) == content[:100_000]
                assert await file.read() == content[100_000:]
        else:
            async with share.open("file", "rb", buffering=0) as raw:
                assert await raw.read() == content
    async with share.open("file", "r+b") as file:
        target = bytearray(5)
        assert await file.readinto(target) == 5
        assert target == content[:5]
        await file.write(b"NEW")
        assert await file.read(4) == content[8:12]
        await file.truncate(20)
        await file.seek(0)
        assert await file.read() == content[:5] + b"NEW" + content[8:20]
    with pytest.raises(FileNotFoundError):
        await share.open("missing", "r")


async def use_copies(share: Share) -> None:
    """Copy a file of many chunks, and an empty one, with their times."""
    content = bytes(range(256)) * 8192 * 9
    for name, data in (("large", content), ("small", b"content"), ("empty", b"")):
        await share.write_bytes(name, data)
        await share.utime(name, modified=10**18)
        done: list[int] = []
        assert await share.copy(name, f"{name}-2", progress=lambda *p, d=done: d.append(p[0])) == (
            len(data)
        )
        assert sum(done[-1:]) == len(data)
        assert await share.read_bytes(f"{name}-2") == data
        assert (await share.stat(f"{name}-2")).last_write_time == 10**18
    await share.copy("small", "large-2")
    assert await share.read_bytes("large-2") == b"content"
    with pytest.raises(FileNotFoundError):
        await share.copy("missing", "x")
    assert len(await share.listdir()) == 6


async def use_watch(share: Share) -> None:
    """See what happens in a folder and below it, each thing once it has been done."""
    await share.makedirs("folder/below")
    async with share.watch("folder", recursive=True) as watch:
        changes = aiter(watch)

        async def until(path: str, *kinds: ShareChangeKind) -> ShareChange:
            async with asyncio.timeout(30):
                while True:
                    change = await anext(changes)
                    if change.path == path and change.kind in kinds:
                        return change

        # Samba makes a folder under a temporary name first.
        made = (ShareChangeKind.ADDED, ShareChangeKind.RENAMED)
        await share.mkdir("folder/new")
        await until("folder/new", *made)
        await share.rename("folder/new", "folder/renamed")
        renamed = await until("folder/renamed", ShareChangeKind.RENAMED)
        assert renamed.old_path == "folder/new"
        async with share.open("folder/below/file", "wb") as file:
            await file.write(b"content")
        await until("folder/below/file", ShareChangeKind.ADDED)
        await share.utime("folder/below/file", modified=10**18)
        await until("folder/below/file", ShareChangeKind.MODIFIED)
        # Many at once: they come in several answers, and none is lost.
        names = {f"folder/{number}" for number in range(50)}
        async with asyncio.TaskGroup() as making:
            for name in names:
                making.create_task(share.mkdir(name))
        async with asyncio.timeout(30):
            while names:
                change = await anext(changes)
                assert change.kind is not ShareChangeKind.OVERFLOW
                if change.kind in made:
                    names.discard(change.path)
        await share.remove("folder/below/file")
        await until("folder/below/file", ShareChangeKind.REMOVED)
    with pytest.raises(FileNotFoundError):
        async with share.watch("missing"):
            pytest.fail("it was entered")
    await share.write_bytes("file", b"")
    with pytest.raises(NotADirectoryError):
        await anext(aiter(share.watch("file")))


async def use_trees(share: Share) -> None:
    """Go through folders, in both orders, and find what matches patterns."""
    paths = [f"{a}/{b}/{c}.txt" for a in "abc" for b in "de" for c in "fg"]
    for path in paths:
        await share.makedirs(path.rpartition("/")[0])
        await share.write_bytes(path, path.encode())
    down = [(place, {entry.name for entry in files}) async for place, _, files in share.walk()]
    assert dict(down)["b/d"] == {"f.txt", "g.txt"}
    assert len(down) == 1 + 3 + 6
    assert down[0][0] == ""
    up = [place async for place, _, _ in share.walk(topdown=False)]
    assert up[-1] == ""
    assert up.index("a/d") < up.index("a")
    assert sorted(up) == sorted(place for place, _ in down)

    async def found(pattern: str) -> list[str]:
        return sorted([path async for path, entry in share.glob(pattern)])

    assert await found("**/*.TXT") == sorted(paths)
    assert await found("[ab]/?/f*") == ["a/d/f.txt", "a/e/f.txt", "b/d/f.txt", "b/e/f.txt"]
    assert await found("b/**/") == ["b", "b/d", "b/e"]
    assert await found("*/d/g.txt") == ["a/d/g.txt", "b/d/g.txt", "c/d/g.txt"]
    assert await found("missing/*") == []
    [(_, entry)] = [one async for one in share.glob("a/d/f.txt")]
    assert (entry.name, entry.size) == ("f.txt", 9)


async def use_locks(share: Share) -> None:
    """Lock ranges, and meet the locks of another open."""
    await share.write_bytes("file", bytes(100))
    async with share.open("file", "r+b") as one, share.open("file", "r+b") as other:
        async with one.lock(10, 20):
            with pytest.raises(BlockingIOError):
                await other.lock(25, 10, blocking=False)
            with pytest.raises(BlockingIOError):
                await other.read_at(15, 1)
            await one.seek(10)
            await one.write(b"one")
            waiting = asyncio.create_task(other.lock(10, 3).__aenter__())
            await other.write_at(50, b"free")
            assert not waiting.done()
        # What was written under the lock is there for who has it next.
        async with asyncio.timeout(30), await waiting:
            await other.seek(10)
            assert await other.read(3) == b"one"
        async with one.lock(0, 5, exclusive=False), other.lock(0, 5, exclusive=False):
            await other.seek(0)
            assert await other.read(1) == b"\0"
        # A lock that is given up while it is waited for is nobody's.
        async with one.lock(0, 5):
            waiting = asyncio.create_task(other.lock(0, 5).__aenter__())
            await other.size()
            waiting.cancel()
            await asyncio.wait([waiting])
        async with one.lock(0, 5, blocking=False):
            pass


async def use_streams(share: Share) -> None:
    """Write named streams, list them, read them, and delete one."""
    await share.write_bytes("file", b"content")
    assert await share.streams("file") == []
    for name in ("one", "two"):
        async with share.open(f"file:{name}", "wb") as file:
            await file.write(name.encode() * 100)
    assert {stream.name: stream.size for stream in await share.streams("file")} == {
        "one": 300,
        "two": 300,
    }
    async with share.open("file:one", "r") as text:
        assert await text.read() == "one" * 100
    await share.remove("file:one")
    assert [stream.name for stream in await share.streams("file")] == ["two"]
    assert await share.read_bytes("file") == b"content"
    with pytest.raises(FileNotFoundError):
        await share.streams("missing")


async def use_attributes(share: Share) -> None:
    """Set, list, read and remove extended attributes of files and folders."""
    await share.write_bytes("file", b"")
    await share.mkdir("folder")
    for path in ("file", "folder"):
        before = await share.listxattr(path)
        await share.setxattr(path, "one", b"1")
        await share.setxattr(path, "two", bytes(range(256)))
        await share.setxattr(path, "one", b"other")
        found = [name.lower() for name in await share.listxattr(path)]
        assert sorted(found) == sorted([*(name.lower() for name in before), "one", "two"])
        assert await share.getxattr(path, "ONE") == b"other"
        assert await share.getxattr(path, "two") == bytes(range(256))
        await share.removexattr(path, "one")
        with pytest.raises(FileNotFoundError):
            await share.getxattr(path, "one")
    with pytest.raises(FileNotFoundError):
        await share.listxattr("missing")


async def use_links(share: Share) -> None:
    """Make links to a file and to a folder, and read where they lead."""
    await share.makedirs("folder")
    await share.write_bytes("folder/file", b"content")
    await share.symlink("folder/file", "link")
    assert await share.readlink("link") == "folder/file"
    with pytest.raises(FileExistsError):
        await share.symlink("x", "link")
    entries = {entry.name: entry.is_link async for entry in share.scandir()}
    assert entries == {"folder": False, "link": True}
    await share.remove("link")
    assert await share.read_bytes("folder/file") == b"content"
    with pytest.raises(StatusError, match="not a reparse point"):
        await share.readlink("folder/file")


async def use_folder_links(share: Share) -> None:
    """Make a link to a folder: smbd has none that it can make."""
    await share.mkdir("folder")
    await share.symlink("../folder", "folder/up", target_is_directory=True)
    assert await share.readlink("folder/up") == "../folder"
    await share.remove("folder/up")
    assert await share.listdir() == ["folder"]


async def use_no_snapshots(share: Share) -> None:
    """Learn that there are no previous versions: smbd opens the present one instead."""
    assert await share.snapshots() == []
    await share.write_bytes("file", b"")
    with pytest.raises(FileNotFoundError):
        await share.stat("file", snapshot=datetime(2024, 1, 2, tzinfo=UTC))


Use = Callable[[Share], Awaitable[None]]
USES: dict[str, Use] = {
    "text": use_text,
    "buffers": use_buffers,
    "copies": use_copies,
    "watch": use_watch,
    "trees": use_trees,
    "locks": use_locks,
    "streams": use_streams,
    "attributes": use_attributes,
    "links": use_links,
}
OURS: dict[str, Use] = {
    **USES,
    "folder links": use_folder_links,
    "no snapshots": use_no_snapshots,
}
"""Those that smbd cannot do, too."""
