"""A share with something outside of it, and a check that no descriptor is left open."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.storage.local import LocalStorage


def open_descriptors() -> set[str]:
    """Return the open descriptors of this process, with the files that they stand for."""
    found = set()
    for path in Path("/dev/fd").iterdir():
        try:
            status = os.fstat(int(path.name))
        except OSError:
            # The one that the listing itself needed.
            continue
        found.add(f"{path.name}: {status.st_dev} {status.st_ino}")
    return found


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Every test closes what it opened, and so does the storage."""
    before = open_descriptors()
    yield
    assert open_descriptors() <= before


@pytest.fixture
def root(tmp_path: Path, no_leaks: None) -> Path:
    """The folder that is shared."""
    path = tmp_path / "share"
    path.mkdir()
    return path


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside it, with a secret in it."""
    path = tmp_path / "outside"
    path.mkdir()
    (path / "secret").write_bytes(b"secret")
    return path


@pytest.fixture
def storage(root: Path) -> Iterator[LocalStorage]:
    """The share."""
    storage = LocalStorage(root)
    yield storage
    storage.close()


@pytest.fixture
def read_only(root: Path) -> Iterator[LocalStorage]:
    """The share, read-only."""
    storage = LocalStorage(root, read_only=True)
    yield storage
    storage.close()
