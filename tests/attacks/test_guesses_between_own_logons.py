"""Who has an account and a certificate guesses another's password, and logs on in between."""

import pytest

from smbquic.auth.logon_limiter import ConnectionLogonLimiter, LogonLimiter, LogonLimits
from smbquic.errors import AuthenticationError
from tests.unit.clock import Clock

LIMITS = LogonLimits(per_user=5, per_address=12, seconds=100.0)


@pytest.fixture
def limiter() -> LogonLimiter:
    return LogonLimiter(LIMITS, Clock())


def guesses(watch: ConnectionLogonLimiter, user: str, most: int = 100, own: str = "bob") -> int:
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
def test_ones_own_logon_wipes_nothing_out(limiter: LogonLimiter, certificate: bytes) -> None:
    assert guesses(limiter.for_connection("192.0.2.1", certificate), "alice") == LIMITS.per_user


def test_nor_do_many_certificates_give_more_guesses(limiter: LogonLimiter) -> None:
    certificates = [b"bobs", b"bobs other", b"bobs third"]
    tried = sum(
        guesses(limiter.for_connection("192.0.2.1", each), "alice") for each in certificates
    )
    assert tried == LIMITS.per_user


def test_nor_do_many_users_with_one_certificate(limiter: LogonLimiter) -> None:
    watch = limiter.for_connection("192.0.2.1", b"bobs")
    tried = sum(guesses(watch, f"user{number}", most=2) for number in range(50))
    assert tried == LIMITS.per_address


def test_the_user_gets_in_with_a_certificate_that_did_before(limiter: LogonLimiter) -> None:
    alice = limiter.for_connection("192.0.2.2", b"alices")
    alice.succeeded("alice")
    guesses(limiter.for_connection("192.0.2.1", b"bobs"), "alice")
    alice.check("alice")


def test_guesses_without_a_certificate_lock_nobody_out_who_shows_one(limiter: LogonLimiter) -> None:
    guesses(limiter.for_connection("192.0.2.1"), "alice")
    limiter.for_connection("192.0.2.1", b"alices").check("alice")
