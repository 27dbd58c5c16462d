"""Who has an account and a certificate guesses another's password, and logs on in between."""

import pytest

from smbquic.auth.guard import ConnectionGuard, GuardLimits, LogonGuard
from smbquic.errors import AuthenticationError
from tests.unit.clock import Clock

LIMITS = GuardLimits(per_user=5, per_address=12, seconds=100.0)


@pytest.fixture
def guard() -> LogonGuard:
    return LogonGuard(LIMITS, Clock())


def guesses(watch: ConnectionGuard, user: str, most: int = 100, own: str = "bob") -> int:
    """How many guesses at a user are looked at, with a logon of one's own after each."""
    for number in range(most):
        try:
            watch.check(user)
        except AuthenticationError:
            return number
        watch.failed(user)
        try:
            watch.check(own)
        except AuthenticationError:
            continue
        watch.succeeded(own)
    return most


@pytest.mark.parametrize("certificate", [b"bobs", b""], ids=["certificate", "none"])
def test_ones_own_logon_wipes_nothing_out(guard: LogonGuard, certificate: bytes) -> None:
    assert guesses(guard.for_connection("192.0.2.1", certificate), "alice") == LIMITS.per_user


def test_nor_do_many_certificates_give_more_guesses(guard: LogonGuard) -> None:
    certificates = [b"bobs", b"bobs other", b"bobs third"]
    tried = sum(guesses(guard.for_connection("192.0.2.1", each), "alice") for each in certificates)
    assert tried == LIMITS.per_user


def test_nor_do_many_users_with_one_certificate(guard: LogonGuard) -> None:
    watch = guard.for_connection("192.0.2.1", b"bobs")
    tried = sum(guesses(watch, f"user{number}", most=2) for number in range(50))
    assert tried == LIMITS.per_address


def test_the_user_gets_in_with_a_certificate_that_did_before(guard: LogonGuard) -> None:
    alice = guard.for_connection("192.0.2.2", b"alices")
    alice.succeeded("alice")
    guesses(guard.for_connection("192.0.2.1", b"bobs"), "alice")
    alice.check("alice")


def test_guesses_without_a_certificate_lock_nobody_out_who_shows_one(guard: LogonGuard) -> None:
    guesses(guard.for_connection("192.0.2.1"), "alice")
    guard.for_connection("192.0.2.1", b"alices").check("alice")
