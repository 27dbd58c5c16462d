"""When a certificate is renewed, and how long to wait after a failure. No clock, no randomness."""

from datetime import datetime, timedelta

from cryptography import x509

from smbquic.pki.subject import general_name, subject_names

RENEW_AT = 2 / 3
"""The part of a certificate's life after which it is renewed."""
EARLIER = 1 / 20
"""The part of its life by which that may be earlier, so that not all servers ask at once."""
LATEST = 5 / 6
"""The part of its life after which it is renewed whatever the server proposes."""
REST = timedelta(hours=1)
"""The time for which a new certificate is kept, whatever the server proposes."""
FIRST_PAUSE = 60.0
"""Seconds until the next attempt after a failure; twice as many after each further one."""
LONGEST_PAUSE = 6 * 3600.0
LONGEST_RETRY_AFTER = 24 * 3600.0
"""Seconds for which a server that asks for it is left alone."""
SHORTEST_RENEWAL_CHECK = 3600.0
LONGEST_RENEWAL_CHECK = 24 * 3600.0
"""Seconds between two questions to the server about when to renew."""


def due(certificate: x509.Certificate, suggested: datetime | None, random: float) -> datetime:
    """Return when to renew a certificate; `suggested` is the server's proposal. [RFC 9773]

    `random` is from 0 to 1, and stays the same for a certificate.
    """
    begin = certificate.not_valid_before_utc
    life = certificate.not_valid_after_utc - begin
    if suggested is not None:
        return min(suggested, begin + life * LATEST)
    return begin + life * (RENEW_AT - EARLIER * random)


def rest(certificate: x509.Certificate) -> timedelta:
    """Return for how long a new certificate is kept, so that no server has us renew in a loop."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return min(REST, life * EARLIER)


def covers(certificate: x509.Certificate, names: tuple[str, ...]) -> bool:
    """Return whether a certificate is for all of these names."""
    present = {general_name(name) for name in subject_names(certificate)}
    return {general_name(name) for name in names} <= present


def pause_after(failures: int, retry_after: float, random: float) -> timedelta:
    """Return how long to wait after so many failures in a row. `random` is from 0 to 1."""
    # The exponent is bounded, as a float is.
    pause = min(FIRST_PAUSE * 2.0 ** min(failures - 1, 16), LONGEST_PAUSE)
    pause = max(pause, min(retry_after, LONGEST_RETRY_AFTER))
    return timedelta(seconds=pause * (1 + random / 4))
