"""The bounds of a tree in memory; what it does as every storage does is in test_conformance.py."""

import errno
import time
from collections.abc import Callable
from functools import partial

import pytest

from smbquic.storage import DIRECTORY, HIDDEN, Disposition, NameInvalid, StorageFile
from smbquic.storage.memory import MemoryStorage


def make(storage: MemoryStorage, name: str, content: bytes = b"") -> StorageFile:
    file, _ = storage.open(name, Disposition.CREATE, write=True)
    if content:
        file.write(0, [content])
    return file


def test_nothing_is_left_of_what_goes() -> None:
    storage = MemoryStorage()
    file = make(storage, "file", b"content")
    file.set_extended_attributes([("name", b"value")])
    file.set_security(b"descriptor")
    stream = file.create_stream("stream")
    stream.write(0, [b"content"])
    file.link("other", replace=False)
    folder, _ = storage.open("folder", Disposition.CREATE, directory=True)

    file.delete()
    other = storage.lookup("other")
    other.delete()
    other.close()
    folder.delete()
    folder.close()
    assert storage.volume().free_bytes < storage.volume().total_bytes
    stream.close()

    assert (storage._tree.budget.bytes, storage._tree.budget.files) == (0, 0)
    assert storage.volume().free_bytes == storage.volume().total_bytes


def test_what_is_open_counts() -> None:
    storage = MemoryStorage(max_files=2)
    one, two = make(storage, "one"), make(storage, "two")
    one.delete()

    with pytest.raises(OSError, match="No space left"):
        make(storage, "three")
    one.close()
    make(storage, "three").close()
    two.close()


def test_so_many_files() -> None:
    storage = MemoryStorage(max_files=3)
    file = make(storage, "file")
    storage.open("folder", Disposition.CREATE, directory=True)[0].close()
    file.create_stream("stream").close()

    for more in (
        lambda: make(storage, "more"),
        lambda: storage.create("more", directory=True),
        lambda: file.create_stream("more"),
        lambda: file.link("more", replace=False),
    ):
        with pytest.raises(OSError, match="No space left") as caught:
            more()
        assert caught.value.errno == errno.ENOSPC
    assert sorted(found.name for found in storage.lookup("").scan()) == ["file", "folder"]
    assert [stream.name for stream in file.streams()] == ["stream"]


def test_so_many_bytes() -> None:
    storage = MemoryStorage(max_bytes=10_000)
    file = make(storage, "file", b"content")

    for more in (
        lambda: file.write(0, [bytes(10_000)]),
        lambda: file.set_extended_attributes([("name", bytes(10_000))]),
        lambda: file.set_security(bytes(10_000)),
        lambda: file.allocate(10_000),
    ):
        with pytest.raises(OSError, match="No space left") as caught:
            more()
        assert caught.value.errno == errno.ENOSPC
    assert file.read(0, 100) == b"content"
    assert file.extended_attributes() == []
    assert file.security() is None
    file.close()


def test_room_is_found_up_to_the_last_byte() -> None:
    storage = MemoryStorage(max_bytes=10_000)
    file = make(storage, "file", b"content")
    most = storage.volume().free_bytes + len(b"content")

    file.allocate(most)
    with pytest.raises(OSError, match="No space left"):
        file.allocate(most + 1)
    file.close()


def test_what_replaces_gives_room_back() -> None:
    storage = MemoryStorage(max_files=2)
    old, new = make(storage, "old", b"old"), make(storage, "new", b"new")
    old.close()

    new.rename("old", replace=True)

    make(storage, "another").close()
    assert new.name == "old"
    new.close()


def test_every_storage_is_one_of_its_own() -> None:
    one, other = MemoryStorage(), MemoryStorage()
    make(one, "file").close()

    with pytest.raises(FileNotFoundError):
        other.lookup("file")
    assert one.lookup("").key != other.lookup("").key
    assert one.volume().label == "memory"


def test_what_a_file_costs() -> None:
    storage = MemoryStorage()
    free = storage.volume().free_bytes
    assert storage.volume().total_bytes == 256 * 1024 * 1024

    file = make(storage, "file")
    assert free - storage.volume().free_bytes == 2048
    file.write(0, [b"x"])
    assert free - storage.volume().free_bytes == 2048 + 128 + 1
    assert (file.stat().allocation_size, storage.volume().block_size) == (4096, 4096)
    file.close()


def test_times_are_as_exact_as_clients_can_be_told() -> None:
    storage = MemoryStorage()
    file = make(storage, "file")

    stat = file.stat()

    # A FILETIME counts units of 100 ns. [MS-DTYP] 2.3.3
    assert stat.creation_time % 100 == 0
    assert time.time_ns() - stat.creation_time < 10**10
    file.close()


