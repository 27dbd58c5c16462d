"""A folder that is deleted, made again, moved or replaced while it is served."""

import errno
import logging
import os
from pathlib import Path

import pytest

from smbquic.storage import Capability, Disposition, RootGone
from smbquic.storage.local import LocalStorage


def test_a_folder_that_is_there_is_the_same(storage: LocalStorage) -> None:
    assert storage.renewed() is storage


def test_a_deleted_folder_is_not_an_empty_one(storage: LocalStorage, root: Path) -> None:
    folder, _ = storage.open("")
    assert list(folder.scan()) == []
    root.rmdir()

    for call in (
        lambda: storage.open(""),
        lambda: storage.open("file"),
        lambda: storage.open("new", Disposition.CREATE),
        lambda: storage.stat(""),
        lambda: storage.stat("folder\\file"),
        lambda: storage.securities(""),
        lambda: list(folder.scan()),
        storage.volume,
    ):
        with pytest.raises(RootGone) as caught:
            call()
        assert caught.value.errno == errno.ESTALE
    folder.close()


def test_what_is_made_in_its_place_is_another_storage(storage: LocalStorage, root: Path) -> None:
    (root / "open").write_bytes(b"content")
    kept, _ = storage.open("open")
    (root / "open").unlink()
    root.rmdir()
    with pytest.raises(FileNotFoundError):
        storage.renewed()
    root.mkdir()
    (root / "file").touch()

    renewed = storage.renewed()
    again = storage.renewed()  # for another share on the same storage

    assert renewed is not storage
    assert again is not renewed
    for each in (renewed, again):
        file, _ = each.open("file")
        file.close()
        each.close()
    with pytest.raises(OSError, match="closed"):
        storage.open("file")
    assert kept.read(0, 10) == b"content"
    kept.close()


@pytest.mark.parametrize("read_only", [True, False])
def test_it_is_as_the_former_was(root: Path, read_only: bool) -> None:
    former = LocalStorage(root, read_only=read_only, links=True)
    root.rmdir()
    root.mkdir()
    renewed = former.renewed()

    assert renewed.read_only is read_only
    assert Capability.SYMBOLIC_LINKS in renewed.capabilities
    renewed.close()


def test_a_relative_path_means_the_same_folder_everywhere(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root.parent)
    former = LocalStorage(Path(root.name))
    monkeypatch.chdir("/")
    root.rmdir()
    root.mkdir()

    former.renewed().close()


def test_a_moved_folder_is_served_where_it_is(
    storage: LocalStorage, root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "file").touch()
    root.rename(tmp_path / "moved")

    assert storage.renewed() is storage
    assert storage.stat("file").name == "file"
    assert caplog.records == []


def test_another_folder_in_the_place_of_a_moved_one_is_told_once(
    storage: LocalStorage, root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root.rename(tmp_path / "moved")
    root.mkdir()
    for _ in range(2):
        assert storage.renewed() is storage
    (warning,) = [entry for entry in caplog.records if entry.levelno == logging.WARNING]
    assert str(root) in warning.getMessage()
    assert "restart" in warning.getMessage()

    root.rmdir()
    (tmp_path / "moved").rename(root)
    assert storage.renewed() is storage
    assert len(caplog.records) == 1


def test_a_network_disk_says_by_itself_that_it_is_gone(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(_: int) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", stale)
        with pytest.raises(RootGone):
            storage.stat("")


def test_any_other_failure_of_the_disk_is_told_as_it_is(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", fail)
        with pytest.raises(OSError, match="Input/output"):
            storage.renewed()
