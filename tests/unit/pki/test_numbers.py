"""Limits of certificates, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

import pytest

from tests.unit.numbers import defaults_of, numbers_of

NUMBERS = {
    # [RFC5280] A.1, ub-common-name-length
    "_COMMON_NAME_LIMIT": [64],
    # [RFC1035] 2.3.4
    "_DNS_NAME_LIMIT": [253],
    # docs/reference/certificates-refused.md
    "MINIMUM_RSA_BITS": [2048],
    "_MINIMUM_CURVE_BITS": [256],
    "_NAME_SHOWN": [80],
    "_USAGES_SHOWN": [5],
    "AUTHORITY_DAYS": [3650],
    "LEAF_DAYS": [397],
    "PRIVATE": [0o600],
    "PUBLIC": [0o644],
    "RENEW_WITHIN_DAYS": [30],
    "_AFTER_EXPIRY": [1.0],
    "WATCH_INTERVAL": [0.25],
    "_MAXIMUM_CHAIN": [16],
}


@pytest.mark.parametrize(("name", "values"), NUMBERS.items())
def test_numbers(name: str, values: list[object]) -> None:
    assert numbers_of("smbquic.pki")[name] == values


def test_all_other_defaults_are_zero_or_false() -> None:
    assert defaults_of("smbquic.pki") == {
        "IssueOptions.days": 397,
        "issuing.issue(days)": 397,
        "issuing.renew(days)": 397,
        "issuing.due(within)": 30,
        "ServerCertificates.watch(interval)": 0.25,
    }