def test_the_root_is_a_folder_of_nobody_and_stays() -> None:
    root = MemoryStorage().lookup("")

    stat = root.stat()

    assert (stat.is_directory, stat.attributes, stat.account, stat.links) == (True, DIRECTORY, 0, 1)
    root.close()


def test_files_have_ids_of_their_own_in_each_storage() -> None:
    for _ in range(2):
        storage = MemoryStorage()
        storage.create("a", directory=False).close()
        storage.create("b", directory=True).close()
        assert [storage.stat(name).file_id for name in ("", "a", "b")] == [1, 2, 3]


def test_a_write_tells_how_much_it_was() -> None:
    stream = make(MemoryStorage(), "file").create_stream("stream")

    assert stream.write(0, [b"abc", b"de"]) == 5
    assert stream.write(0, []) == 0
    stream.close()


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_what_is_closed_is_neither_read_nor_written(kind: str) -> None:
    file = make(MemoryStorage(), "file", b"content")
    closed = file if kind == "file" else file.create_stream("stream")
    closed.close()

    for step in (
        lambda: closed.read(0, 1),
        lambda: closed.write(0, [b"x"]),
    ):
        with pytest.raises(OSError, match="closed") as caught:
            step()
        assert caught.value.errno == errno.EBADF


def test_nothing_is_changed_through_an_open_of_what_is_read_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = MemoryStorage()
    file = make(storage, "file", b"content")
    stream = file.create_stream("stream")
    monkeypatch.setattr(storage._tree, "read_only", True)

    for step in (
        lambda: file.set_times(last_write_time=0),
        lambda: file.set_attributes(0),
        lambda: file.set_sparse(sparse=True),
        file.mark_changed,
        lambda: file.write(0, [b"x"]),
        lambda: file.truncate(0),
        lambda: file.zero(0, 1),
        lambda: file.overwrite(0, supersede=False),
        lambda: file.rename("new", replace=False),
        lambda: file.link("new", replace=False),
        file.delete,
        file.check_deletion,
        lambda: file.set_extended_attributes([("name", b"value")]),
        lambda: file.set_security(b"descriptor"),
        lambda: file.create_stream("new"),
        lambda: stream.write(0, [b"x"]),
        lambda: stream.truncate(0),
        lambda: stream.zero(0, 1),
        lambda: stream.rename("new", replace=False),
        stream.delete,
        stream.check_deletion,
        lambda: storage.create("new", directory=False),
    ):
        with pytest.raises(OSError, match="Read-only") as caught:
            step()
        assert caught.value.errno == errno.EROFS
    assert file.read(0, 10) == b"content"
    stream.close()
    file.close()


def test_what_is_done_to_a_stream_that_is_gone() -> None:
    file = make(MemoryStorage(), "file")
    gone, other = file.create_stream("stream"), file.create_stream("other")
    gone.delete()

    for step in (
        lambda: gone.read(0, 1),
        lambda: gone.write(0, [b"x"]),
        lambda: gone.rename("new", replace=False),
        gone.delete,
    ):
        with pytest.raises(FileNotFoundError):
            step()
    with pytest.raises(NameInvalid):
        other.rename("a:b", replace=False)
    assert [stream.name for stream in file.streams()] == ["other"]
    gone.close()
    other.close()
    file.close()


def test_allocating_what_is_there_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    file = make(MemoryStorage(), "file", b"content")
    before = file.stat()
    later = time.time_ns() + 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)

    file.allocate(7)
    assert file.stat() == before
    file.allocate(6)
    assert file.stat().last_write_time == later // 100 * 100
    file.close()


def test_every_change_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    file = make(MemoryStorage(), "file", b"content")
    stream, gone = file.create_stream("stream"), file.create_stream("gone")
    clock = time.time_ns() // 100 * 100

    steps: list[Callable[[], object]] = [
        lambda: file.set_attributes(HIDDEN),
        lambda: file.set_sparse(sparse=True),
        file.mark_changed,
        lambda: file.rename("new", replace=False),
        lambda: file.link("other", replace=False),
        lambda: file.set_extended_attributes([("name", b"value")]),
        lambda: file.set_security(b"descriptor"),
        lambda: stream.rename("new", replace=False),
        gone.delete,
        lambda: file.set_times(last_write_time=0),
    ]
    for step in steps:
        clock += 10**9
        monkeypatch.setattr(time, "time_ns", partial(int, clock))
        step()
        assert file.stat().change_time == clock
    for opened in (gone, stream, file):
        opened.close()


def test_zeroing_is_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = MemoryStorage()
    file = make(storage, "file", b"content")
    before = file.stat()
    later = time.time_ns() + 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    file.zero(0, 3)
    after = file.stat()
    assert before.last_write_time < after.last_write_time == later // 100 * 100
    assert after.change_time == later // 100 * 100
