"""Reading, writing, sizes and flushing of a local file."""

import errno
import os
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.storage import Disposition, NotReady, StorageFile
from smbquic.storage.local import LocalStorage, closing
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


class Volume(NamedTuple):
    """What is left of a disk, in units."""

    f_bavail: int
    f_frsize: int


def test_room_is_looked_for_besides_what_the_file_has(
    opened: Make, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened("file")
    file.write(0, [bytes(1000)])
    file.flush()
    kept = (root / "file").stat().st_blocks * 512
    monkeypatch.setattr(os, "fstatvfs", lambda _: Volume(10, 4096))

    file.allocate(kept + 40_960)
    with pytest.raises(OSError, match="No space"):
        file.allocate(kept + 40_961)
    assert file.stat().size == 1000


def test_what_a_cache_of_the_system_holds(
    opened: Make, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "file").write_bytes(b"0123456789")
    file = opened("file")
    asked: list[tuple[int, int, int]] = []
    counts = [0, 2, 3, 1]

    def read(fd: int, buffers: list[bytearray], offset: int, flags: int) -> int:
        asked.append((len(buffers[0]), offset, flags))
        count = counts.pop(0)
        buffers[0][:count] = b"x" * count
        return count

    monkeypatch.setattr(os, "preadv", read)
    for offset, length in ((0, 0), (10, 1), (11, 5)):
        assert file.read_cached(offset, length) == b""
    assert asked == []
    for _ in range(2):
        with pytest.raises(BlockingIOError) as caught:
            file.read_cached(7, 100)
        assert caught.value.errno == errno.EAGAIN
    assert file.read_cached(7, 100) == b"xxx"
    assert asked == [(3, 7, os.RWF_NOWAIT)] * 3
    assert file.read_cached(0, 1) == b"x"


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EIO])
def test_a_disk_that_does_not_say_what_is_cached_is_asked_once(
    opened: Make, root: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    (root / "file").write_bytes(b"0123456789")
    file = opened("file")
    calls = []

    def read(*_: object) -> int:
        calls.append(1)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "preadv", read)
    for _ in range(2):
        if code == errno.EIO:
            with pytest.raises(OSError, match="Input/output"):
                file.read_cached(0, 5)
        else:
            assert file.read_cached(0, 5) is None
    assert len(calls) == (2 if code == errno.EIO else 1)


def test_parts_are_copied(opened: Make, root: Path) -> None:
    (root / "source").write_bytes(b"0123456789")
    source, target = opened("source"), opened("target")
    stream, _ = opened("source").open_stream("s", Disposition.CREATE)
    stream.write(0, [b"stream"])

    assert target.copy_from(source, 2, 1, 3) == 3
    assert target.copy_from(source, 8, 4, 100) == 2
    assert target.copy_from(source, 2, 0, 0) == 0
    assert target.copy_from(stream, 1, 6, 3) == 3
    assert (root / "target").read_bytes() == b"\x00234" + b"89" + b"tre"
    with pytest.raises(OSError, match="too large"):
        target.copy_from(source, 0, 2**63 - 1, 1)
    stream.close()


def test_nothing_is_written_on_a_read_only_share(read_only: LocalStorage, root: Path) -> None:
    (root / "file").write_bytes(b"content")
    file, _ = read_only.open("file")
    for attempt in (
        lambda: file.write(0, [b"x"]),
        lambda: file.copy_from(file, 0, 3, 1),
        lambda: file.zero(0, 1),
        lambda: file.truncate(1),
        lambda: file.allocate(1),
    ):
        with pytest.raises(OSError, match="Read-only") as caught:
            attempt()
        assert caught.value.errno == errno.EROFS
    file.close()
    assert (root / "file").read_bytes() == b"content"


def test_what_is_zeroed_is_no_data_any_more(opened: Make, root: Path) -> None:
    file = opened("file")
    file.write(0, [b"x" * 200_000])
    file.zero(65_536, 65_536)
    content = (root / "file").read_bytes()
    assert content == b"x" * 65_536 + bytes(65_536) + b"x" * (200_000 - 131_072)
    assert list(file.allocated_ranges(0, 65_536)) == [(0, 65_536)]
    assert sum(length for _, length in file.allocated_ranges(0, 1 << 20)) in (134_464, 200_000)


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


@pytest.mark.parametrize("method", ["truncate", "allocate"])
def test_a_large_file_is_cut_on_a_thread(
    opened: Make, root: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    (root / "file").write_bytes(bytes(range(256)) * 1024)
    file = opened("file")
    monkeypatch.setattr(closing, "LARGE", 0)
    cut = getattr(file, method)
    with pytest.raises(NotReady) as waiting:
        cut(4096)
    assert (root / "file").stat().st_size == 256 << 10
    waiting.value.prepare()
    assert (root / "file").stat().st_size == 4096
    cut(4096)
    # To another size takes a thread again.
    with pytest.raises(NotReady):
        cut(1)


def test_what_a_thread_cannot_cut_is_cut_by_the_call_that_follows(
    opened: Make, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "file").write_bytes(bytes(256 << 10))
    file = opened("file")
    with monkeypatch.context() as patch:
        patch.setattr(closing, "LARGE", 0)
        with pytest.raises(NotReady) as waiting:
            file.truncate(0)
        patch.setattr(os, "ftruncate", refusing)
        waiting.value.prepare()
        with pytest.raises(OSError, match="no"):
            file.truncate(0)
    file.truncate(10)
    assert (root / "file").stat().st_size == 10


def refusing(*_: object) -> None:
    raise OSError(errno.EIO, "no")


def test_a_file_may_be_closed_before_it_is_cut(
    opened: Make, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "file").write_bytes(bytes(256 << 10))
    file = opened("file")
    monkeypatch.setattr(closing, "LARGE", 0)
    with pytest.raises(NotReady) as waiting:
        file.truncate(0)
    file.close()
    waiting.value.prepare()
    assert (root / "file").stat().st_size == 256 << 10
