"""How the peer is told of the end, and the application."""

import pytest

from smbquic.errors import ConnectionClosed, IdleTimeout, RemoteProtocolError
from smbquic.transport.quic.closing import error_of
from smbquic.transport.quic.engine import CloseReason
from tests.unit.transport.quic.harness import TransportHarness

# The numbers themselves, so that a change of one of them is noticed.
MAX_CLOSE_REPEATS = 16


async def test_connection_close_is_repeated_but_not_forever(harness: TransportHarness) -> None:
    harness.transport.close("done")
    await harness.transport.wait_closed()
    sent = len(harness.endpoint.sent)
    for _ in range(MAX_CLOSE_REPEATS + 10):
        harness.feed(b"still talking")

    assert len(harness.endpoint.sent) == sent + MAX_CLOSE_REPEATS
    assert harness.endpoint.sent[-1] == b"bye 0 done"


async def test_an_error_code_is_told_where_there_is_no_reason(harness: TransportHarness) -> None:
    harness.engine.close_reason = CloseReason(7, "")
    harness.receiver.batch_received(1.0)
    with pytest.raises(ConnectionClosed, match="closed the connection: error 7"):
        await harness.transport.receive()


@pytest.mark.parametrize(
    ("close_reason", "in_message", "kind", "words"),
    [
        (
            CloseReason(1, "Idle timeout", ours=True, idle=True),
            True,
            IdleTimeout,
            "the peer has sent nothing for 2.5 s",
        ),
        (
            CloseReason(10, "no such frame", ours=True),
            True,
            RemoteProtocolError,
            "the peer broke the QUIC protocol: no such frame",
        ),
        (CloseReason(7, "bye"), False, ConnectionClosed, "the peer closed the connection: bye"),
        (CloseReason(7, ""), False, ConnectionClosed, "the peer closed the connection: error 7"),
        (CloseReason(0, ""), False, ConnectionClosed, "the peer closed the connection"),
        (
            CloseReason(0, ""),
            True,
            ConnectionClosed,
            "the peer closed the connection in the middle of a message",
        ),
    ],
)
def test_why_a_connection_is_over(
    close_reason: CloseReason, in_message: bool, kind: type[Exception], words: str
) -> None:
    error = error_of(close_reason, "the peer", 2.5, in_message=in_message)

    assert type(error) is kind
    assert str(error) == words
