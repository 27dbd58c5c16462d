"""What aioquic reports of a connection, as its library says it in any state."""

from types import SimpleNamespace
from typing import Any

import pytest
from aioquic import tls
from aioquic.quic.connection import QuicConnectionState

from smbquic.transport.base import ClientHello, PathStatistics
from smbquic.transport.quic.aioquic.status import AioquicStatus

pytestmark = pytest.mark.engine("aioquic")

FIRST, CONNECTED, CLOSING, TERMINATED = (
    QuicConnectionState.FIRSTFLIGHT,
    QuicConnectionState.CONNECTED,
    QuicConnectionState.CLOSING,
    QuicConnectionState.TERMINATED,
)


def stream(*, sent: int, written: int, kept: int) -> SimpleNamespace:
    """Return a stream: bytes that were sent and written so far, and that are kept."""
    sender = SimpleNamespace(highest_offset=sent, _buffer_stop=written, _buffer=bytearray(kept))
    return SimpleNamespace(sender=sender)


def loss(round_trip: float | None, lost_packets: int) -> SimpleNamespace:
    """Return a loss recovery that has measured this."""
    return SimpleNamespace(
        _rtt_initialized=round_trip is not None,
        _rtt_smoothed=round_trip or 0.0,
        lost_packets=lost_packets,
        congestion_window=14_720,
    )


def status(**more: Any) -> AioquicStatus:
    """Return the status of an established connection on which nothing happens."""
    fields: dict[str, Any] = {
        "host_cid": b"serverid",
        "held": 17,
        "_state": CONNECTED,
        "_streams": {},
        "_cryptos": {tls.Epoch.ONE_RTT: SimpleNamespace(key_phase=1)},
        "_idle_timeout": lambda: 12.5,
        "_max_datagram_size": 1472,
        "_loss": loss(0.04, 3),
    }
    quic: Any = SimpleNamespace(**{**fields, **more})
    return AioquicStatus(quic)


def test_what_the_client_claims() -> None:
    assert status().client_hello == ClientHello()
    context = SimpleNamespace(client_hello_name="fs.example", peer_chain=(b"leaf",))
    assert status(tls=context).client_hello == ClientHello("fs.example", (b"leaf",))


@pytest.mark.parametrize(
    ("state", "begun", "terminated"),
    [
        (FIRST, False, False),
        (CONNECTED, True, False),
        (CLOSING, True, False),
        (TERMINATED, True, True),
    ],
)
def test_how_far_it_is(state: QuicConnectionState, begun: bool, terminated: bool) -> None:
    found = status(_state=state)
    assert (found.begun, found.terminated) == (begun, terminated)


def test_what_is_to_be_sent_and_acknowledged() -> None:
    found = status()
    assert (found.unsent, found.unacknowledged) == (0, 0)
    found._early += [b"abc", b"de"]
    assert (found.unsent, found.unacknowledged) == (5, 5)
    # Another stream than that of SMB counts for nothing.
    others = {4: stream(sent=1, written=9, kept=9)}
    assert status(_streams=others).unacknowledged == 0
    found = status(_streams={0: stream(sent=70, written=100, kept=40)})
    assert (found.unsent, found.unacknowledged) == (30, 40)


def test_what_the_library_has_measured() -> None:
    found = status()
    assert (found.connection_id, found.held, found.key_phase) == (b"serverid", 17, 1)
    assert found.idle_timeout == 12.5
    assert found.statistics() == PathStatistics(0.04, 1472, 3, congestion_window=14_720)
    assert status(_loss=loss(None, 0)).statistics() == PathStatistics(
        None, 1472, 0, congestion_window=14_720
    )
