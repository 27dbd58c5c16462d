"""Limits and sizes of the protocol, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

from importlib import import_module

import pytest

NUMBERS = {
    # [MS-SMB2] 2.2.1: the fields Credit and MessageId
    "client._MAX_CREDIT_REQUEST": 65_535,
    "message.UNSOLICITED": 0xFFFF_FFFF_FFFF_FFFF,
    # [MS-SMB2] 3.1.5.2
    "credits.CREDIT_SIZE": 65_536,
    "settings.SINGLE_CREDIT_SIZE": 65_536,
    # [MS-SMB2] 2.2.3.1.1
    "negotiation.SALT_SIZE": 32,
    # [MS-SMB2] 2.2.4
    "client_negotiation._MIN_SIZE": 65_536,
    # [MS-SMB2] 3.3.5.15.12
    "validation._RESPONSE_SIZE": 24,
    # docs/security.md
    "server_negotiation.SLOW_ALGORITHM_SIZE": 2 << 20,
    "settings.MAX_SIZE": 8 << 20,
    # Chosen
    "settings.MESSAGE_OVERHEAD": 64 << 10,
    "logon._MAX_CHANNELS": 32,
    "message.MAX_COMPOUND": 64,
}


@pytest.mark.parametrize(("name", "value"), NUMBERS.items())
def test_numbers(name: str, value: object) -> None:
    module, _, constant = name.rpartition(".")
    assert getattr(import_module(f"smbquic.protocol.{module}"), constant) == value
