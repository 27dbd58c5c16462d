"""Locks of fcntl against a model, and against a server where others have locks, too."""

import asyncio
import errno
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.client.mount import locks
from smbquic.client.mount.locks import RangeLocks
from smbquic.errors import ConnectionClosed, LockedError
from smbquic.ntstatus import NtStatus

SIZE = 12


class ServerFile:
    """An open of a file on a server, where bytes may be locked by others."""

    def __init__(self) -> None:
        self.held: list[tuple[int, int, bool]] = []
        self.others: dict[int, bool] = {}
        """Bytes that others have locked, exclusively or not."""
        self.lost = False
        self.refused = 0
        self.was_refused = asyncio.Event()

    async def lock(self, start: int, length: int, *, exclusive: bool, blocking: bool) -> None:
        await asyncio.sleep(0)
        assert not blocking
        taken = range(start, start + length)
        theirs = any(exclusive or self.others[byte] for byte in self.others if byte in taken)
        # An open cannot lock again what it has locked exclusively, or what it locks so now.
        ours = any(
            (exclusive or kind) and start < begin + size and begin < start + length
            for begin, size, kind in self.held
        )
        assert not ours
        if theirs or self.refused:
            self.refused = max(self.refused - 1, 0)
            self.was_refused.set()
            raise LockedError(NtStatus.LOCK_NOT_GRANTED)
        self.held.append((start, length, exclusive))

    async def unlock(self, start: int, length: int) -> None:
        await asyncio.sleep(0)
        if self.lost:
            raise ConnectionClosed("lost")
        found = next(each for each in self.held if each[:2] == (start, length))
        self.held.remove(found)


def locks_of(file: ServerFile) -> RangeLocks:
    return RangeLocks(lambda: cast(Any, file))


async def lock(of: RangeLocks, owner: int, start: int, end: int, *, exclusive: bool = True) -> bool:
    try:
        await of.lock(owner, start, end, exclusive=exclusive, blocking=False)
    except OSError as error:
        if error.errno != errno.EAGAIN:
            raise
        return False
    return True


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["read", "write", "unlock", "others", "others go"]),
        st.integers(1, 3),
        st.integers(0, SIZE - 1),
        st.integers(1, SIZE),
    ),
    max_size=25,
)


@given(STEPS)
def test_they_are_as_posix_has_them(steps: list[tuple[str, int, int, int]]) -> None:
    """Each byte is locked by owners as a model says, and on the server by us if by anybody."""
    asyncio.run(_compare(steps))


async def _compare(steps: list[tuple[str, int, int, int]]) -> None:
    file = ServerFile()
    of = locks_of(file)
    model: dict[int, dict[int, bool]] = {byte: {} for byte in range(2 * SIZE)}
    for what, owner, start, length in steps:
        end = start + length
        covered = range(start, end)
        if what == "others":
            if not any(model[byte] for byte in covered):
                file.others.update(dict.fromkeys(covered, True))
        elif what == "others go":
            file.others.clear()
        elif what == "unlock":
            await of.unlock(owner, start, end)
            for byte in covered:
                model[byte].pop(owner, None)
        else:
            exclusive = what == "write"
            free = not any(
                (exclusive or kind) and other != owner
                for byte in covered
                for other, kind in model[byte].items()
            ) and not any(byte in file.others for byte in covered)
            free_now = await of.is_free(owner, start, end, exclusive=exclusive)
            assert await lock(of, owner, start, end, exclusive=exclusive) == free
            if not any(owner in model[byte] for byte in covered):
                assert free_now == free
            if free:
                for byte in covered:
                    model[byte][owner] = exclusive
        for byte, owners in model.items():
            kinds = [kind for begin, size, kind in file.held if begin <= byte < begin + size]
            assert sorted(kinds) == sorted(owners.values())
        assert [of.has(number) for number in (1, 2, 3)] == [
            any(number in owners for owners in model.values()) for number in (1, 2, 3)
        ]


async def test_who_waits_gets_it_when_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "FIRST_DELAY", 0.001)
    file = ServerFile()
    of = locks_of(file)
    file.others = {3: True}
    waiting = asyncio.create_task(of.lock(1, 0, 5, exclusive=True, blocking=True))
    await file.was_refused.wait()
    file.others = {}
    await waiting
    assert file.held == [(0, 5, True)]
    waiting = asyncio.create_task(of.lock(2, 0, 5, exclusive=False, blocking=True))
    await of.unlock(1, 0, 5)
    await waiting
    assert file.held == [(0, 5, False)]


async def test_what_was_held_is_held_again_if_others_come_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = ServerFile()
    of = locks_of(file)
    assert await lock(of, 1, 0, 10, exclusive=False)
    file.refused = 1
    assert not await lock(of, 1, 0, 10)
    assert file.held == [(0, 10, False)]
    file.refused = 2
    assert not await lock(of, 1, 0, 10)
    assert file.held == []
    assert caplog.messages == [
        f"a lock was lost while it was changed: {LockedError(NtStatus.LOCK_NOT_GRANTED)}"
    ]


async def test_locks_that_are_gone_with_the_connection_are_released() -> None:
    file = ServerFile()
    of = locks_of(file)
    assert await lock(of, 1, 0, 10)
    file.lost = True
    await of.unlock(1, 0, 10)
    assert not of.has(1)


async def test_a_process_cannot_have_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "MOST", 3)
    of = locks_of(ServerFile())
    for start in range(3):
        assert await lock(of, 1, 2 * start, 2 * start + 1)
    with pytest.raises(OSError, match="No locks") as caught:
        await of.lock(1, 100, 101, exclusive=True, blocking=True)
    assert caught.value.errno == errno.ENOLCK


async def test_ranges_that_only_touch_do_not_conflict() -> None:
    file = ServerFile()
    of = locks_of(file)
    assert await lock(of, 1, 5, 10)
    assert await lock(of, 2, 0, 5)
    assert await lock(of, 2, 10, 15)
    assert not await lock(of, 2, 9, 10)
    assert not await lock(of, 2, 5, 6)
    assert sorted(file.held) == [(0, 5, True), (5, 5, True), (10, 5, True)]


async def test_what_a_process_holds_already_is_not_asked_for_again() -> None:
    file = ServerFile()
    of = locks_of(file)
    assert await lock(of, 1, 0, 10)
    file.refused = 1
    for start, end in ((0, 10), (0, 5), (5, 10), (3, 4)):
        assert await lock(of, 1, start, end)
    assert file.refused == 1
    assert file.held == [(0, 10, True)]


async def test_to_look_leaves_nothing_locked() -> None:
    file = ServerFile()
    of = locks_of(file)
    assert await of.is_free(1, 0, 5, exclusive=True)
    assert (file.held, of.has(1)) == ([], False)
    file.others = {3: False}
    assert not await of.is_free(1, 0, 5, exclusive=True)
    assert await of.is_free(1, 0, 5, exclusive=False)
    assert not of.has(1)
