"""Reading, writing, sizes and flushing of a local file."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.storage import Disposition, StorageFile
from smbquic.storage.local import LocalStorage
from smbquic.storage.local.file import LocalFile
from tests.unit.storage.interfaces import differences
from tests.unit.storage.local.opening import Make


def test_reading(opened: Make, root: Path) -> None:
    (root / "file").write_bytes(b"0123456789")
    file = opened("file")

    assert bytes(file.read(0, 4)) == b"0123"
    assert bytes(file.read(8, 100)) == b"89"
    assert bytes(file.read(10, 1)) == b""
    assert bytes(file.read(2**64 - 1, 1)) == b""
    assert bytes(file.read(0, 0)) == b""
    assert bytes(file.read(0, 2**32)) == b"0123456789"


def test_writing(opened: Make, root: Path) -> None:
    file = opened("file")

    assert file.write(0, [b"abc", bytearray(b"def"), memoryview(b"ghi")]) == 9
    assert file.write(1, [b"", b"X", b""]) == 1
    assert file.write(12, [b"end"]) == 3
    assert file.write(100, []) == 0
    assert file.write(100, [b""]) == 0

    assert (root / "file").read_bytes() == b"aXcdefghi\0\0\0end"


def test_more_buffers_than_one_call_takes(opened: Make, root: Path) -> None:
    buffers = [b"%d," % number for number in range(3000)]

    assert opened("file").write(5, buffers) == sum(map(len, buffers))
    assert (root / "file").read_bytes() == bytes(5) + b"".join(buffers)


@given(buffers=st.lists(st.binary(max_size=9), max_size=9), step=st.integers(1, 7))
def test_a_disk_that_takes_little_at_a_time(
    tmp_path_factory: pytest.TempPathFactory, buffers: list[bytes], step: int
) -> None:
    real = os.pwritev
    root = tmp_path_factory.mktemp("share")
    storage = LocalStorage(root)
    file, _ = storage.open("file", Disposition.CREATE, write=True)

    def little(fd: int, pieces: list[bytes], offset: int) -> int:
        return real(fd, [b"".join(pieces)[:step]], offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwritev", little)
        assert file.write(3, buffers) == sum(map(len, buffers))
    file.close()
    storage.close()

    content = b"".join(buffers)
    assert (root / "file").read_bytes() == (bytes(3) + content if content else b"")


def test_a_full_disk_is_told(opened: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened("file")
    calls = []

    def fill(fd: int, pieces: list[bytes], offset: int) -> int:
        calls.append(offset)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "full")
        return 1

    monkeypatch.setattr(os, "pwritev", fill)
    with pytest.raises(OSError, match="full"):
        file.write(7, [b"abc"])
    assert calls == [7, 8]


def test_offsets_that_no_disk_has(opened: Make) -> None:
    file = opened("file")

    for call in (
        lambda: file.write(2**63 - 1, [b"a"]),
        lambda: file.write(2**64 - 1, [b"a"]),
        lambda: file.truncate(2**63),
    ):
        with pytest.raises(OSError, match="too large") as caught:
            call()
        assert caught.value.errno == errno.EFBIG


def test_a_file_that_was_not_opened_for_writing(opened: Make, root: Path) -> None:
    (root / "file").write_bytes(b"content")
    file = opened("file", write=False)

    with pytest.raises(OSError, match="Bad file descriptor"):
        file.write(0, [b"x"])
    with pytest.raises(OSError, match="Invalid argument"):
        file.truncate(0)
    assert (root / "file").read_bytes() == b"content"


def test_sizes(opened: Make) -> None:
    file = opened("file")
    file.truncate(10)
    assert (file.stat().size, bytes(file.read(0, 100))) == (10, bytes(10))
    file.allocate(1 << 20)
    assert file.stat().size == 10
    file.allocate(10)
    assert file.stat().size == 10
    file.allocate(4)
    assert file.stat().size == 4

    with pytest.raises(OSError, match="No space") as caught:
        file.allocate(2**62)
    assert caught.value.errno == errno.ENOSPC


def test_folders_have_no_content(opened: Make) -> None:
    folder = opened("folder", directory=True)

    with pytest.raises(IsADirectoryError):
        folder.read(0, 10)
    with pytest.raises(OSError, match="Bad file descriptor"):
        folder.write(0, [b"x"])


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of what was written through to the disk."""
    inodes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: inodes.append(os.fstat(fd).st_ino))
    return inodes


def test_flushing_what_was_made(
    storage: LocalStorage, opened: Make, root: Path, synced: list[int]
) -> None:
    folder = opened("sub", directory=True)
    file = opened("sub\\file")
    sub, inner = (root / "sub").stat().st_ino, (root / "sub" / "file").stat().st_ino

    file.flush()
    assert synced == [inner, sub]
    file.flush()
    assert synced == [inner, sub, inner]
    folder.flush()
    assert synced == [inner, sub, inner, sub, root.stat().st_ino]
    synced.clear()
    file.rename("moved", replace=False)
    file.flush()
    assert synced == [inner, root.stat().st_ino]
    synced.clear()
    again, _ = storage.open("moved")
    again.flush()
    again.close()
    again, _ = storage.open("")
    again.flush()
    again.close()
    assert synced == [inner, root.stat().st_ino]


def test_a_local_file_is_called_in_the_same_way_as_any_other() -> None:
    assert differences(StorageFile, LocalFile) == []
