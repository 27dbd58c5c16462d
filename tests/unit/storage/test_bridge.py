"""Additions of a bridge to a storage with coroutines; the conformance suite tests the rest."""

import threading
from collections.abc import Iterator, Sequence

import pytest

from smbquic.storage import Action, Buffer, Disposition, OpenPolicy, Storage, StorageFile
from smbquic.storage.bridge import FileBridge, StorageBridge
from smbquic.storage.memory import MemoryStorage
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
