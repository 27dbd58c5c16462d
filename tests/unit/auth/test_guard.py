"""Guessing is stopped, and nobody else is."""

import pytest

from smbquic.auth import guard as module
from smbquic.auth.guard import ConnectionGuard, GuardLimits, LogonGuard, network
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus
from tests.unit.clock import Clock

LIMITS = GuardLimits(per_user=3, per_address=5, seconds=100.0)


@pytest.fixture
def guard(clock: Clock) -> LogonGuard:
    return LogonGuard(LIMITS, clock)


def fail(watch: ConnectionGuard, user: str, times: int) -> None:
    for _ in range(times):
        watch.check(user)
        watch.failed(user)


def refused(watch: ConnectionGuard, user: str = "alice") -> bool:
    try:
        watch.check(user)
    except AuthenticationError as error:
        return error.status is NtStatus.ACCOUNT_LOCKED_OUT and "too many failed" in str(error)
    return False


def test_a_user_whose_password_is_guessed_is_locked_for_those_without_a_certificate(
    guard: LogonGuard,
) -> None:
    fail(guard.for_connection("192.0.2.1"), "alice", 3)

    assert refused(guard.for_connection("192.0.2.1"))
    assert refused(guard.for_connection("192.0.2.99"), "ALICE")
    assert not refused(guard.for_connection("192.0.2.1"), "bob")


def test_guesses_from_many_addresses_count_together(guard: LogonGuard) -> None:
    for number in range(3):
        fail(guard.for_connection(f"192.0.2.{number}"), "alice", 1)

    assert refused(guard.for_connection("198.51.100.1"))


def test_an_address_that_tries_many_names_is_stopped(guard: LogonGuard) -> None:
    for number in range(5):
        fail(guard.for_connection("192.0.2.1"), f"user{number}", 1)

    assert refused(guard.for_connection("192.0.2.1"), "somebody else")
    assert not refused(guard.for_connection("192.0.2.2"), "somebody else")


def test_nobody_is_locked_out_where_they_have_been_before(guard: LogonGuard) -> None:
    home = guard.for_connection("198.51.100.1")
    home.succeeded("alice")
    fail(guard.for_connection("192.0.2.1"), "alice", 3)

    assert not refused(home)
    assert not refused(guard.for_connection("198.51.100.1"), "Alice")
    assert refused(guard.for_connection("192.0.2.1"))


def test_who_guesses_beside_the_user_is_stopped_too(guard: LogonGuard) -> None:
    home = guard.for_connection("198.51.100.1")
    home.succeeded("alice")
    fail(home, "alice", 3)

    assert refused(home)
    assert not refused(guard.for_connection("192.0.2.1"))


def test_some_mistakes_are_forgiven_with_the_right_password(guard: LogonGuard) -> None:
    home = guard.for_connection("198.51.100.1")
    home.succeeded("alice")
    for _ in range(4):
        fail(home, "alice", 2)
        home.succeeded("alice")

    assert not refused(home)


def test_a_certificate_stands_for_itself(guard: LogonGuard) -> None:
    fail(guard.for_connection("192.0.2.1"), "alice", 3)
    certified = guard.for_connection("192.0.2.1", b"one")

    fail(certified, "alice", 2)
    certified.succeeded("alice")
    fail(certified, "alice", 2)
    assert not refused(certified)
    fail(certified, "alice", 1)
    assert refused(certified)
    assert not refused(certified, "bob")


def test_time_heals(guard: LogonGuard, clock: Clock) -> None:
    watch = guard.for_connection("192.0.2.1")
    fail(watch, "alice", 3)
    clock.now += 99
    assert refused(watch)
    clock.now += 2
    assert not refused(watch)
    fail(watch, "alice", 1)
    assert not refused(watch)


def test_mistakes_of_long_ago_do_not_count(guard: LogonGuard, clock: Clock) -> None:
    watch = guard.for_connection("192.0.2.1")
    fail(watch, "alice", 2)
    clock.now += 101
    fail(watch, "alice", 2)

    assert not refused(watch)


def test_memory_is_bounded(guard: LogonGuard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 10)
    for number in range(100):
        watch = guard.for_connection(f"192.0.2.{number}")
        watch.failed(f"user{number}")
        watch.succeeded(f"user{number}")

    assert len(guard._counts) <= 10
    assert len(guard._known) <= 10


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_what_stands_for_an_address(address: str, place: str) -> None:
    assert network(address) == place


def test_who_may_not_log_on_at_all_is_not_counted(guard: LogonGuard) -> None:
    asked = []

    def check(user: str) -> None:
        asked.append(user)
        if user != "alice":
            raise AuthenticationError(f"{user}: not with this certificate")

    watch = guard.for_connection("192.0.2.1", b"one", check)
    for _ in range(5):
        with pytest.raises(AuthenticationError, match="not with this"):
            watch.check("bob")
    assert not refused(watch)
    fail(watch, "alice", 3)
    assert refused(watch)
    assert asked == ["bob"] * 5 + ["alice"] * 4
