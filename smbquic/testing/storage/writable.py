"""The tests of a storage that can be changed."""

from collections.abc import Iterator, Mapping

import pytest

from smbquic.storage import Storage, StorageFile
from smbquic.testing.storage.content import ContentTests
from smbquic.testing.storage.metadata import MetadataTests
from smbquic.testing.storage.names import NameTests
from smbquic.testing.storage.opening import OpeningTests
from smbquic.testing.storage.read_only import ReadOnlyStorageTests
from smbquic.testing.storage.steps import opened, write
from smbquic.testing.storage.streams import StreamTests


class StorageTests(
    OpeningTests, ContentTests, MetadataTests, NameTests, StreamTests, ReadOnlyStorageTests
):
    """The tests of a storage that can be changed, and is empty to begin with."""

    @pytest.fixture
    def files(self, storage: Storage) -> Mapping[str, bytes]:
        """Fill the storage, and return with what."""
        found = {
            "File": b"content of the file",
            "Folder\\Inner\\Deep.txt": b"deep",
            "Folder\\empty": b"",
            "Ünïcode ☃": b"names",
        }
        for name, content in found.items():
            write(storage, name, content)
        return found

    @pytest.fixture
    def file(self, storage: Storage) -> Iterator[StorageFile]:
        """Yield an open file called ``File`` with ten digits in it."""
        write(storage, "File", b"0123456789")
        with opened(storage, "File", write=True) as file:
            yield file
