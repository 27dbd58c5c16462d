"""The fixtures that tests of local files share."""

import pytest

from smbquic.storage import Disposition
from smbquic.storage.local import LocalStorage
from smbquic.storage.local.file import LocalFile


@pytest.fixture
def opened(storage: LocalStorage) -> object:
    """Opens files that are closed at the end of the test."""
    files = []

    def open_one(name: str, *, write: bool = True, directory: bool | None = None) -> LocalFile:
        disposition = Disposition.OPEN_IF
        file, _ = storage.open(name, disposition, write=write, directory=directory)
        files.append(file)
        return file

    yield open_one
    for file in files:
        file.close()
