"""Guessing passwords is stopped, and no other client is."""

import pytest

from smbquic.auth import logon_limiter
from smbquic.auth.logon_limiter import ConnectionLogonLimiter, LogonLimiter, LogonLimits, network
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus
from tests.unit.clock import Clock

LIMITS = LogonLimits(per_user=3, per_address=5, seconds=100.0)


@pytest.fixture
def limiter(clock: Clock) -> LogonLimiter:
    return LogonLimiter(LIMITS, clock)


def fail(logons: ConnectionLogonLimiter, user: str, times: int) -> None:
    for _ in range(times):
        logons.check(user)
        logons.failed(user)


def refused(logons: ConnectionLogonLimiter, user: str = "alice") -> bool:
    try:
        logons.check(user)
    except AuthenticationError as error:
        return error.status is NtStatus.ACCOUNT_LOCKED_OUT and "too many failed" in str(error)
    return False


def test_a_user_who_is_guessed_is_locked_for_clients_without_a_certificate(
    limiter: LogonLimiter,
) -> None:
    fail(limiter.for_connection("192.0.2.1"), "alice", 3)

    assert refused(limiter.for_connection("192.0.2.1"))
    assert refused(limiter.for_connection("192.0.2.99"), "ALICE")
    assert not refused(limiter.for_connection("192.0.2.1"), "bob")


def test_guesses_from_many_addresses_count_together(limiter: LogonLimiter) -> None:
    for number in range(3):
        fail(limiter.for_connection(f"192.0.2.{number}"), "alice", 1)

    assert refused(limiter.for_connection("198.51.100.1"))


def test_an_address_that_tries_many_names_is_stopped(limiter: LogonLimiter) -> None:
    for number in range(5):
        fail(limiter.for_connection("192.0.2.1"), f"user{number}", 1)

    assert refused(limiter.for_connection("192.0.2.1"), "somebody else")
    assert not refused(limiter.for_connection("192.0.2.2"), "somebody else")


def test_nobody_is_locked_out_where_they_have_been_before(limiter: LogonLimiter) -> None:
    home = limiter.for_connection("198.51.100.1")
    home.succeeded("alice")
    fail(limiter.for_connection("192.0.2.1"), "alice", 3)

    assert not refused(home)
    assert not refused(limiter.for_connection("198.51.100.1"), "Alice")
    assert refused(limiter.for_connection("192.0.2.1"))


def test_who_guesses_beside_the_user_is_stopped_too(limiter: LogonLimiter) -> None:
    home = limiter.for_connection("198.51.100.1")
    home.succeeded("alice")
    fail(home, "alice", 3)

    assert refused(home)
    assert not refused(limiter.for_connection("192.0.2.1"))


def test_some_mistakes_are_forgiven_with_the_right_password(limiter: LogonLimiter) -> None:
    home = limiter.for_connection("198.51.100.1")
    home.succeeded("alice")
    for _ in range(4):
        fail(home, "alice", 2)
        home.succeeded("alice")

    assert not refused(home)


def test_a_certificate_stands_for_itself(limiter: LogonLimiter) -> None:
    fail(limiter.for_connection("192.0.2.1"), "alice", 3)
    certified = limiter.for_connection("192.0.2.1", b"one")

    fail(certified, "alice", 2)
    certified.succeeded("alice")
    fail(certified, "alice", 2)
    assert not refused(certified)
    fail(certified, "alice", 1)
    assert refused(certified)
    assert not refused(certified, "bob")


def test_a_lock_ends(limiter: LogonLimiter, clock: Clock) -> None:
    logons = limiter.for_connection("192.0.2.1")
    fail(logons, "alice", 3)
    clock.now += 99
    assert refused(logons)
    clock.now += 2
    assert not refused(logons)
    fail(logons, "alice", 1)
    assert not refused(logons)


def test_mistakes_of_long_ago_do_not_count(limiter: LogonLimiter, clock: Clock) -> None:
    logons = limiter.for_connection("192.0.2.1")
    fail(logons, "alice", 2)
    clock.now += 101
    fail(logons, "alice", 2)

    assert not refused(logons)


