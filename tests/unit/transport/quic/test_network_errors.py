"""Connections that the network reports errors of."""

import asyncio
import errno
from collections.abc import Callable

import pytest

from smbquic.errors import ConnectError, ConnectionClosed, TransportError
from smbquic.transport.quic import network_errors
from smbquic.transport.quic.network_errors import NetworkErrors

REFUSED = OSError(errno.ECONNREFUSED, "Connection refused")
UNREACHABLE = OSError(errno.ENETUNREACH, "Network is unreachable")


class RecordingConnection:
    """Notes what it is asked for, at a time that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.done: list[str] = []
        self.ended: list[TransportError] = []
        self.delays: list[float] = []
        self.address: OSError | None = None
        monkeypatch.setattr(network_errors, "monotonic", lambda: self.now)
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", self._call_later)
        self.errors = NetworkErrors(
            "fs.example", ping=self._ping, rebind=self._rebind, abort=self.ended.append
        )

    def _call_later(self, delay: float, call: Callable[[], object]) -> None:
        self.delays.append(delay)
        call()

    def _ping(self) -> None:
        self.done.append("ping")

    def _rebind(self) -> None:
        self.done.append("rebind")
        if self.address is not None:
            raise self.address


@pytest.fixture
async def connection(monkeypatch: pytest.MonkeyPatch) -> RecordingConnection:
    return RecordingConnection(monkeypatch)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (REFUSED, "nothing listens on this UDP port"),
        (UNREACHABLE, "Network is unreachable"),
        (OSError("odd"), "odd"),
    ],
)
async def test_a_connection_that_was_never_there_ends_at_once(
    connection: RecordingConnection, error: OSError, words: str
) -> None:
    connection.errors.during_handshake(error)

    (ended,) = connection.ended
    assert isinstance(ended, ConnectError)
    assert str(ended) == f"fs.example: {words}"


async def test_a_port_is_closed_once_it_was_for_two_seconds(
    connection: RecordingConnection,
) -> None:
    connection.errors.after_handshake(REFUSED)
    assert (connection.done, connection.delays) == (["ping"], [2.0])
    connection.now += 2.0
    connection.errors.after_handshake(REFUSED)
    assert (connection.done, connection.ended) == (["ping"], [])
    connection.now += 0.1
    connection.errors.after_handshake(REFUSED)

    (ended,) = connection.ended
    assert isinstance(ended, ConnectionClosed)
    assert str(ended) == "fs.example has closed its UDP port"


async def test_a_datagram_in_between_begins_anew(connection: RecordingConnection) -> None:
    connection.errors.after_handshake(REFUSED)
    connection.errors.refused_since = None
    connection.now += 5.0
    connection.errors.after_handshake(REFUSED)

    assert (connection.done, connection.ended) == (["ping", "ping"], [])


async def test_another_address_is_tried_once_a_second(
    connection: RecordingConnection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for seconds in (0.0, 0.9, 0.1, 0.5):
        connection.now += seconds
        connection.errors.after_handshake(UNREACHABLE)

    assert connection.done == ["rebind", "rebind"]
    assert caplog.text.count("trying from another address") == 2
    assert connection.ended == []


async def test_without_another_address_it_goes_on(
    connection: RecordingConnection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    connection.address = OSError(errno.EADDRNOTAVAIL, "none")
    connection.errors.after_handshake(UNREACHABLE)

    assert "there is no other address" in caplog.text
    assert connection.ended == []
