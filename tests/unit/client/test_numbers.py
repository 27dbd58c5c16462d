"""Limits, sizes and times of the client, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

from importlib import import_module

import pytest

NUMBERS = {
    # docs/explanation/performance.md
    "file.CHUNK": 1 << 20,
    "file.WINDOW": 16,
    # [MS-SRVS] 2.2.2.4: the bits that say what a share is
    "pipes._KIND_BITS": 3,
    # The fragments of Windows
    "pipes._CHUNK": 4280,
    "pipes.MOST_SHARES": 65_536,
    "pipes._MAX_STUB": 16 << 20,
    # [RFC9000] 14.1; [RFC9000] 15: a version of this form is never used
    "quic_versions._DATAGRAM": 1200,
    "quic_versions._NO_VERSION": 0x1A2A3A4A,
    "quic_versions._UDP_TRIES": 3,
    "quic_versions.KNOWN": {1: "1", 0x6B3343CF: "2"},
    "echo_monitor.ECHO_INTERVAL": 10.0,
    "echo_monitor.RESPONSE_TIMEOUT": 60.0,
    "files.LISTING": 1 << 20,
    "files.LONGEST_LISTING": 512 << 20,
    "files._ENTRY_MEMORY": 256,
    "local.STALL": 0.005,
    "retry.FIRST_DELAY": 0.2,
    "retry.CLOSES_ALLOWED": 3,
    "retry.LONGEST_DELAY": 2.0,
    "tree.CONCURRENCY": 16,
    "volume._RESPONSE_SIZE": 1024,
    "concurrency.CANCELLATION_TIMEOUT": 5.0,
}


@pytest.mark.parametrize(("name", "value"), NUMBERS.items())
def test_numbers(name: str, value: object) -> None:
    module, _, constant = name.rpartition(".")
    assert getattr(import_module(f"smbquic.client.{module}"), constant) == value
