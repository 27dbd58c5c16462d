"""The bounds of a tree in memory; what it does as every storage does is in test_conformance.py."""

import errno

import pytest

from smbquic.storage import Disposition, StorageFile
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
