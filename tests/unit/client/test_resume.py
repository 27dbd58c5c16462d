"""What of an interrupted transfer is kept, and when it is not."""

import asyncio
import os
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.client import resume
from smbquic.client.resume import ResumablePart, resume_at, sample_places
from smbquic.errors import SourceChangedError
from smbquic.storage.partial import is_unfinished


def reader(data: bytes) -> Callable[[int, int], Coroutine[Any, Any, bytes]]:
    async def read(offset: int, count: int) -> bytes:
        return data[offset : offset + count]

    return read


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "MARGIN", 100)
    monkeypatch.setattr(resume, "SAMPLE", 4)


async def test_what_lies_a_window_before_the_end_is_kept() -> None:
    source = os.urandom(1000)
    assert await resume_at(700, 1000, reader(source[:700]), reader(source)) == 600
    assert await resume_at(0, 1000, reader(b""), reader(source)) == 0
    assert await resume_at(100, 1000, reader(source[:100]), reader(source)) == 0
    assert await resume_at(2000, 1000, reader(source * 2), reader(source)) == 900


async def test_what_differs_is_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    source = os.urandom(1000)
    part = bytes(600) + source[600:800]
    assert await resume_at(800, 1000, reader(part), reader(source)) == 0
    assert "starting again" in caplog.text


async def test_holes_that_a_failed_machine_leaves_are_found() -> None:
    """The end is compared more densely: what was not written back is mostly there."""
    chance = random.Random(1)
    source = chance.randbytes(20_000)
    for _ in range(20):
        start = chance.randrange(15_000, 19_000)
        part = source[:start] + bytes(20_000 - start)
        assert await resume_at(20_000, 20_000, reader(part), reader(source)) == 0


@given(st.integers(0, 1 << 40))
def test_places(size: int) -> None:
    places = sample_places(size)
    assert places == sorted(set(places))
    assert all(0 <= place < size for place in places)
    assert len(places) <= resume.SAMPLES + 1
    if size:
        assert places[0] == 0
        assert places[-1] + resume.SAMPLE >= size


SOURCE = ("x", 1000, 7)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_part_stays_when_its_transfer_is_interrupted(tmp_path: Path) -> None:
    part = ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    part.write_at(0, b"abcdef")
    part.abandon(asyncio.CancelledError())
    part.abandon(asyncio.CancelledError())
    [name] = names(tmp_path)
    assert is_unfinished(name)
    again = ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    assert (again.size, again.read_at(2, 2)) == (6, b"cd")
    again.truncate(3)
    again.commit(7_000)
    assert names(tmp_path) == ["x"]
    assert (tmp_path / "x").read_bytes() == b"abc"


def test_a_part_of_a_source_that_changed_goes(tmp_path: Path) -> None:
    part = ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    part.write_at(0, b"abcdef")
    part.abandon(SourceChangedError("it changed"))
    assert names(tmp_path) == []


def test_parts_of_other_states_are_not_found_and_go_with_the_next(tmp_path: Path) -> None:
    for state in (("x", 1000, 6), ("y", 1000, 7)):
        old = ResumablePart(tmp_path / "x", state, fsync=False)
        old.write_at(0, b"old")
        old.abandon(asyncio.CancelledError())
    other = ResumablePart(tmp_path / "other", SOURCE, fsync=False)
    part = ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    assert part.size == 0
    part.commit(0)
    part.remove_others()
    assert len(names(tmp_path)) == 2
    other.discard()


def test_two_transfers_do_not_write_one_part(tmp_path: Path) -> None:
    first = ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    with pytest.raises(OSError, match="another transfer is writing this file"):
        ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    first.discard()


def test_nobody_elses_file_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ResumablePart(tmp_path / "x", SOURCE, fsync=False).abandon(asyncio.CancelledError())
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(OSError, match="not a file of yours"):
        ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    monkeypatch.undo()
    [name] = names(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(OSError, match="not a file of yours"):
        ResumablePart(tmp_path / "x", SOURCE, fsync=False)