def test_memory_is_bounded(limiter: LogonLimiter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logon_limiter, "REMEMBERED", 10)
    for number in range(100):
        logons = limiter.for_connection(f"192.0.2.{number}")
        logons.failed(f"user{number}")
        logons.succeeded(f"user{number}")

    # Failures, of which the last success has cleared one, and who has logged on.
    assert len(limiter) == 9 + 10


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


def test_who_may_not_log_on_at_all_is_not_counted(limiter: LogonLimiter) -> None:
    asked = []

    def check(user: str) -> None:
        asked.append(user)
        if user != "alice":
            raise AuthenticationError(f"{user}: not with this certificate")

    logons = limiter.for_connection("192.0.2.1", b"one", check)
    for _ in range(5):
        with pytest.raises(AuthenticationError, match="not with this"):
            logons.check("bob")
    assert not refused(logons)
    fail(logons, "alice", 3)
    assert refused(logons)
    assert asked == ["bob"] * 5 + ["alice"] * 4


def test_a_lock_lasts_exactly_as_long_as_it_says(limiter: LogonLimiter, clock: Clock) -> None:
    logons = limiter.for_connection("192.0.2.1")
    fail(logons, "alice", 3)
    clock.now += 40
    with pytest.raises(AuthenticationError, match=r"^alice: .* no more from here for 60 s$"):
        logons.check("alice")
    clock.now += 60
    assert not refused(logons)


def test_mistakes_count_exactly_as_long_as_they_may(limiter: LogonLimiter, clock: Clock) -> None:
    logons = limiter.for_connection("192.0.2.1")
    fail(logons, "alice", 2)
    clock.now += 100
    fail(logons, "alice", 1)
    assert refused(logons)


def test_what_was_not_used_for_longest_is_forgotten(
    limiter: LogonLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logon_limiter, "REMEMBERED", 2)
    for name in ("alice", "bob", "alice", "carol"):
        limiter.record_failure(("user", name))
    for name in ("bob", "alice"):
        limiter.record_success((name,))
    assert not limiter.is_known(("carol",))
    limiter.record_success(("bob",))
    limiter.record_success(("carol",))
    assert [limiter.is_known((name,)) for name in ("alice", "bob", "carol")] == [False, True, True]
    limiter.record_failure(("user", "alice"))
    assert limiter.locked_for([("user", "alice")]) == 100
    limiter.record_failure(("user", "bob"))
    limiter.record_failure(("user", "bob"))
    assert limiter.locked_for([("user", "bob"), ("user", "nobody")]) <= 0


@pytest.mark.parametrize(
    ("kind", "count"), [("user", 3), ("user there", 3), ("certified user", 3), ("address", 5)]
)
def test_how_many_mistakes_lock_what(limiter: LogonLimiter, kind: str, count: int) -> None:
    for _ in range(count - 1):
        limiter.record_failure((kind, "x"))
    assert limiter.locked_for([(kind, "x")]) <= 0
    limiter.record_failure((kind, "x"))
    assert limiter.locked_for([(kind, "x")]) == 100
    assert limiter.locked_for([]) == 0


def test_who_is_locked_out_is_refused_everywhere(limiter: LogonLimiter, clock: Clock) -> None:
    here = limiter.for_connection("192.0.2.1", b"certificate")
    here.succeeded("alice")
    limiter.lockouts.add("alice", 50.0)
    with pytest.raises(AuthenticationError, match="locked out by an administrator") as caught:
        here.check("ALICE")
    assert caught.value.status is NtStatus.ACCOUNT_LOCKED_OUT
    here.check("bob")
    clock.now += 50.0
    here.check("alice")


def test_what_failures_have_locked_can_be_unlocked(limiter: LogonLimiter, clock: Clock) -> None:
    fail(limiter.for_connection("192.0.2.1"), "alice", 3)
    clock.now += 40.0
    assert limiter.locked() == {
        ("user there", "192.0.2.1", "alice"): 60.0,
        ("user", "alice"): 60.0,
    }
    for key in limiter.locked():
        assert limiter.unlock(key)
        assert not limiter.unlock(key)
    assert limiter.locked() == {}
    assert not refused(limiter.for_connection("192.0.2.1"))
