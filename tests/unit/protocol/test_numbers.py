"""Limits and sizes of the protocol, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

import pytest

from tests.unit.numbers import defaults_of, numbers_of

NUMBERS = {
    # [MS-SMB2] 2.2.1: the fields Credit and MessageId
    "_MAX_CREDIT_REQUEST": [65_535],
    "UNSOLICITED": [0xFFFF_FFFF_FFFF_FFFF],
    # [MS-SMB2] 3.1.5.2
    "CREDIT_SIZE": [65_536],
    "SINGLE_CREDIT_SIZE": [65_536],
    # [MS-SMB2] 2.2.3.1.1
    "SALT_SIZE": [32],
    # [MS-SMB2] 2.2.4
    "_MIN_SIZE": [65_536],
    # [MS-SMB2] 3.3.5.15.12
    "_RESPONSE_SIZE": [24],
    # docs/security.md
    "SLOW_ALGORITHM_SIZE": [2 << 20],
    "MAX_SIZE": [8 << 20],
    # Chosen
    "MESSAGE_OVERHEAD": [64 << 10],
    "LOGON_SIZE": [128 << 10],
    "_MAX_CHANNELS": [32],
    "MAX_COMPOUND": [64],
}


@pytest.mark.parametrize(("name", "values"), NUMBERS.items())
def test_numbers(name: str, values: list[object]) -> None:
    assert numbers_of("smbquic.protocol")[name] == values


DEFAULTS = {
    # [MS-SMB2] 3.2.5.2, 3.3.5.4: 64 KiB without multi-credit requests
    "Negotiated.max_transact_size": 65_536,
    "Negotiated.max_read_size": 65_536,
    "Negotiated.max_write_size": 65_536,
    "ServerSession.channels": 1,
    # docs/security.md
    "ServerSettings.signing_required": True,
    "ClientSettings.signing_required": True,
    "ServerSettings.max_size": 8 << 20,
    "ClientSettings.max_size": 8 << 20,
    "ServerSettings.max_credits": 8192,
    "ConnectionState.constrained": True,
    "ConnectionState.max_message": 128 << 10,
    # docs/explanation/quic-engines.md
    "ClientSettings.skip_encryption_over_quic": True,
    "ClientSettings.credits_wanted": 512,
    "ClientProtocol.compound(related)": True,
}


def test_all_other_defaults_are_zero_or_false() -> None:
    assert defaults_of("smbquic.protocol") == DEFAULTS
