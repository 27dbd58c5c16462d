"""What the native engine reports of a connection, as its library says it in any state."""

from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.errors import HandshakeError
from smbquic.transport.base import ClientHello, EcnCounts, PathStatistics
from smbquic.transport.quic.engine import STATELESS_RESET, CloseReason, Security
from smbquic.transport.quic.native.status import NativeStatus


def status(*, cause: HandshakeError | None = None, **more: Any) -> NativeStatus:
    """Return the status of an established connection on which nothing happens."""
    fields: dict[str, Any] = {
        "claims": ("fs.example", [b"leaf"]),
        "key_phase": 1,
        "begun": True,
        "terminated": False,
        "partial": 5,
        "unacknowledged": 40,
        "peer_idle_timeout": 0,
        "statistics": lambda: (0.04, 1472, 3, 14_720, (9, 0, 1), (8, 0, 2)),
        "security": ("smb", "AES_128_GCM_SHA256", "X25519", True, [b"leaf"], "fs.example"),
        "close_reason": None,
    }
    parts: list[Any] = [
        SimpleNamespace(**{**fields, **more}),
        SimpleNamespace(first_id=b"serverid", cause=cause),
        30.0,
        1200,
        SimpleNamespace(held=17),
    ]
    return NativeStatus(*parts)


def test_what_the_library_says_is_passed_on() -> None:
    found = status()
    assert (found.connection_id, found.held, found.key_phase) == (b"serverid", 17, 1)
    assert (found.begun, found.partial, found.unacknowledged) == (True, 5, 40)
    assert found.client_hello == ClientHello("fs.example", (b"leaf",))


def test_the_path_is_as_it_was_configured_before_it_is_measured() -> None:
    assert status().statistics() == PathStatistics(
        0.04,
        1472,
        3,
        congestion_window=14_720,
        ecn_received=EcnCounts(9, 0, 1),
        ecn_reported=EcnCounts(8, 0, 2),
    )
    nothing = status(statistics=lambda: (None, 0, 0, 0, (0, 0, 0), None))
    assert nothing.statistics() == PathStatistics(None, 1200, 0, ecn_received=EcnCounts(0, 0, 0))


@pytest.mark.parametrize(("announced", "expected"), [(20_000, 20.0), (60_000, 30.0), (0, 30.0)])
def test_the_shorter_idle_timeout_counts(announced: int, expected: float) -> None:
    assert status(peer_idle_timeout=announced).idle_timeout == expected


def test_a_refused_handshake_is_no_end_until_it_is_forgotten() -> None:
    ended = status(terminated=True)
    # The library is not even asked about a connection that nobody has ended.
    assert not ended.terminated
    ended.close_reason = CloseReason(0, "over")
    assert ended.terminated
    ended._closed_until = 5.0
    assert not ended.terminated
    ended._abandoned = True
    assert ended.terminated
    assert not status().terminated


def test_what_was_negotiated() -> None:
    expected = Security(
        "smb", "AES_128_GCM_SHA256", "fs.example", (b"leaf",), resumed=True, group="X25519"
    )
    assert status()._negotiated(None) == expected
    # A client's is the name that it has asked for.
    asked = status()._negotiated("")
    assert asked is not None
    assert asked.server_name == ""
    assert status(security=None)._negotiated(None) is None


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        (None, None),
        (("ours", 0x12A, "bad"), CloseReason(0x12A, "bad", ours=True)),
        (("idle", 0, ""), CloseReason(0, "Idle timeout", ours=True, idle=True)),
        (("reset", 0, ""), CloseReason(0, STATELESS_RESET)),
        (("transport", 0x12A, "bad"), CloseReason(0x12A, "bad")),
        (("application", 7, "bye"), CloseReason(7, "bye", application=True)),
    ],
)
def test_why_the_connection_was_closed(
    reported: tuple[str, int, str] | None, expected: CloseReason | None
) -> None:
    assert status(close_reason=reported)._reported_close_reason() == expected


def test_our_own_verification_is_the_cause() -> None:
    refusal = HandshakeError("no", "revoked")
    found = status(cause=refusal, close_reason=("ours", 0x12C, "no"))._reported_close_reason()
    assert found is not None
    assert found.cause is refusal
