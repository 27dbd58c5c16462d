"""Files whose blocks take long to be freed are closed on a thread."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from smbquic.storage.local import closing
from smbquic.storage.local.closing import DescriptorCloser, frees_much

SIZE = 64 << 10


class Closings:
    """What was closed, and whether by another thread, which may be held up before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.elsewhere: list[bool] = []
        self.goes_on = threading.Event()
        self.goes_on.set()
        self._changed = threading.Condition()

        def close(fd: int) -> None:
            elsewhere = threading.current_thread() is not threading.main_thread()
            if elsewhere:
                assert self.goes_on.wait(60)
            os.close(fd)
            with self._changed:
                self.elsewhere.append(elsewhere)
                self._changed.notify_all()

        # Of this module alone: pathlib closes files, too.
        monkeypatch.setattr(closing, "os", SimpleNamespace(**{**vars(os), "close": close}))

    def wait(self, count: int) -> list[bool]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.elsewhere) >= count, 60)
        return self.elsewhere


@pytest.fixture
def closings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Closings]:
    with monkeypatch.context() as patch:
        yield Closings(patch)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is a large one."""
    monkeypatch.setattr(closing, "LARGE", SIZE - 1)
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * (SIZE // 256))
    return path


def nameless(path: Path) -> int:
    """Return the descriptor of a copy that has no name any more."""
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    fd = os.open(copy, os.O_RDONLY)
    copy.unlink()
    return fd


def test_a_large_file_without_a_name_is_closed_on_a_thread(path: Path, closings: Closings) -> None:
    closer = DescriptorCloser()
    closer.close(nameless(path))
    assert closings.wait(1) == [True]
    # The thread of the first may have ended.
    closer.close(nameless(path))
    assert closings.wait(2) == [True, True]


@pytest.mark.parametrize("named", [False, True])
def test_others_are_closed_at_once(
    path: Path, closings: Closings, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    fd = os.open(path, os.O_RDONLY)
    if not named:
        monkeypatch.setattr(closing, "LARGE", 10 * SIZE)
        path.unlink()
    DescriptorCloser().close(fd)
    assert closings.elsewhere == [False]


def test_only_so_many_wait_for_the_thread(
    path: Path, closings: Closings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "MOST_WAITING", 2)
    closings.goes_on.clear()
    closer = DescriptorCloser()
    for _ in range(5):
        closer.close(nameless(path))
    # Two wait, and a third if the thread has taken one before the next came.
    assert closings.elsewhere in ([False] * 2, [False] * 3)
    closings.goes_on.set()
    assert closings.wait(5).count(True) in (2, 3)


def test_what_replaces_a_file_does_not_free_its_blocks(path: Path, closings: Closings) -> None:
    other = path.with_name("other")
    other.touch()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with DescriptorCloser().kept(b"large", folder, path.stat()):
            other.rename(path)
            assert closings.elsewhere == []
        assert closings.wait(1) == [True]
    finally:
        os.close(folder)


@pytest.mark.parametrize("reason", ["small", "another name", "gone"])
def test_what_is_not_freed_is_not_kept(path: Path, closings: Closings, reason: str) -> None:
    other = path.with_name("other")
    if reason == "small":
        path.write_bytes(b"")
    elif reason == "another name":
        other.hardlink_to(path)
    status = path.stat()
    if reason == "gone":
        path.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    with DescriptorCloser().kept(b"large", folder, status):
        path.unlink(missing_ok=True)
    assert closings.elsewhere == []
    os.close(folder)


def test_an_entry_that_stays_is_closed_at_once(path: Path, closings: Closings) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    with DescriptorCloser().kept(b"large", folder, path.stat()):
        pass
    assert closings.elsewhere == [False]
    os.close(folder)


def test_how_much_is_freed(path: Path) -> None:
    status = path.stat()
    assert frees_much(status)
    assert not frees_much(status, 512 * status.st_blocks)
    os.truncate(path, 0)
    os.truncate(path, 1 << 30)
    assert not frees_much(path.stat())
