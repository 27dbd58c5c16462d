"""The defaults of `StorageFile`, for a storage that says how to read and to write."""

import errno
from collections.abc import Callable, Hashable, Sequence
from contextlib import closing

import pytest

from smbquic.storage import ARCHIVE, HIDDEN, Action, Disposition, FileStat, NameInvalid, StorageFile
from smbquic.storage import file as storage_file
from smbquic.storage.memory import MemoryStorage
from smbquic.storage.memory.file import MemoryFile
from smbquic.storage.types import Buffer
from tests.unit.storage.interfaces import differences

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
    assert file.copy_from(file, 50, 0, 5) == 0

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


class Bare(StorageFile):
    """Says of itself only what every file has to say."""

    size = 0

    @property
    def name(self) -> str:
        return "bare"

    @property
    def key(self) -> Hashable:
        return self

    def stat(self) -> FileStat:
        return FileStat("bare", is_directory=False, size=self.size)


@pytest.mark.parametrize(
    "step",
    [
        lambda file: file.read(0, 1),
        lambda file: file.write(0, [b"x"]),
        lambda file: file.truncate(1),
        lambda file: file.set_sparse(sparse=True),
        lambda file: file.rename("new", replace=False),
        lambda file: file.link("new", replace=False),
        lambda file: file.delete(),
        lambda file: file.become_link("target"),
        lambda file: file.set_extended_attributes([("name", b"value")]),
        lambda file: file.set_security(b"descriptor"),
    ],
)
def test_what_a_storage_does_not_have_is_not_supported(step: Callable[[Bare], object]) -> None:
    with pytest.raises(OSError, match="this storage does not support") as caught:
        step(Bare())

    assert (caught.value.errno, caught.value.filename) == (errno.ENOTSUP, "bare")


def test_a_file_without_streams_has_no_name_for_one() -> None:
    file = Bare()
    steps: list[Callable[[str], object]] = [file.lookup_stream, file.create_stream]
    for step in (*steps, file.open_stream):
        with pytest.raises(NameInvalid, match="no named streams"):
            step("stream")


def test_a_file_is_no_folder() -> None:
    with pytest.raises(NotADirectoryError):
        Bare().scan()
    with pytest.raises(NotADirectoryError):
        Bare().is_empty()


def test_what_a_file_is_that_says_nothing_of_it() -> None:
    file = Bare()

    assert (file.whole, file.stream, file.parent_key, file.is_directory) == (file, "", None, False)
    assert (file.read_cached(0, 1), file.security()) == (None, None)
    assert (file.extended_attributes(), file.streams()) == ([], [])
    assert file.parent_stat() == file.stat()
    file.set_times(last_write_time=1)
    file.set_attributes(0)
    file.check_deletion()
    file.flush()
    file.close()


def test_all_that_a_file_has_may_be_more_than_zeros() -> None:
    file = Bare()
    file.size = 10

    assert list(file.allocated_ranges(0, 100)) == [(0, 10)]
    assert list(file.allocated_ranges(4, 3)) == [(4, 3)]
    assert list(file.allocated_ranges(9, 3)) == [(9, 1)]
    assert list(file.allocated_ranges(10, 1)) == list(file.allocated_ranges(0, 0)) == []


def test_only_a_longer_file_is_cut() -> None:
    cuts: list[int] = []

    class ShortWrites(Bare):
        size = 5

        def truncate(self, size: int) -> None:
            self.size = size
            cuts.append(size)

    file = ShortWrites()
    for size in (6, 5, 4, 3, 4):
        file.allocate(size)
    assert cuts == [4, 3]


def test_a_change_sets_the_archive_bit_where_it_is_missing() -> None:
    changes: list[int] = []

    class Marked(Bare):
        attributes = HIDDEN

        def stat(self) -> FileStat:
            return FileStat("bare", is_directory=False, attributes=self.attributes)

        def set_attributes(self, attributes: int) -> None:
            self.attributes = attributes
            changes.append(attributes)

    file = Marked()
    file.mark_changed()
    file.mark_changed()
    assert changes == [HIDDEN | ARCHIVE]


def test_what_is_overwritten_is_emptied_with_its_extended_attributes() -> None:
    class Kept(MemoryFile):
        overwrite = StorageFile.overwrite

    storage = MemoryStorage()
    made = storage.create("file", directory=False)
    file = Kept(made._tree, made._entry)
    made.close()
    file.write(0, [b"content"])
    file.set_extended_attributes([("one", b"1"), ("two", b"2")])

    file.overwrite(HIDDEN, supersede=False)

    assert (file.stat().size, file.extended_attributes()) == (0, [])
    assert file.stat().attributes == HIDDEN
    file.close()


@pytest.mark.parametrize(("source", "target"), [(0, 3), (3, 0), (2, 2)])
def test_ranges_of_one_file_that_overlap(
    file: Counting, monkeypatch: pytest.MonkeyPatch, source: int, target: int
) -> None:
    monkeypatch.setattr(storage_file, "_PIECE", 4)
    content = b"0123456789abcdef"
    file.write(0, [content])

    assert file.copy_from(file, source, target, 10) == 10

    expected = bytearray(content)
    expected[target : target + 10] = content[source : source + 10]
    assert file.read(0, 100) == expected
    file.close()


@pytest.mark.parametrize(
    ("disposition", "action", "size"),
    [
        (Disposition.OPEN, Action.OPENED, 7),
        (Disposition.OPEN_IF, Action.OPENED, 7),
        (Disposition.OVERWRITE, Action.OVERWRITTEN, 0),
        (Disposition.OVERWRITE_IF, Action.OVERWRITTEN, 0),
        (Disposition.SUPERSEDE, Action.SUPERSEDED, 0),
    ],
)
def test_what_becomes_of_a_stream_that_is_opened(
    disposition: Disposition, action: Action, size: int
) -> None:
    storage = MemoryStorage()
    with closing(storage.create("file", directory=False).create_stream("stream")) as stream:
        stream.write(0, [b"content"])

        opened, done = storage.lookup("file").open_stream("STREAM", disposition)

        assert (done, opened.stream, stream.stat().size) == (action, "stream", size)
        opened.close()


def test_a_stream_is_made_where_that_is_asked_for() -> None:
    storage = MemoryStorage()
    storage.create("file", directory=False).close()

    for disposition in (Disposition.OPEN, Disposition.OVERWRITE):
        with closing(storage.lookup("file")) as file, pytest.raises(FileNotFoundError):
            file.open_stream("stream", disposition)
    with closing(storage.lookup("file")) as file:
        made, action = file.open_stream("stream", Disposition.CREATE)
        assert (action, made.stream) == (Action.CREATED, "stream")
        with pytest.raises(FileExistsError):
            storage.lookup("file").open_stream("stream", Disposition.CREATE)
        made.close()


def test_another_file_is_called_in_the_same_way() -> None:
    assert differences(StorageFile, MemoryFile) == []


def test_every_file_has_a_name_a_key_and_a_status() -> None:
    assert StorageFile.__abstractmethods__ == {"name", "key", "stat"}
