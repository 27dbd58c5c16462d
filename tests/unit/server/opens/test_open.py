"""Breaks of an oplock or lease whose client keeps more than it may by then."""

from types import SimpleNamespace
from typing import Any

from smbquic.server.opens.cache_states import HANDLE, NOTHING, READ, WRITE, BreakCause
from smbquic.server.opens.grant_state import GrantState
from smbquic.server.opens.open import CacheGrant, FileState


class Grant(CacheGrant):
    """Notes what its client is told; the client is there."""

    __slots__ = ("told",)

    def __init__(self, state: FileState, entry: Any) -> None:
        super().__init__(state, entry, READ | WRITE | HANDLE, 60.0)
        self.told: list[tuple[int, bool]] = []

    @property
    def level(self) -> int:
        return 0

    def left_after(self, cause: BreakCause) -> int:
        return NOTHING

    def must_wait(self, cause: BreakCause) -> bool:
        return True

    def must_acknowledge(self) -> bool:
        return True

    def notify(self, left: int, *, acknowledge: bool, further: bool) -> bool:
        self.told.append((left, further))
        return True


def now(grant: Grant) -> tuple[object, int, GrantState]:
    return grant.breaking, grant.caching, grant.state


def make() -> Grant:
    return Grant(FileState("key"), SimpleNamespace())


async def test_a_further_break_has_its_own_time() -> None:
    grant = make()
    grant.reduce(READ | HANDLE)
    assert grant.breaking is not None
    first = grant.breaking
    assert grant.reduce(NOTHING)

    grant.acknowledge(READ | HANDLE)

    assert first.timer.cancelled()
    assert not first.done.done()
    assert grant.told == [(READ | HANDLE, False), (READ, True)]
    second = grant.breaking
    assert second is not None
    assert (second.asked, second.required, second.done) == (READ, NOTHING, first.done)
    grant.acknowledge(READ)
    assert grant.told[2:] == [(NOTHING, True)]
    grant.acknowledge(NOTHING)
    assert first.done.done()
    assert second.timer.cancelled()
    assert now(grant) == (None, NOTHING, GrantState.HELD)


async def test_what_is_acknowledged_in_time_does_not_time_out() -> None:
    grant = make()
    grant.reduce(READ)
    assert grant.breaking is not None
    last = grant.breaking

    grant.acknowledge(READ)

    assert last.timer.cancelled()
    assert last.done.done()
    assert (grant.caching, grant.told) == (READ, [(READ, False)])


async def test_the_last_open_ends_a_break() -> None:
    grant = make()
    grant.reduce(READ)
    assert grant.breaking is not None
    last = grant.breaking

    grant.drop(grant.opens[0])

    assert last.timer.cancelled()
    assert last.done.done()
    assert grant.file_state.grants == []
