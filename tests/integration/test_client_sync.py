"""The API without `await`, against a server on another thread."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

import smbquic
from smbquic import sync
from smbquic.pki import PkiDirectory
from smbquic.wire.fscc.attributes import FileAttributes
from tests.engines import AUTO, AUTO_REASON, automatic


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def url(root: Path, pki: PkiDirectory) -> Iterator[str]:
    before = threading.active_count()
    with sync.serve(
        {"data": root},
        {"alice": "secret"},
        ["quic://localhost:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as serving:
        port = serving.listeners[0].rpartition(":")[2]
        yield f"smb+quic://alice:secret@localhost:{port}/data"
    assert threading.active_count() == before


@pytest.fixture
def share(url: str, pki: PkiDirectory) -> Iterator[sync.SyncShare]:
    with sync.connect(url, ca=pki.ca) as share:
        yield share


def test_files(share: sync.SyncShare, root: Path, tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    (tmp_path / "source").write_bytes(content)
    share.put(tmp_path / "source", "x")
    assert (root / "x").read_bytes() == content
    share.copy("x", "y")
    share.get("y", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content
    share.write_bytes("z", b"abc")
    assert share.read_bytes("z") == b"abc"
    with share.open("z", "r+b") as file:
        assert file.path == "z"
        assert file.read(1) == b"a"
        assert file.tell() == 1
        file.write(b"BC")
        assert file.seek(0) == 0
        assert file.read() == b"aBC"
        file.write_at(0, b"A")
        assert bytes(file.read_at(0, 3)) == b"ABC"
        assert file.truncate(2) == 2
        assert file.size() == 2
        file.flush()
        assert not file.closed
    assert file.closed
    file.close()
    assert (root / "z").read_bytes() == b"AB"


def test_kinds_of_files(share: sync.SyncShare) -> None:
    with share.open("text", "w", encoding="utf-16") as text:
        assert (text.path, text.encoding, text.errors) == ("text", "utf-16", "strict")
        assert text.write("one\ntwo\n") == 8
        text.flush()
        assert text.buffer.writable()
        assert not text.buffer.readable()
        assert not text.closed
    text.close()
    assert text.closed
    with share.open("text", "r+", encoding="utf-16") as text:
        assert text.readline() == "one\n"
        mark = text.tell()
        assert list(text) == ["two\n"]
        text.seek(mark)
        assert text.read() == "two\n"
        assert text.truncate(mark) == 10
    with share.open("text") as file:
        assert list(file) == ["one\n".encode("utf-16")[:9], b"\0"]
        file.seek(0)
        target = bytearray(2)
        assert file.readinto(target) == 2
        assert file.readline(1) == b"o"
    with share.open("raw", "wb", buffering=0) as raw:
        raw.write(b"raw")
        assert share.read_bytes("raw") == b"raw"
    with share.open("raw", "r+b") as one, share.open("raw", "r+b") as other:
        with one.lock(0, 2), pytest.raises(smbquic.LockedError):
            other.lock(1, 1, blocking=False)
        other.lock(1, 1, exclusive=False).release()
        one.lock(5, 5)
        one.unlock(5, 5)
    with share.open("raw", "r+b") as file:
        file.write(b"RAW")
        file.drain()
        assert share.read_bytes("raw") == b"RAW"


def test_watching(share: sync.SyncShare) -> None:
    changes = share.watch(recursive=True)

    def make() -> None:
        for number in count():
            if done.is_set():
                return
            share.mkdir(f"{number}")

    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(make)  # the watch begins with the first `next`
        try:
            change = next(changes)
        finally:
            done.set()
    assert change.kind is smbquic.ShareChangeKind.ADDED
    changes.close()


def test_names(share: sync.SyncShare) -> None:
    assert share.name == "data"
    assert share.peer.kind == "quic"
    share.makedirs("a/b")
    share.mkdir("a/c")
    share.write_bytes("a/f", b"1")
    share.rename("a/f", "a/g")
    share.set_attributes("a/g", FileAttributes.HIDDEN)
    share.utime("a/g", modified=1_000_000_000_000_000_000)
    assert share.stat("a/g").last_write_time == 1_000_000_000_000_000_000
    assert sorted(share.listdir("a")) == ["b", "c", "g"]
    assert {entry.name for entry in share.scandir("a", "?")} == {"b", "c", "g"}
    assert [path for path, _, _ in share.walk()][:2] == ["", "a"]
    assert [path for path, _, _ in share.walk(topdown=False)][-1] == ""
    assert [path for path, _ in share.glob("*/?")] == ["a/b", "a/c", "a/g"]
    assert share.usage().files == 1
    assert share.volume().total > 0
    share.setxattr("a/g", "one", b"1")
    assert [name.lower() for name in share.listxattr("a/g")] == ["one"]
    assert share.getxattr("a/g", "one") == b"1"
    share.removexattr("a/g", "one")
    with share.open("a/g:stream", "wb") as file:
        file.write(b"abc")
    assert [stream.name for stream in share.streams("a/g")] == ["stream"]
    assert share.snapshots() == []
    with pytest.raises(smbquic.StatusError):
        share.readlink("a/g")
    with pytest.raises(smbquic.StatusError):
        share.symlink("g", "a/link")
    share.remove("a/g")
    share.rmdir("a/b")
    assert share.exists("a")
    share.rmtree("a")
    assert not share.exists("a")


def test_the_engine_is_chosen_and_told(url: str, pki: PkiDirectory) -> None:
    with sync.connect(url, ca=pki.ca) as share:
        assert (share.peer.engine, share.peer.engine_reason) == (AUTO, AUTO_REASON)
    with sync.connect(url, ca=pki.ca, congestion="bbr") as share:
        choice = automatic(congestion="bbr")
        assert (share.peer.engine, share.peer.engine_reason) == (choice.engine, choice.reason)
        assert list(share.stages.over) == ["transport", "negotiate", "session", "tree"]
        assert share.statistics().lost_packets is not None
    with (
        pytest.raises(smbquic.EngineError),
        sync.connect(url, ca=pki.ca, engine="qh3", congestion="reno"),
    ):
        pytest.fail("there is no such engine")


def test_listings_that_are_left_early(url: str, pki: PkiDirectory) -> None:
    with sync.connect(url, ca=pki.ca) as share:
        share.write_bytes("x", b"")
        share.write_bytes("y", b"")
        for _ in share.scandir():
            break
        left = share.scandir()
        next(left)
    with pytest.raises(smbquic.ConnectionClosed):
        next(left)
    with pytest.raises(smbquic.ConnectionClosed):
        share.stat("x")


def test_trees(share: sync.SyncShare, tmp_path: Path) -> None:
    (tmp_path / "source" / "in").mkdir(parents=True)
    (tmp_path / "source" / "in" / "x").write_bytes(b"x")
    assert share.put_tree(tmp_path / "source", "t").files == 1
    assert share.copy_tree("t", "u").files == 1
    assert share.get_tree("u", tmp_path / "back").files == 1
    assert (tmp_path / "back" / "in" / "x").read_bytes() == b"x"


def test_errors_come_through(share: sync.SyncShare, url: str, pki: PkiDirectory) -> None:
    with pytest.raises(FileNotFoundError):
        share.stat("missing")
    with pytest.raises(ZeroDivisionError), sync.connect(url, ca=pki.ca):
        raise ZeroDivisionError
    with (
        pytest.raises(smbquic.AuthenticationError),
        sync.connect(url, ca=pki.ca, password="wrong"),
    ):
        pytest.fail("connected")


def test_several_threads_may_use_one_share(share: sync.SyncShare) -> None:
    def work(index: int) -> bytes:
        share.write_bytes(f"f{index}", b"%d" % index)
        return share.read_bytes(f"f{index}")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(40))) == [b"%d" % index for index in range(40)]


def test_streams(share: sync.SyncShare, root: Path) -> None:
    content = os.urandom(3 << 20)
    size = share.put_stream((content[:1_000_000], content[1_000_000:]), "x")
    assert size == len(content)
    assert (root / "x").read_bytes() == content
    assert b"".join(map(bytes, share.stream("x"))) == content


def test_files_of_one_transfer_do_not_replace_each_other(
    share: sync.SyncShare, root: Path, tmp_path: Path
) -> None:
    (root / "x").write_bytes(b"x")
    written = smbquic.WrittenFiles()
    share.get("x", tmp_path / "y", written=written)
    with pytest.raises(smbquic.NameCollisionError):
        share.get("x", tmp_path / "y", written=written)
