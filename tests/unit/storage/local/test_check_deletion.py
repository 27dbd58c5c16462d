"""Whether a local file may be deleted, before it is tried."""

import errno
import os
from pathlib import Path

import pytest

from smbquic.storage.local import LocalStorage
from smbquic.storage.local.file import LocalFile
from tests.unit.privileges import as_nobody
from tests.unit.storage.local.opening import Make


def refusal(file: LocalFile) -> int | None:
    """The `errno` with which a deletion is refused before it is tried."""
    try:
        file.check_deletion()
    except OSError as error:
        return error.errno
    return None


def test_a_deletion_needs_the_right_to_change_the_folder(opened: Make, root: Path) -> None:
    (root / "folder").mkdir()
    file, folder = opened("folder\\file"), opened("folder\\inner", directory=True)
    assert refusal(file) is None
    assert refusal(folder) is None

    (root / "folder").chmod(0o555)
    with as_nobody():
        assert refusal(file) == errno.EACCES
        assert refusal(folder) == errno.EACCES
        assert refusal(opened("", write=False)) == errno.EACCES
    (root / "folder").chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make another user's files")
def test_where_everybody_removes_his_own_only(opened: Make, root: Path) -> None:
    (root / "folder").mkdir()
    (root / "folder").chmod(0o1777)
    file, own = opened("folder\\file"), opened("folder\\own")
    os.chown(root / "folder" / "own", 65534, -1)

    assert refusal(file) is None
    with as_nobody():
        assert refusal(file) == errno.EPERM
        assert refusal(own) is None
    os.chown(root / "folder", 65534, -1)
    os.chown(root / "folder" / "file", 65533, -1)
    assert refusal(file) is None
    with as_nobody():
        assert refusal(file) is None


def test_nothing_is_deleted_on_a_read_only_disk(
    opened: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened("file")

    class Volume:
        f_flag = os.ST_RDONLY

    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    monkeypatch.setattr(os, "supports_effective_ids", ())
    monkeypatch.setattr(os, "fstatvfs", lambda _: Volume)

    assert refusal(file) == errno.EROFS


def test_nothing_is_deleted_from_a_read_only_share(read_only: LocalStorage, root: Path) -> None:
    (root / "file").touch()
    file, _ = read_only.open("file")

    assert refusal(file) == errno.EROFS
    file.close()
