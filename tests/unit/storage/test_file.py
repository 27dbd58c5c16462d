"""What `StorageFile` does by itself for a storage that says how to read and to write."""

from collections.abc import Sequence

import pytest

from smbquic.storage import Disposition, StorageFile
from smbquic.storage.memory import MemoryStorage
from smbquic.storage.memory.file import MemoryFile
from smbquic.storage.types import Buffer

MIB = 1 << 20


class Counting(MemoryFile):
    """Notes how much is read and written at a time."""

    copy_from = StorageFile.copy_from
    zero = StorageFile.zero

    def __init__(self, file: MemoryFile) -> None:
        super().__init__(file._tree, file._entry)
        file.close()
        self.read_lengths: list[int] = []
        self.written_lengths: list[int] = []

    def read(self, offset: int, length: int) -> Buffer:
        self.read_lengths.append(length)
        return super().read(offset, length)

    def write(self, offset: int, buffers: Sequence[Buffer]) -> int:
        self.written_lengths.append(sum(map(len, buffers)))
        return super().write(offset, buffers)


@pytest.fixture
def file() -> Counting:
    return Counting(MemoryStorage().create("file", directory=False))


def test_a_copy_takes_a_mebibyte_of_memory_at_a_time(file: Counting) -> None:
    file.write(0, [b"x" * (2 * MIB + 1)])
    file.written_lengths.clear()

    assert file.copy_from(file, 0, 3 * MIB, 5 * MIB) == 2 * MIB + 1

    assert sorted(file.read_lengths) == sorted(file.written_lengths) == [1, MIB, MIB]
    file.close()


def test_a_copy_of_nothing_writes_nothing(file: Counting) -> None:
    file.write(0, [b"x"])

    assert file.copy_from(file, 0, 1, 0) == file.copy_from(file, 1, 0, 5) == 0

    assert file.written_lengths == [1]
    assert file.read(0, 10) == b"x"
    file.close()


def test_zeros_are_written_a_mebibyte_at_a_time(file: Counting) -> None:
    file.write(0, [b"x" * (2 * MIB + 2)])
    file.written_lengths.clear()

    file.zero(1, 4 * MIB)

    assert file.written_lengths == [MIB, MIB, 1]
    assert file.read(0, 3 * MIB) == b"x" + bytes(2 * MIB + 1)
    file.close()


@pytest.mark.parametrize("missing", ["key", "name", "stat"])
def test_what_every_file_has_to_say(missing: str) -> None:
    said = {name: None for name in ("key", "name", "stat") if name != missing}
    kind = type("Unfinished", (StorageFile,), said)

    with pytest.raises(TypeError, match=missing):
        kind()


def test_a_stream_is_emptied_once_it_is_admitted() -> None:
    storage = MemoryStorage()
    file = storage.create("file", directory=False)
    stream = file.create_stream("stream")
    stream.write(0, [b"content"])

    seen = []
    storage.lookup("file").open_stream(
        "stream", Disposition.OVERWRITE, admit=lambda one: seen.append(one.stat().size)
    )[0].close()

    assert seen == [7]
    assert stream.stat().size == 0
    stream.close()
