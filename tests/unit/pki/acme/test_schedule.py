"""When a certificate is renewed, and how long to wait after a failure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smbquic.pki.acme.schedule import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LONGEST_RETRY_AFTER,
    REST,
    covers,
    due,
    pause_after,
    rest,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = timedelta(hours=1)


class Lives:
    """A certificate with a life of so many hours."""

    def __init__(self, hours: float) -> None:
        self.not_valid_before_utc = BEGIN
        self.not_valid_after_utc = BEGIN + hours * HOURS


def life(hours: float) -> Any:
    return Lives(hours)


def test_renewed_after_two_thirds_or_a_little_earlier() -> None:
    assert due(life(90), None, 0.0) == BEGIN + 60 * HOURS
    assert due(life(90), None, 1.0) == BEGIN + 55.5 * HOURS


def test_the_server_proposes_a_time_but_not_too_late() -> None:
    assert due(life(90), BEGIN + 10 * HOURS, 0.5) == BEGIN + 10 * HOURS
    assert due(life(90), BEGIN + 70 * HOURS, 0.5) == BEGIN + 70 * HOURS
    assert due(life(90), BEGIN + 1000 * HOURS, 0.5) == BEGIN + 75 * HOURS
    assert due(life(90), BEGIN - 1000 * HOURS, 0.5) < BEGIN


def test_a_new_certificate_is_kept_for_a_while() -> None:
    assert rest(life(90 * 24)) == REST == HOURS
    assert rest(life(0.1)) == timedelta(seconds=18)


def test_pauses_double_up_to_a_limit() -> None:
    pauses = [pause_after(failures, 0.0, 0.0).total_seconds() for failures in range(1, 12)]
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    assert pause_after(10**6, 0.0, 0.0).total_seconds() == LONGEST_PAUSE


def test_pauses_are_spread() -> None:
    assert pause_after(1, 0.0, 1.0).total_seconds() == 1.25 * FIRST_PAUSE


@pytest.mark.parametrize(
    ("retry_after", "pause"), [(10.0, FIRST_PAUSE), (7200.0, 7200.0), (1e9, LONGEST_RETRY_AFTER)]
)
def test_the_server_may_ask_for_a_longer_pause(retry_after: float, pause: float) -> None:
    assert pause_after(1, retry_after, 0.0).total_seconds() == pause


def test_which_names_a_certificate_covers(make_certificate: Any) -> None:
    from cryptography import x509

    certificate = make_certificate(x509.DNSName("fs.example"), x509.DNSName("*.b.example"))
    assert covers(certificate, ("FS.example",))
    assert covers(certificate, ("*.b.example", "fs.example"))
    assert not covers(certificate, ("a.b.example",))
    assert not covers(certificate, ("fs.example", "other.example"))
