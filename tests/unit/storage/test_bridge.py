"""Additions of a bridge to a storage with coroutines; the conformance suite tests the rest."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest

from smbquic.storage import Action, Buffer, Disposition, FileStat, OpenPolicy, Storage, StorageFile
from smbquic.storage.bridge import FILE_METHODS, FileBridge, StorageBridge
from smbquic.storage.memory import MemoryStorage
from smbquic.storage.memory.file import MemoryFile
from smbquic.testing.storage import waiting
from tests.coroutines import CoroutineFile, CoroutineStorage
from tests.unit.storage.interfaces import differences


class HalfPlainFile(CoroutineFile):
    """A file that is written by plain code, which may block."""

    threads: list[int]

    def write(self, offset: int, buffers: Sequence[Buffer]) -> int:
        self.threads.append(threading.get_ident())
        return self.plain.write(offset, buffers)


class OpeningStorage(CoroutineStorage):
    """A storage that opens by itself, in one step."""

    async def open(  # type: ignore[override]
        self,
        name: str,
        disposition: Disposition = Disposition.OPEN,
        *,
        policy: OpenPolicy | None = None,
        **options: object,
    ) -> tuple[StorageFile, Action]:
        file, action = self.plain.open(name, disposition, **options)  # type: ignore[arg-type]
        opened = CoroutineFile(file)
        assert policy is not None
        policy.admit(opened)
        return opened, action


def test_what_has_coroutines_is_known_by_its_class() -> None:
    class Few(MemoryStorage):
        async def volume(self) -> None:  # type: ignore[override]
            """It does not matter which one."""

    assert not Storage.coroutines
    assert not MemoryStorage.coroutines
    assert Few.coroutines


def test_plain_writes_run_on_threads() -> None:
    class HalfPlain(CoroutineStorage):
        file_class = HalfPlainFile

    HalfPlainFile.threads = []
    with waiting(HalfPlain(MemoryStorage())) as storage:
        file, _ = storage.open("x", Disposition.CREATE, write=True)
        assert file.write(0, [b"content"]) == 7
        assert bytes(file.read(0, 10)) == b"content"
        file.close()

    assert len(HalfPlainFile.threads) == 1
    assert threading.get_ident() not in HalfPlainFile.threads


def test_what_may_take_a_while_runs_on_threads_and_nothing_else() -> None:
    waited: list[str] = []
    under_way: list[str] = []

    class Plain(MemoryFile):
        """Notes on which thread each of its methods runs."""

    def noted(name: str) -> Callable[..., Any]:
        method = getattr(MemoryFile, name)

        def note(self: MemoryFile, *arguments: Any, **keywords: Any) -> Any:
            if not under_way and threading.get_ident() != here:
                waited.append(name)
            under_way.append(name)
            try:
                return method(self, *arguments, **keywords)
            finally:
                under_way.pop()

        return note

    here = threading.get_ident()
    for name in (*FILE_METHODS, "copy_from", "stat", "scan"):
        setattr(Plain, name, noted(name))
    storage = MemoryStorage()
    made = storage.create("x", directory=False)
    with asyncio.Runner() as runner:

        async def done(awaitable: Awaitable[Any]) -> Any:
            return await awaitable

        plain = Plain(made._tree, made._entry)
        file = FileBridge(plain, lambda awaitable: runner.run(done(awaitable)))
        file.write(0, [b"content"])
        assert bytes(file.read(1, 2)) == b"on"
        assert file.copy_from(file, 0, 7, 3) == 3
        assert file.copy_from(plain, 0, 0, 1) == 1
        file.zero(0, 1)
        file.flush()
        file.truncate(9)
        file.mark_changed()
        file.rename("y", replace=False)
        assert (file.stat().size, file.name, plain.read(0, 9)) == (9, "y", b"\0ontentco")
        file.close()
    made.close()
    assert waited == ["write", "read", "copy_from", "copy_from", "zero", "flush"]


def nothing(_: object) -> None:
    """Wait for nothing: there are no coroutines."""


def test_what_a_bridge_passes_on() -> None:
    class Told(MemoryStorage):
        read_only = True

        def __init__(self) -> None:
            super().__init__()
            self.calls: list[str] = []

        def begin(self) -> Callable[[], None]:
            self.calls.append("begin")
            return lambda: self.calls.append("end")

        def close(self) -> None:
            self.calls.append("close")

        def renewed(self) -> Storage:
            return other

    inner, other = Told(), MemoryStorage()
    inner.read_only = True
    bridge = StorageBridge(inner, nothing)
    assert (bridge.read_only, bridge.capabilities) == (True, inner.capabilities)
    bridge.begin()()
    bridge.close()
    assert inner.calls == ["begin", "end", "close"]
    renewed = bridge.renewed()
    assert isinstance(renewed, StorageBridge)
    assert not renewed.read_only
    other.create("only here", directory=False).close()
    assert renewed.stat("only here").name == "only here"


def test_the_whole_of_a_stream_is_bridged_once() -> None:
    made = MemoryStorage().create("x", directory=False)
    file = FileBridge(made, nothing)
    assert file.whole is file
    stream = file.create_stream("s")
    whole = stream.whole
    assert isinstance(whole, FileBridge)
    assert stream.whole is whole
    assert (stream.stream, whole.stream, whole.key) == ("s", "", file.key)
    stream.close()


def test_whether_it_is_a_folder_is_asked_once() -> None:
    asked: list[int] = []

    class Asked(MemoryFile):
        @property
        def is_directory(self) -> bool:
            asked.append(1)
            return super().is_directory

    class Stated(MemoryFile):
        is_directory = StorageFile.is_directory

        def stat(self) -> FileStat:
            asked.append(1)
            return super().stat()

    storage = MemoryStorage()
    for kind in (Asked, Stated):
        for name, directory in ((f"f{kind.__name__}", False), (f"d{kind.__name__}", True)):
            made = storage.create(name, directory=directory)
            file = FileBridge(kind(made._tree, made._entry), nothing)
            assert [file.is_directory for _ in range(3)] == [directory] * 3
            assert asked == [1]
            asked.clear()
            file.close()
            made.close()


@pytest.fixture
def opening() -> Iterator[Storage]:
    with waiting(OpeningStorage(MemoryStorage())) as storage:
        yield storage


def test_a_storage_that_opens_by_itself_is_given_bridges_to_look_at(opening: Storage) -> None:
    seen: list[StorageFile] = []
    policy = OpenPolicy(admit=seen.append)

    file, action = opening.open("x", Disposition.CREATE, policy=policy)

    assert action is Action.CREATED
    assert all(isinstance(each, FileBridge) for each in (file, *seen))
    assert [each.name for each in seen] == ["x"]
    file.close()


def test_a_storage_that_stays_is_the_same(opening: Storage) -> None:
    assert opening.renewed() is opening
    assert opening.watch() is None


def test_a_bridge_is_called_as_what_it_bridges() -> None:
    assert differences(Storage, StorageBridge) == []
    assert differences(StorageFile, FileBridge) == []
