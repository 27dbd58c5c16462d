"""Steps that the tests of a storage share."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from smbquic.storage import Disposition, Storage, StorageFile

OVERWRITING = (Disposition.SUPERSEDE, Disposition.OVERWRITE, Disposition.OVERWRITE_IF)
"""The dispositions that empty a file which exists."""
CREATING = (
    Disposition.SUPERSEDE,
    Disposition.CREATE,
    Disposition.OPEN_IF,
    Disposition.OVERWRITE_IF,
)
"""The dispositions that make a file where there is none."""
NOT_SUPPORTED = (errno.ENOTSUP, errno.EOPNOTSUPP)


class RefusedError(Exception):
    """Raised by the tests' own checks, and by no storage."""


@contextmanager
def opened(
    storage: Storage, name: str, disposition: Disposition = Disposition.OPEN, **options: object
) -> Iterator[StorageFile]:
    """Open a file or folder for a block."""
    file, _ = storage.open(name, disposition, **options)  # type: ignore[arg-type]
    try:
        yield file
    finally:
        file.close()


@contextmanager
def fails(*codes: int) -> Iterator[None]:
    """Expect an `OSError` with one of these codes."""
    with pytest.raises(OSError) as caught:  # noqa: PT011  (the code is what counts)
        yield
    assert caught.value.errno in codes, caught.value


def read(storage: Storage, name: str) -> bytes:
    """Return the whole content of a file."""
    with opened(storage, name) as file:
        return bytes(file.read(0, file.stat().size + 1))


def write(storage: Storage, name: str, content: bytes) -> None:
    """Make a file, and the folders that it is in."""
    parts = name.split("\\")
    for depth in range(1, len(parts)):
        folder = "\\".join(parts[:depth])
        with opened(storage, folder, Disposition.OPEN_IF, directory=True):
            pass
    with opened(storage, name, Disposition.OVERWRITE_IF, directory=False, write=True) as file:
        assert file.write(0, [content]) == len(content)


def names(storage: Storage, folder: str = "") -> list[str]:
    """Return what is in a folder, in order."""
    with opened(storage, folder, directory=True) as file:
        return sorted(found.name for found in file.scan())
