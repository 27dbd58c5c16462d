import asyncio
import errno
import logging
import os
import stat as modes
import threading
from typing import Any, cast

import pytest

from smbquic.client.background import LoopThread
from smbquic.client.mount import read_operations
from smbquic.client.mount.attributes import Ownership
from smbquic.client.mount.read_operations import ReadOperations
from smbquic.client.stat import Volume
from smbquic.errors import ConnectionClosed, SecurityError
from smbquic.wire.fscc.attributes import FileAttributes
from tests.unit.client.mount.operating import FakeShare, Loop, info, stat


@pytest.fixture
def share() -> FakeShare:
    share = FakeShare()
    share.there |= {
        "file": stat("file"),
        "folder": stat("folder", FileAttributes.DIRECTORY, file_id=78),
    }
    return share


@pytest.fixture
def operations(share: FakeShare) -> ReadOperations:
    return ReadOperations(cast(Any, Loop()), cast(Any, share), Ownership(1, 2))


def test_attributes_of_a_path(operations: ReadOperations, share: FakeShare) -> None:
    found = operations.getattr("/file")
    assert (found["st_size"], found["st_ino"], found["st_uid"]) == (5, 77, 1)
    assert modes.S_ISDIR(operations.getattr("/")["st_mode"])
    with pytest.raises(FileNotFoundError):
        operations.getattr("/nothing")
    assert share.done == [("stat", "file"), ("stat", ""), ("stat", "nothing")]


def test_what_is_known_is_not_asked_for(operations: ReadOperations, share: FakeShare) -> None:
    share.known["file"] = stat("file", size=9)
    assert operations.getattr("/file")["st_size"] == 9
    assert share.done == []
    # A program may have written something that has not been sent.
    operations.open("/file", info(os.O_WRONLY))
    assert operations.getattr("/file")["st_size"] == 5
    assert [each[0] for each in share.done] == ["open", "settle", "stat"]


def test_a_listing_has_types_and_numbers(operations: ReadOperations, share: FakeShare) -> None:
    entries = list(operations.readdir("/", 0))
    assert entries[:2] == [".", ".."]
    assert entries[2:] == [
        ("file", {"st_mode": modes.S_IFREG | 0o644, "st_ino": 77}, 0),
        ("folder", {"st_mode": modes.S_IFDIR | 0o755, "st_ino": 78}, 0),
    ]
    assert share.done == [("listing", "")]


def test_names_that_no_file_can_have_are_left_out(
    operations: ReadOperations, share: FakeShare
) -> None:
    share.there = {name: stat(name) for name in ("..", "a/b", "\ud800", "fine")}
    assert [entry[0] for entry in list(operations.readdir("/", 0))[2:]] == ["fine"]


def test_a_folder_of_the_share_is_mounted(share: FakeShare) -> None:
    share.there["in/side/file"] = stat("file")
    operations = ReadOperations(
        cast(Any, Loop()), cast(Any, share), Ownership(1, 2), "in/side", lambda: share.done.clear()
    )
    operations.getattr("/file")
    assert share.done == [("stat", "in/side/file")]
    operations.init("/")
    assert share.done == []


def test_links_that_lead_out_of_the_mount(operations: ReadOperations, share: FakeShare) -> None:
    assert operations.readlink("/link") == "file"
    share.target = "../a\uf022b"
    assert operations.readlink("/folder/link") == "../a:b"
    for path, target in [("/link", "../file"), ("/a/link", "/etc/passwd"), ("/a/link", "../../x")]:
        share.target = target
        with pytest.raises(PermissionError):
            operations.readlink(path)


def test_how_full_it_is(operations: ReadOperations) -> None:
    found = operations.statfs("/")
    assert found == {
        "f_bsize": 1 << 20,
        "f_frsize": 4096,
        "f_blocks": 100,
        "f_bfree": 40,
        "f_bavail": 30,
        "f_namemax": 255,
    }


def test_a_volume_without_a_block_size(
    operations: ReadOperations, share: FakeShare, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def volume() -> Volume:
        return Volume(7, 5, 6, 0, "", 1, "NTFS")

    monkeypatch.setattr(share, "volume", volume)
    found = operations.statfs("/")
    assert [found[name] for name in ("f_frsize", "f_blocks", "f_bfree", "f_bavail")] == [1, 7, 6, 5]


def test_an_open_file(operations: ReadOperations, share: FakeShare) -> None:
    fi = info(os.O_RDONLY)
    assert operations.open("/file", fi) == 0
    assert fi.fh == 1
    operations.read("/file", 7, 3, fi)
    assert operations.release("/file", fi) == 0
    assert len(operations.files) == 0
    assert share.done == [("open", "file", os.O_RDONLY), ("read", 3, 7), ("close",)]
    with pytest.raises(OSError, match="Bad file"):
        operations.read("/file", 1, 0, fi)


def test_the_server_is_asked_once_it_has_what_was_written(
    operations: ReadOperations, share: FakeShare
) -> None:
    operations.open("/file", info(os.O_RDONLY))
    operations.getattr("/file")
    operations.open("/file", info(os.O_WRONLY))
    operations.getattr("/file")
    assert [each[0] for each in share.done] == ["open", "stat", "open", "settle", "stat"]


def test_a_signal_ends_what_waits_for_others(share: FakeShare) -> None:
    loop = LoopThread()
    try:
        signals = iter([False, True])
        operations = ReadOperations(
            loop, cast(Any, share), Ownership(1, 2), interrupted=lambda: next(signals)
        )
        ended = []

        async def for_ever() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

        with pytest.raises(OSError, match="Errno") as caught:
            operations.wait(for_ever())
        assert caught.value.errno == errno.EINTR
        loop.run(asyncio.sleep(0))
        assert ended == [True]
        assert operations.wait(share.volume()).block_size == 4096
        with pytest.raises(FileNotFoundError):
            operations.wait(share.stat("nothing"))
    finally:
        loop.stop()


def test_not_all_threads_wait_for_others(share: FakeShare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_operations, "MOST_WAITING", 1)
    loop = LoopThread()
    try:
        operations = ReadOperations(loop, cast(Any, share), Ownership(1, 2))
        free = asyncio.Event()
        waiting = threading.Thread(target=operations.wait, args=(free.wait(),))
        waiting.start()
        while operations._waiting._value != 0:
            pass
        with pytest.raises(OSError, match="No locks") as caught:
            operations.wait(share.volume())
        assert caught.value.errno == errno.ENOLCK
        loop.call(free.set)
        waiting.join()
        assert operations.wait(share.volume()).block_size == 4096
    finally:
        loop.stop()


def test_a_server_that_lists_what_no_file_can_have(
    operations: ReadOperations, share: FakeShare, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def listing(path: str) -> list[Any]:
        raise SecurityError("the server lists the name '../x', which no file can have")

    monkeypatch.setattr(share, "listing", listing, raising=False)
    with pytest.raises(OSError, match="Errno 5"):
        list(operations.readdir("/", 0))


def test_only_what_nobody_expects_is_logged(
    operations: ReadOperations, share: FakeShare, caplog: pytest.LogCaptureFixture
) -> None:
    async def lost() -> None:
        raise ConnectionClosed("the connection was lost")

    with caplog.at_level(logging.WARNING):
        with pytest.raises(FileNotFoundError):
            operations.getattr("/nothing")
        assert not caplog.records
        with pytest.raises(OSError, match="Errno 5") as caught:
            operations.run(lost())
    assert caught.value.errno == errno.EIO
    assert caplog.messages == ["the connection was lost"]
