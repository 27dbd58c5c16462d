"""The changes that are kept for a watch, and how its requests are answered. [MS-FSA] 2.1.4.1"""

from collections.abc import Callable

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.overload.budget import CHANGE, SharedBudget, UserBudget
from smbquic.server.notify.watch import Watch
from smbquic.server.outcome import Reply
from smbquic.wire.fscc.notify_information import (
    NotifyAction,
    NotifyInformation,
    decode_notifications,
)

MakeWatch = Callable[..., Watch]


@pytest.fixture
def budget() -> SharedBudget:
    return SharedBudget(1 << 20, 1 << 20)


@pytest.fixture
def make(budget: SharedBudget) -> MakeWatch:
    def make(size: int = 1000) -> Watch:
        return Watch("", 0xFFF, False, size, UserBudget(budget, "user"))

    return make


def added(*names: str) -> list[NotifyInformation]:
    return [NotifyInformation(NotifyAction.FILE_ACTION_ADDED, name) for name in names]


def names(reply: Reply | None) -> list[str] | NtStatus:
    """What a reply reports, or its status if that is no success."""
    assert reply is not None
    if reply.status is not NtStatus.SUCCESS:
        return reply.status
    return [each.file_name for each in decode_notifications(reply.body.buffer)]  # type: ignore[attr-defined]


LOST = NtStatus.NOTIFY_ENUM_DIR


def test_what_has_changed_is_taken_once(make: MakeWatch, budget: SharedBudget) -> None:
    watch = make()
    assert watch.take(1000) is None
    watch.add(added("a", "b"))
    watch.add(added("c"))
    assert budget.used == 3 * (CHANGE + 2)
    assert names(watch.take(1000)) == ["a", "b", "c"]
    assert budget.used == 0
    assert watch.take(1000) is None


def test_the_same_change_twice_is_one(make: MakeWatch) -> None:
    watch = make()
    watch.add(added("a", "a"))
    watch.add(added("a", "b", "a"))
    assert names(watch.take(1000)) == ["a", "b", "a"]


@pytest.mark.parametrize(("size", "expected"), [(28, ["ab", "cd"]), (31, ["ab", "cd"])])
def test_as_much_is_kept_as_the_first_request_has_room_for(
    make: MakeWatch, size: int, expected: list[str]
) -> None:
    # 12 bytes and the name for each, which begins at a multiple of 4
    watch = make(size=32)
    watch.add(added("ab", "cd"))
    assert names(watch.take(size + 4)) == expected
    assert watch.take(1000) is None


def test_more_than_fits_has_to_be_looked_up(make: MakeWatch, budget: SharedBudget) -> None:
    watch = make(size=32)
    watch.add(added("ab", "cd"))
    assert names(watch.take(31)) == LOST
    assert watch.take(1000) is None
    watch.add(added("ab", "cd", "e"))
    assert budget.used == 0
    assert names(watch.take(1000)) == LOST
    watch.add(added("x"))
    assert names(watch.take(1000)) == ["x"]


def test_what_comes_after_something_was_lost_is_lost_too(make: MakeWatch) -> None:
    watch = make()
    watch.lose()
    watch.add(added("a"))
    assert names(watch.take(1000)) == LOST
    assert watch.take(1000) is None


@pytest.mark.parametrize(("count", "kept"), [(1000, True), (1001, False)])
def test_a_thousand_changes_are_kept(make: MakeWatch, count: int, kept: bool) -> None:
    watch = make(size=1 << 20)
    watch.add(added(*(str(number) for number in range(count))))
    found = names(watch.take(1 << 20))
    assert found == ([str(number) for number in range(count)] if kept else LOST)


@pytest.mark.parametrize(("room", "kept"), [(0, True), (-1, False)])
def test_what_a_user_may_have_is_kept(make: MakeWatch, room: int, kept: bool) -> None:
    budget = SharedBudget(1 << 20, CHANGE + 2 + room)
    watch = Watch("", 0xFFF, False, 1000, UserBudget(budget, "user"))
    watch.add(added("a"))
    assert names(watch.take(1000)) == (["a"] if kept else LOST)
    assert budget.used == 0


async def test_requests_are_answered_in_their_order(make: MakeWatch) -> None:
    watch = make()
    watch.add(added("a"))
    waiting = [watch.wait(1000) for _ in range(4)]
    assert names(waiting[0].result()) == ["a"]
    assert not waiting[1].done()
    waiting[1].cancel()
    watch.add(added("b"))
    watch.add(added("c"))
    assert [names(each.result()) for each in waiting[2:]] == [["b"], ["c"]]
    watch.add(added("d"))
    assert names(watch.take(1000)) == ["d"]


async def test_who_waits_when_something_is_lost_is_told(make: MakeWatch) -> None:
    watch = make()
    waiting = watch.wait(1000)
    watch.lose()
    assert names(waiting.result()) == LOST
    small = watch.wait(15)
    watch.add(added("ab"))
    assert names(small.result()) == LOST


async def test_the_end_answers_all_who_wait(make: MakeWatch) -> None:
    watch = make()
    waiting = [watch.wait(1000) for _ in range(3)]
    waiting[1].cancel()
    watch.end(NtStatus.NOTIFY_CLEANUP)
    for each in (waiting[0], waiting[2]):
        assert names(each.result()) == NtStatus.NOTIFY_CLEANUP
    watch.add(added("a"))
    assert names(watch.take(1000)) == ["a"]


def test_two_watches_are_never_the_same(make: MakeWatch) -> None:
    assert make() != make()
    assert len({make(), make()}) == 2
