"""Names that are locked by hand, for a time or until they are let in again."""

import pytest

from smbquic.auth import lockouts as module
from smbquic.auth.lockouts import Lockouts
from tests.unit.clock import Clock


@pytest.fixture
def lockouts(clock: Clock) -> Lockouts:
    return Lockouts(clock)


def test_a_lock_lasts_as_long_as_it_was_given(lockouts: Lockouts, clock: Clock) -> None:
    lockouts.add("alice", 60.0)
    clock.now += 59.0
    assert lockouts.seconds_left("alice") == 1.0
    assert lockouts.items() == {"alice": 1.0}
    clock.now += 1.0
    assert lockouts.seconds_left("alice") == 0.0
    assert not lockouts.remove("alice")
    assert lockouts.items() == {}


def test_a_lock_without_a_time_lasts_until_it_is_removed(lockouts: Lockouts, clock: Clock) -> None:
    lockouts.add("alice")
    clock.now += 1e9
    assert lockouts.seconds_left("alice") > 0
    assert lockouts.seconds_left("bob") == 0.0
    assert lockouts.remove("alice")
    assert not lockouts.remove("alice")


def test_there_are_only_so_many(
    lockouts: Lockouts, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LOCKOUTS", 2)
    lockouts.add("a", 10.0)
    lockouts.add("b")
    lockouts.add("b")
    with pytest.raises(ValueError, match="2 are locked out already"):
        lockouts.add("c")
    clock.now += 10.0
    lockouts.add("c")
    assert set(lockouts.items()) == {"b", "c"}
