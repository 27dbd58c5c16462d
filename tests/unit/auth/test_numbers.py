"""Limits and codes of the logon, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

from importlib import import_module
from math import inf

import pytest

from tests.unit.numbers import defaults_of, numbers_of

NUMBERS = {
    # docs/security.md
    "REMEMBERED": [16_384],
    "MAX_LOCKOUTS": [1_000],
    "MAX_NEGOTIATE": [2048],
    "_MAX_CHALLENGE": [32_768],
    "MAX_MECH_LIST": [1024],
    # [MS-NLMP] 2.2.2.8, 2.2.2.6; [RFC1001] 14
    "_PROOF_SIZE": [16],
    "_NTLMV1_SIZE": [24],
    "_MAX_NETBIOS_NAME": [15],
    "KEY_SIZE": [16],
    "CHALLENGE_SIZE": [8],
    # [X.690] 8.1
    "_LONG_LENGTH": [0x80],
    "_LONG_TAG": [0x1F],
    "_MAX_LENGTH_BYTES": [4],
    "_MAX_STEPS": [5],
    "_HASH_SIZE": [16],
    "_MAX_NAME": [256],
}


@pytest.mark.parametrize(("name", "values"), NUMBERS.items())
def test_numbers(name: str, values: list[object]) -> None:
    assert numbers_of("smbquic.auth")[name] == values


# [MS-NLMP] 2.2.2.5, 2.2.2.1, 2.2.2.1 MsvAvFlags; [RFC4178] 4.2.2
CODES = {
    "ntlm.messages.NegotiateFlags": {
        "UNICODE": 1 << 0,
        "OEM": 1 << 1,
        "REQUEST_TARGET": 1 << 2,
        "SIGN": 1 << 4,
        "SEAL": 1 << 5,
        "DATAGRAM": 1 << 6,
        "LM_KEY": 1 << 7,
        "NTLM": 1 << 9,
        "ANONYMOUS": 1 << 11,
        "ALWAYS_SIGN": 1 << 15,
        "TARGET_TYPE_DOMAIN": 1 << 16,
        "TARGET_TYPE_SERVER": 1 << 17,
        "EXTENDED_SESSIONSECURITY": 1 << 19,
        "TARGET_INFO": 1 << 23,
        "VERSION": 1 << 25,
        "KEY_128": 1 << 29,
        "KEY_EXCH": 1 << 30,
        "KEY_56": 1 << 31,
    },
    "ntlm.messages.AvId": {
        "EOL": 0,
        "NB_COMPUTER_NAME": 1,
        "NB_DOMAIN_NAME": 2,
        "DNS_COMPUTER_NAME": 3,
        "DNS_DOMAIN_NAME": 4,
        "FLAGS": 6,
        "TIMESTAMP": 7,
        "TARGET_NAME": 9,
        "CHANNEL_BINDINGS": 10,
    },
    "spnego.tokens.NegState": {
        "ACCEPT_COMPLETED": 0,
        "ACCEPT_INCOMPLETE": 1,
        "REJECT": 2,
        "REQUEST_MIC": 3,
    },
}


@pytest.mark.parametrize(("name", "members"), CODES.items())
def test_codes(name: str, members: dict[str, int]) -> None:
    module, _, kind = name.rpartition(".")
    found = getattr(import_module(f"smbquic.auth.{module}"), kind).__members__
    assert {each: int(value) for each, value in found.items()} == members


def test_all_other_defaults_are_zero_or_false() -> None:
    # docs/security.md
    assert defaults_of("smbquic.auth") == {
        "LogonLimits.per_user": 10,
        "LogonLimits.per_address": 50,
        "LogonLimits.seconds": 600.0,
        "Lockouts.add(seconds)": inf,
    }
