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
    "_LAST_PART": [0.25],
    # acme
    "_PRIVATE_FOLDER": [0o700],
    "HOOK_TIMEOUT": [300.0],
    "MAX_CHAIN": [10],
    "_MAX_TOKEN": [200],
    "_MAX_TEXT": [300],
    "HTTP_PORT": [80],
    "MAX_CONNECTIONS": [64],
    "REQUEST_TIMEOUT": [20],
    "MAX_RESPONSE": [262144],
    "NONCE_ATTEMPTS": [10],
    "LONGEST_POLL": [10.0],
    "_CHUNK": [16384],
    "OBTAIN_TIMEOUT": [1800.0],
    "ASK_TIMEOUT": [120.0],
    "CLOCK_CHECK": [600.0],
    "RENEW_AT": [2 / 3],
    "EARLIER": [1 / 20],
    "LATEST": [5 / 6],
    "FIRST_PAUSE": [60.0],
    "LONGEST_PAUSE": [21600.0],
    "LONGEST_RETRY_AFTER": [86400.0],
    "SHORTEST_RENEWAL_CHECK": [3600.0],
    "LONGEST_RENEWAL_CHECK": [86400.0],
    "CLEAN_UP": [5.0],
}


@pytest.mark.parametrize(("name", "values"), NUMBERS.items())
def test_numbers(name: str, values: list[object]) -> None:
    assert numbers_of("smbquic.pki")[name] == values


def test_all_other_defaults_are_zero_or_false() -> None:
    assert defaults_of("smbquic.pki") == {
        "Hook.__init__(timeout)": 300.0,
        "IssueOptions.days": 397,
        "issuing.issue(days)": 397,
        "issuing.renew(days)": 397,
        "issuing.due(within)": 30,
        "ServerCertificates.watch(interval)": 0.25,
    }
