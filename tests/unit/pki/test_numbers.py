"""Limits of certificates, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

from importlib import import_module

import pytest

NUMBERS = {
    # [RFC5280] A.1, ub-common-name-length
    "authority._COMMON_NAME_LIMIT": 64,
    # [RFC1035] 2.3.4
    "subject._DNS_NAME_LIMIT": 253,
    # docs/reference/certificates-refused.md
    "checks.MINIMUM_RSA_BITS": 2048,
    "checks._MINIMUM_CURVE_BITS": 256,
    "checks._NAME_SHOWN": 80,
    "checks._USAGES_SHOWN": 5,
    "directory.AUTHORITY_DAYS": 3650,
    "directory.LEAF_DAYS": 397,
    "files.PRIVATE": 0o600,
    "files.PUBLIC": 0o644,
    "issuing.RENEW_WITHIN_DAYS": 30,
    "reload.WATCH_INTERVAL": 0.25,
    "verification._MAXIMUM_CHAIN": 16,
}


@pytest.mark.parametrize(("name", "value"), NUMBERS.items())
def test_numbers(name: str, value: object) -> None:
    module, _, constant = name.rpartition(".")
    assert getattr(import_module(f"smbquic.pki.{module}"), constant) == value
