"""A user sends names of 30,000 characters through a gateway, and does not wait for the answers.

The gateway keeps the names of logons and shares until the back end has answered.
"""

import tracemalloc
from collections.abc import Callable

import pytest

from smbquic.gateway.logon import LONGEST_NAME
from smbquic.gateway.traffic import LONGEST_PATH, ConnectionTraffic, ShareAnswered, TrafficCounts
from smbquic.ntstatus import NtStatus
from smbquic.wire.header import Command
from tests.unit.gateway.messages import failed, logged_on, session_setup, tree_connect

LONG = "a" * 30_000
COUNT = 200


def logon(number: int) -> memoryview:
    return session_setup(LONG, message_id=number, session_id=number)


def share(number: int) -> memoryview:
    return tree_connect(rf"\\fs\{LONG}", message_id=number)


@pytest.mark.parametrize("make", [logon, share])
def test_they_are_not_kept(make: Callable[[int], memoryview]) -> None:
    traffic = ConnectionTraffic(TrafficCounts())
    traffic.request(session_setup())
    traffic.response(logged_on())
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(2, COUNT):
        traffic.request(make(number))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    # It was 8 MiB and more for each of a user's connections.
    assert grown < 512 << 10


def test_their_beginning_is_recorded() -> None:
    traffic = ConnectionTraffic(TrafficCounts())
    traffic.request(logon(1))
    traffic.response(logged_on(1, 1))
    traffic.request(tree_connect(rf"\\fs\{LONG}", 2, 1))
    [event] = traffic.response(failed(Command.TREE_CONNECT, NtStatus.BAD_NETWORK_NAME, 2, 1))
    assert isinstance(event, ShareAnswered)
    assert event.path == rf"\\fs\{LONG}"[:LONGEST_PATH]
    assert event.who is not None
    assert event.who.user == LONG[:LONGEST_NAME]
