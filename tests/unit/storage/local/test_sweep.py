"""Files that a killed server has left are removed, and nothing else is."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from smbquic.storage import Disposition, partial
from smbquic.storage.local import LocalStorage, xattrs
from smbquic.storage.local.sweep import Sweep
from smbquic.storage.partial import temporary_name

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is removed elsewhere")


def killed(root: Path) -> None:
    """Let a server have been killed while it served."""
    os.setxattr(root, xattrs.SERVED, b"1")


def served(root: Path) -> bool:
    return xattrs.SERVED in os.listxattr(root)


@contextmanager
def looked_through(storage: LocalStorage) -> Iterator[None]:
    """Serve a folder; in the block, what was looked for has been found."""
    sweep = Sweep(storage._tree)
    try:
        if sweep._thread is not None:
            sweep._thread.join()
        yield
    finally:
        sweep.end()


def make(folder: Path, name: str = "") -> Path:
    path = folder / (name or temporary_name())
    path.write_bytes(b"half of")
    return path


def test_a_note_says_that_a_folder_is_served(storage: LocalStorage, root: Path) -> None:
    end = storage.begin()
    assert served(root)

    end()
    assert not served(root)


def test_what_a_killed_server_left_is_removed_wherever_it_is(
    storage: LocalStorage, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    killed(root)
    deep = root / "a" / "b"
    deep.mkdir(parents=True)
    left = [make(root), make(deep)]
    wanted = [make(root, "report.pdf"), make(deep, ".smbquic-mine.part")]

    with looked_through(storage):
        assert not any(path.exists() for path in left)
        assert all(path.exists() for path in wanted)
        assert served(root)
    assert not served(root)
    assert caplog.messages == ["'share': removed 2 files that would never be whole"]


def test_nothing_is_looked_for_where_the_last_server_had_an_end(
    storage: LocalStorage, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left = make(root)

    caplog.set_level("INFO")
    with looked_through(storage):
        assert left.exists()
    killed(root)
    left.unlink()
    with looked_through(storage):
        pass
    assert caplog.messages == []


def test_what_a_client_is_at_stays(storage: LocalStorage, root: Path) -> None:
    killed(root)
    name = temporary_name()
    file, _ = storage.open(name, Disposition.CREATE, write=True)

    with looked_through(storage):
        assert (root / name).exists()
    file.close()


@pytest.mark.parametrize("mode", ["rb", "ab"])
def test_what_a_local_program_is_at_stays(storage: LocalStorage, root: Path, mode: str) -> None:
    killed(root)
    left = make(root)

    with left.open(mode), looked_through(storage):
        assert left.exists()


def test_only_files_of_the_share_are_removed(
    storage: LocalStorage, root: Path, outside: Path
) -> None:
    killed(root)
    beyond = make(outside)
    (root / temporary_name()).mkdir()
    (root / temporary_name()).symlink_to(beyond)
    (root / "link").symlink_to(outside)
    os.mkfifo(root / temporary_name())

    with looked_through(storage):
        assert beyond.exists()
        assert len(list(root.iterdir())) == 4


def test_a_folder_that_takes_no_note_is_looked_through_each_time(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xattrs, "SUPPORTED", False)
    left = make(root)

    with looked_through(storage):
        assert not left.exists()


def test_an_end_that_comes_early_leaves_the_rest_to_the_next_time(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(root)
    (root / "a").mkdir()
    left = make(root / "a")

    walk, walks, enough = os.fwalk, threading.Event(), threading.Event()

    def endless(*arguments: Any, **more: Any) -> Iterator[object]:
        """A tree whose first folder comes again and again."""
        folders = walk(*arguments, **more)
        first = next(folders)
        while not enough.is_set():
            yield first
            walks.set()
        yield from folders

    monkeypatch.setattr(os, "fwalk", endless)
    sweep = Sweep(storage._tree)
    assert walks.wait(60)
    ending = threading.Thread(target=sweep.end)
    ending.start()
    ending.join(60)
    ended = not ending.is_alive()
    enough.set()
    ending.join()
    assert ended
    assert left.exists()
    assert served(root)
    monkeypatch.undo()

    with looked_through(storage):
        assert not left.exists()


def test_a_system_that_cannot_tell_removes_nothing(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial, "USE_IS_KNOWN", False)
    killed(root)
    left = make(root)

    with looked_through(storage):
        assert left.exists()


def test_a_read_only_share_is_left_alone(read_only: LocalStorage, root: Path) -> None:
    killed(root)
    left = make(root)

    end = read_only.begin()
    end()

    assert left.exists()
    assert served(root)
