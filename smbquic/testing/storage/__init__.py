"""Tests that every storage has to pass, as pytest classes to subclass.

For a storage that can be changed, subclass `StorageTests`, and give it a fixture ``storage``
that is an empty tree; for one that cannot, `ReadOnlyStorageTests`, and also a fixture ``files``
that says what is in it::

    class TestMyStorage(StorageTests):
        @pytest.fixture
        def storage(self) -> Iterator[Storage]:
            storage = MyStorage()
            yield storage
            storage.close()

A storage with coroutines is given to the tests by `waiting`, which waits for each of them::

        @pytest.fixture
        def storage(self) -> Iterator[Storage]:
            with waiting(MyStorage()) as storage:
                yield storage

What a storage lacks by its `capabilities` has to be refused as the contract says.
"""

from smbquic.testing.storage.read_only import ReadOnlyStorageTests
from smbquic.testing.storage.waiting import waiting
from smbquic.testing.storage.writable import StorageTests

__all__ = ["ReadOnlyStorageTests", "StorageTests", "waiting"]
