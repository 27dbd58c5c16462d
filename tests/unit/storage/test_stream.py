"""Properties that a named stream has of its own, and those of its file."""

import errno
from collections.abc import Callable, Hashable

import pytest

from smbquic.storage import ARCHIVE, DIRECTORY, NORMAL, SPARSE, FileStat, StorageFile, StreamFile
from smbquic.storage.memory import MemoryStorage
from smbquic.storage.memory.file import MemoryFile
from smbquic.storage.memory.stream import MemoryStream
from tests.unit.storage.interfaces import differences


class Named(StreamFile):
    """A stream of which nothing but its name and size is known."""

    @property
    def key(self) -> Hashable:
        return self

    @property
    def stream(self) -> str:
        return "stream"

    def stat(self) -> FileStat:
        return self.describe(5, 4096)


def make(*, directory: bool = False) -> tuple[MemoryFile, Named]:
    storage = MemoryStorage()
    storage.create("folder", directory=True).close()
    file = storage.create("folder\\name", directory=directory)
    return file, Named(file)


def test_it_is_named_and_found_with_its_file() -> None:
    file, stream = make()

    assert (stream.name, stream.whole) == ("folder\\name:stream", file)
    assert stream.parent_key == file.parent_key != file.key
    assert stream.parent_stat() == file.parent_stat()
    stream.close()


@pytest.mark.parametrize(
    ("directory", "attributes", "expected"),
    [(True, 0, NORMAL), (True, ARCHIVE, ARCHIVE), (False, 0, NORMAL), (False, ARCHIVE, ARCHIVE)],
)
def test_it_is_a_file_even_of_a_folder(directory: bool, attributes: int, expected: int) -> None:
    file, stream = make(directory=directory)
    file.set_attributes(attributes)

    stat = stream.stat()

    assert (stat.name, stat.size, stat.allocation_size) == ("name:stream", 5, 4096)
    assert (stat.is_directory, stream.is_directory, stat.attributes) == (False, False, expected)
    assert bool(file.stat().attributes & DIRECTORY) is directory
    stream.close()


def test_what_is_set_through_it_is_its_file_s() -> None:
    file, stream = make()
    other = file.create_stream("other")

    stream.set_times(creation_time=1, last_access_time=2, last_write_time=3, change_time=4)
    stat = file.stat()
    times = (stat.creation_time, stat.last_access_time, stat.last_write_time, stat.change_time)
    assert times == (1, 2, 3, 4)
    stream.set_attributes(0)
    stream.mark_changed()
    assert file.stat().attributes == ARCHIVE
    stream.set_sparse(sparse=True)
    assert file.stat().attributes == ARCHIVE | SPARSE
    stream.set_extended_attributes([("name", b"value")])
    assert stream.extended_attributes() == file.extended_attributes() == [("name", b"value")]
    stream.set_security(b"descriptor")
    assert stream.security() == file.security() == b"descriptor"
    assert [each.name for each in stream.streams()] == ["other"]
    other.close()
    stream.close()


@pytest.mark.parametrize("method", ["flush", "close"])
def test_it_is_flushed_and_closed_with_its_file(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    file, stream = make()
    calls: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(file, method, lambda: calls.append(method))
        getattr(stream, method)()
    assert calls == [method]
    file.close()


@pytest.mark.parametrize(
    ("step", "number"),
    [
        (lambda stream: stream.open_stream("more"), errno.EINVAL),
        (lambda stream: stream.link("more", replace=False), errno.EPERM),
    ],
)
def test_it_has_no_streams_and_no_further_names(
    step: Callable[[Named], object], number: int
) -> None:
    _, stream = make()

    with pytest.raises(OSError, match="a stream has") as caught:
        step(stream)

    assert caught.value.errno == number
    stream.close()


def test_a_stream_is_called_as_a_file() -> None:
    assert differences(StorageFile, MemoryStream) == []
