"""Byte-range locks, against [MS-FSA] 2.1.4.10 and a model that tries every byte."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.overload.budget import LOCK, SharedBudget, UserBudget
from smbquic.server.opens.locks import ByteRange, Locks, RangeSet

TOP = (1 << 64) - 1


class Owner:
    """Stands for an `Open`, of which locks need nothing but its identity and whose it is."""

    def __init__(self) -> None:
        self.memory = UserBudget(SharedBudget(1 << 20, 1 << 20), "alice")


def held(owner: Any, offset: int, length: int, exclusive: bool = True) -> ByteRange:
    return ByteRange(owner, offset, length, exclusive)


def refused(locks: Locks, wanted: ByteRange) -> bool:
    before = len(locks)
    with suppress(StatusError):
        locks.add(wanted)
    return len(locks) == before


def overlaps(mine: tuple[int, int], other: tuple[int, int]) -> bool:
    ranges = RangeSet()
    ranges.add(*mine)
    return ranges.count_overlapping(*other) == 1


@given(
    st.integers(0, 12), st.integers(1, 6), st.integers(0, 12), st.integers(1, 6)
)  # fmt: skip
def test_ranges_overlap_where_they_share_a_byte(a: int, b: int, c: int, d: int) -> None:
    shared = set(range(a, a + b)) & set(range(c, c + d))
    assert overlaps((a, b), (c, d)) == bool(shared)


@pytest.mark.parametrize(
    ("mine", "other", "expected"),
    [
        ((0, 0), (0, 10), False),
        ((5, 0), (0, 10), True),
        ((10, 0), (0, 10), False),
        ((0, 10), (0, 0), False),
        ((0, 10), (5, 0), True),
        ((0, 10), (10, 0), False),
        ((TOP, 1), (TOP, 1), True),
        ((TOP - 1, 1), (TOP, 1), False),
    ],
)
def test_empty_ranges_and_the_end_of_the_address_space(
    mine: tuple[int, int], other: tuple[int, int], expected: bool
) -> None:
    assert overlaps(mine, other) is expected


def test_exclusive_locks_exclude_everybody_their_owner_included() -> None:
    locks, mine, other = Locks(), Owner(), Owner()
    locks.add(held(mine, 0, 10))
    assert refused(locks, held(other, 9, 1))
    with pytest.raises(StatusError) as caught:
        locks.add(held(other, 0, 1))
    assert caught.value.status is NtStatus.LOCK_NOT_GRANTED
    assert refused(locks, held(other, 9, 1, exclusive=False))
    assert refused(locks, held(mine, 0, 10))
    assert not refused(locks, held(other, 10, 1))


def test_shared_locks_stack_on_shared_ones_and_on_their_owners_exclusive_one() -> None:
    locks, mine, other = Locks(), Owner(), Owner()
    locks.add(held(mine, 0, 10, exclusive=False))
    assert not refused(locks, held(other, 0, 10, exclusive=False))
    assert refused(locks, held(other, 0, 10))
    locks.add(held(mine, 20, 10))
    assert not refused(locks, held(mine, 20, 10, exclusive=False))


def test_unlocking_takes_the_exact_range_and_each_lock_once() -> None:
    locks, mine, other = Locks(), Owner(), Owner()
    locks.add(held(mine, 0, 10))
    locks.add(held(mine, 0, 10, exclusive=False))
    for owner, length in ((mine, 9), (other, 10)):
        with pytest.raises(StatusError) as caught:
            locks.remove(owner, 0, length)
        assert caught.value.status is NtStatus.RANGE_NOT_LOCKED
    locks.remove(mine, 0, 10)
    # The shared one is left: others may read, and neither may write.
    assert check(locks, other, 0, 10) == (True, False)
    locks.remove(mine, 0, 10)
    assert len(locks) == 0


def test_undoing_gives_back_what_was_taken_and_not_what_looks_like_it() -> None:
    locks, mine, other = Locks(), Owner(), Owner()
    shared = held(mine, 0, 10, exclusive=False)
    locks.add(held(mine, 0, 10))
    locks.add(shared)
    locks.undo([shared])
    assert locks.count_of(mine) == 1
    assert check(locks, other, 0, 10) == (False, False)


def allowed(check: Callable[..., None], owner: Any, offset: int, length: int) -> bool:
    try:
        check(owner, offset, length)
    except StatusError as error:
        return error.status is not NtStatus.FILE_LOCK_CONFLICT
    return True


def check(locks: Locks, owner: Any, offset: int, length: int) -> tuple[bool, bool]:
    """Whether a read and a write go through."""
    read = allowed(locks.check_read, owner, offset, length)
    return read, allowed(locks.check_write, owner, offset, length)


def test_reads_and_writes_respect_locks() -> None:
    locks, mine, other = Locks(), Owner(), Owner()
    locks.add(held(mine, 0, 10))
    assert check(locks, mine, 5, 1) == (True, True)
    assert check(locks, other, 5, 1) == (False, False)
    assert check(locks, other, 10, 5) == (True, True)
    assert check(locks, other, 5, 0) == (True, True)
    locks.add(held(mine, 20, 10, exclusive=False))
    assert check(locks, mine, 25, 1) == (True, False)
    assert check(locks, other, 25, 1) == (True, False)


async def test_waiting_ends_when_any_lock_is_given_up() -> None:
    locks, mine, other = Locks(), Owner(), Owner()
    locks.add(held(mine, 0, 10))
    waiting = asyncio.create_task(locks.wait(other))
    await asyncio.sleep(0)
    assert len(locks.waiters) == 1
    locks.remove(mine, 0, 10)
    await waiting
    assert not locks.waiters


async def test_a_cancelled_wait_is_forgotten() -> None:
    locks, other = Locks(), Owner()
    waiting = asyncio.create_task(locks.wait(other))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not locks.waiters


async def test_a_closed_open_gives_up_its_locks_and_its_waiting() -> None:
    locks, mine, other = Locks(), Owner(), Owner()
    locks.add(held(mine, 0, 10))
    locks.add(held(other, 20, 10))
    mine_waits = asyncio.create_task(locks.wait(mine))
    other_waits = asyncio.create_task(locks.wait(other))
    await asyncio.sleep(0)
    locks.remove_owner(mine)
    with pytest.raises(StatusError) as caught:
        await mine_waits
    assert caught.value.status is NtStatus.RANGE_NOT_LOCKED
    await other_waits
    assert locks.lowest_offset == 20
    assert len(locks) == 1


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_range_is_unlocked_as_often_as_it_was_locked(exclusive: bool) -> None:
    locks, mine = Locks(), Owner()
    locks.add(held(mine, 0, 10, exclusive))
    for _ in range(2):
        locks.add(held(mine, 0, 10, exclusive=False))
    locks.add(held(mine, 20, 10))
    for _ in range(3):
        locks.remove(mine, 0, 10)
    with pytest.raises(StatusError) as caught:
        locks.remove(mine, 0, 10)
    assert caught.value.status is NtStatus.RANGE_NOT_LOCKED
    assert (len(locks), locks.count_of(mine)) == (1, 1)


def test_every_lock_is_charged_until_it_is_released() -> None:
    locks, mine, other = Locks(), Owner(), Owner()
    used = mine.memory.budget
    ranges = [held(mine, offset, 1, exclusive=offset > 1) for offset in range(6)]
    for each in ranges:
        locks.add(each)
    locks.add(held(other, 20, 1))
    assert used.used == 6 * LOCK
    locks.remove(mine, 0, 1)
    assert used.used == 5 * LOCK
    locks.undo(ranges[1:3])
    assert used.used == 3 * LOCK
    assert not locks.remove_some(mine, 1)
    assert used.used == 2 * LOCK
    locks.remove_owner(other)
    assert (used.used, other.memory.budget.used) == (2 * LOCK, 0)
    locks.remove_owner(mine)
    assert used.used == 0


def test_a_user_without_memory_gets_no_lock() -> None:
    locks, mine = Locks(), Owner()
    mine.memory = UserBudget(SharedBudget(LOCK, LOCK), "alice")
    locks.add(held(mine, 0, 1))
    with pytest.raises(StatusError) as caught:
        locks.add(held(mine, 1, 1))
    assert caught.value.status is NtStatus.INSUFFICIENT_RESOURCES
    assert len(locks) == 1


def test_who_alone_has_locks_gives_them_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    locks, mine = Locks(), Owner()
    for offset in range(3):
        locks.add(held(mine, offset, 1))
    monkeypatch.delattr(Locks, "remove_some")
    locks.remove_owner(mine)
    assert (len(locks), locks.lowest_offset, mine.memory.budget.used) == (0, None, 0)
    locks.remove_owner(mine)


@pytest.mark.parametrize("way", ["undo", "some", "last owner", "one of two owners"])
async def test_whatever_releases_a_lock_wakes_who_waits(way: str) -> None:
    locks, mine, other = Locks(), Owner(), Owner()
    taken = held(mine, 0, 10)
    locks.add(taken)
    if way == "one of two owners":
        locks.add(held(other, 20, 1))
    waiting = asyncio.create_task(locks.wait(other))
    await asyncio.sleep(0)
    if way == "undo":
        locks.undo([taken])
    elif way == "some":
        assert locks.remove_some(mine, 5)
    else:
        locks.remove_owner(mine)
    await asyncio.sleep(0)
    assert waiting.done()
    await waiting


Step = tuple[str, int, int, int, bool]

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "close", "some"]),
        st.integers(0, 2),
        st.integers(0, 8),
        st.integers(0, 4),
        st.booleans(),
    ),
    max_size=40,
)


class LockModel:
    """The same by trying every pair, as [MS-FSA] 2.1.4.10 has it."""

    def __init__(self) -> None:
        self.held: list[ByteRange] = []

    def overlapping(self, wanted: ByteRange) -> list[ByteRange]:
        return [each for each in self.held if model_overlap(each, wanted)]

    def add(self, wanted: ByteRange) -> bool:
        conflict = any(
            wanted.exclusive or (each.exclusive and each.owner is not wanted.owner)
            for each in self.overlapping(wanted)
        )
        if not conflict:
            self.held.append(wanted)
        return not conflict

    def remove(self, owner: Any, offset: int, length: int) -> bool:
        for each in sorted(self.held, key=lambda one: not one.exclusive):
            if each.owner is owner and (each.offset, each.length) == (offset, length):
                self.held.remove(each)
                return True
        return False

    def may(self, owner: Any, offset: int, length: int) -> tuple[bool, bool]:
        touched = self.overlapping(held(owner, offset, length)) if length else []
        read = not any(each.exclusive and each.owner is not owner for each in touched)
        return read, all(each.exclusive and each.owner is owner for each in touched)


def model_overlap(one: ByteRange, other: ByteRange) -> bool:
    if one.length and other.length:
        mine = set(range(one.offset, one.offset + one.length))
        return bool(mine & set(range(other.offset, other.offset + other.length)))
    if one.length or other.length:
        empty, whole = (other, one) if one.length else (one, other)
        return whole.offset < empty.offset < whole.offset + whole.length
    return False


@given(STEPS)
def test_any_sequence_of_locks_agrees_with_trying_every_pair(steps: list[Step]) -> None:
    locks, model = Locks(), LockModel()
    owners: list[Any] = [Owner(), Owner(), Owner()]
    for verb, number, offset, length, exclusive in steps:
        owner = owners[number]
        if verb == "add":
            wanted = held(owner, offset, length, exclusive)
            assert refused(locks, wanted) is not model.add(wanted)
        elif verb == "remove":
            done = model.remove(owner, offset, length)
            before = len(locks)
            with suppress(StatusError):
                locks.remove(owner, offset, length)
            assert (len(locks) < before) is done
        else:
            if verb == "close":
                locks.remove_owner(owner)
            else:
                while not locks.remove_some(owner, 2):
                    pass
            model.held = [each for each in model.held if each.owner is not owner]
        assert len(locks) == len(model.held)
        for each in owners:
            mine = [one for one in model.held if one.owner is each]
            assert locks.count_of(each) == len(mine)
            for begin in range(10):
                assert check(locks, each, begin, 3) == model.may(each, begin, 3)
        lowest = min((one.offset for one in model.held), default=None)
        assert locks.lowest_offset == lowest
