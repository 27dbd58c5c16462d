"""Changes that many watches are told of: in order, and some watches in each turn of the loop."""

import asyncio

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.overload.budget import SharedBudget, UserBudget
from smbquic.server.notify import deliveries as module
from smbquic.server.notify.deliveries import AT_ONCE, Deliveries
from smbquic.server.notify.watch import Watch
from smbquic.wire.fscc.notify_information import (
    NotifyAction,
    NotifyInformation,
    decode_notifications,
)


@pytest.fixture
def budget() -> SharedBudget:
    return SharedBudget(1 << 24, 1 << 24)


def made(budget: SharedBudget, count: int) -> list[Watch]:
    return [Watch("", 0xFFF, False, 1000, UserBudget(budget, "user")) for _ in range(count)]


def added(name: str) -> list[NotifyInformation]:
    return [NotifyInformation(NotifyAction.FILE_ACTION_ADDED, name)]


def told(watch: Watch) -> list[str] | NtStatus:
    """What a watch was told of since the last call."""
    reply = watch.take(1000)
    if reply is None:
        return []
    if reply.status is not NtStatus.SUCCESS:
        return reply.status
    return [each.file_name for each in decode_notifications(reply.body.buffer)]  # type: ignore[attr-defined]


async def test_few_watches_are_told_at_once(budget: SharedBudget) -> None:
    watches = made(budget, AT_ONCE)
    Deliveries(lambda: watches).add(watches, added("a"))
    assert [told(watch) for watch in watches] == [["a"]] * AT_ONCE


async def test_of_many_watches_some_are_told_in_each_turn(budget: SharedBudget) -> None:
    watches = made(budget, 3 * AT_ONCE)
    Deliveries(lambda: watches).add(watches, added("a"))
    for turn in range(4):
        assert sum(told(watch) == ["a"] for watch in watches) == (AT_ONCE if turn else 0)
        await asyncio.sleep(0)
    assert not any(told(watch) for watch in watches)


async def test_changes_keep_their_order(budget: SharedBudget) -> None:
    watches = made(budget, 2 * AT_ONCE + 1)
    deliveries = Deliveries(lambda: watches)
    deliveries.add(watches, added("a"))
    # Few, but behind the first.
    deliveries.add(watches[-1:], added("b"))
    deliveries.add(watches, added("c"))
    for _ in range(6):
        await asyncio.sleep(0)
    assert [told(watch) for watch in watches] == [["a", "c"]] * (2 * AT_ONCE) + [["a", "b", "c"]]
    deliveries.add(watches[:1], added("d"))
    assert told(watches[0]) == ["d"]


async def test_a_watch_that_is_closed_is_told_of_nothing(budget: SharedBudget) -> None:
    watches = made(budget, AT_ONCE + 1)
    Deliveries(lambda: watches).add(watches, added("a"))
    for watch in watches:
        watch.close()
    for _ in range(3):
        await asyncio.sleep(0)
    assert budget.used == 0
    watches[0].lose()
    assert not any(told(watch) for watch in watches)


@pytest.mark.parametrize("turns", [0, 1])
async def test_what_is_too_much_is_lost_for_all(
    budget: SharedBudget, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    watches = made(budget, 2 * AT_ONCE)
    monkeypatch.setattr(module, "MOST_WAITING", 4 * AT_ONCE)
    deliveries = Deliveries(lambda: watches)
    deliveries.add(watches, added("a"))
    deliveries.add(watches, added("b"))
    for _ in range(turns):
        await asyncio.sleep(0)
    deliveries.add(watches, added("c"))
    if turns:
        deliveries.add(watches, added("d"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert [told(watch) for watch in watches] == [NtStatus.NOTIFY_ENUM_DIR] * len(watches)
    # That makes room.
    deliveries.add(watches, added("e"))
    for _ in range(3):
        await asyncio.sleep(0)
    assert [told(watch) for watch in watches] == [["e"]] * len(watches)
