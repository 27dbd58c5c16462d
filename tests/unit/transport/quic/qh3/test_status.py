"""What qh3 reports of a connection, as its library and its core say it in any state."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from qh3.quic.connection import QuicConnectionState

from smbquic.errors import HandshakeError
from smbquic.transport.base import ClientHello, PathStatistics
from smbquic.transport.quic.engine import STATELESS_RESET, CloseReason
from smbquic.transport.quic.qh3.status import Qh3Status

pytestmark = pytest.mark.engine("qh3")

CONNECTED, TERMINATED = QuicConnectionState.CONNECTED, QuicConnectionState.TERMINATED


def core(**more: Any) -> SimpleNamespace:
    """Return a core of an established connection on which nothing happens."""
    fields: dict[str, Any] = {
        "send_key_phase": 1,
        "received_authenticated_packet": True,
        "bytes_in_flight": 0,
        "smoothed_rtt": 0.04,
        "loss_total": 3,
        "congestion_window": 14_720,
        "close_reason": None,
        "timer": None,
    }
    made = SimpleNamespace(**{**fields, **more})
    made.get_timer = lambda: made.timer
    return made


def status(
    core: SimpleNamespace | None,
    *,
    event: SimpleNamespace | None = None,
    state: QuicConnectionState = CONNECTED,
    parameters: SimpleNamespace | None = None,
    unsent: int = 0,
    **tls: Any,
) -> Qh3Status:
    """Return the status of a connection with this core."""
    quic: Any = SimpleNamespace(
        host_cid=b"serverid",
        tls=SimpleNamespace(**{"refusal": None, "_certificate_request": None, **tls}),
        configuration=SimpleNamespace(idle_timeout=30.0),
        _core=core,
        _tls=SimpleNamespace(remote_transport_parameters=parameters),
        _state=state,
        _close_event=event,
        _handshake_confirmed=False,
    )
    parts: list[Any] = [
        SimpleNamespace(unsent=unsent),
        SimpleNamespace(size=1472),
        SimpleNamespace(held=17),
    ]
    return Qh3Status(quic, *parts)


def test_before_anything_was_received() -> None:
    fresh = status(None)
    vars(fresh)["_quic"].tls = None

    assert fresh.connection_id == b"serverid"
    assert fresh.client_hello == ClientHello()
    assert not fresh.begun
    assert fresh.statistics() == PathStatistics(None, 1472, 0)
    assert fresh._cause is None
    assert fresh._reported_close_reason() is None
    assert fresh.held == 17


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, 7),
        (core(bytes_in_flight=100), 107),
        (core(bytes_in_flight=100, timer=("pacing", 1.0)), 107),
        (core(timer=("pacing", 1.0)), 7),
    ],
)
def test_what_is_in_flight_and_what_waits_are_not_acknowledged(
    found: SimpleNamespace | None, expected: int
) -> None:
    assert status(found, unsent=7).unacknowledged == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, 0),
        (core(), 0),
        (core(timer=("pacing", 1.0)), 1),
        (core(timer=("idle", 1.0)), 0),
        (core(bytes_in_flight=1, timer=("idle", 1.0)), 1),
    ],
)
def test_lost_data_that_the_pacer_holds_back_is_not_acknowledged(
    found: SimpleNamespace | None, expected: int
) -> None:
    assert status(found).unacknowledged == expected


@pytest.mark.parametrize(
    ("announced", "expected"), [(20_000, 20.0), (60_000, 30.0), (0, 30.0), (None, 30.0)]
)
def test_the_shorter_idle_timeout_counts(announced: int | None, expected: float) -> None:
    parameters = SimpleNamespace(max_idle_timeout=announced)
    assert status(core(), parameters=parameters).idle_timeout == expected
    assert status(core()).idle_timeout == 30.0


def test_what_the_core_measures() -> None:
    found = PathStatistics(0.04, 1472, 3, congestion_window=14_720)
    assert status(core()).statistics() == found
    assert status(core(smoothed_rtt=0.0)).statistics() == replace(found, round_trip=None)
    assert status(core()).key_phase == 1
    assert status(core(send_key_phase=None)).key_phase == 0
    assert status(core()).begun
    assert not status(core(received_authenticated_packet=False)).begun


def test_a_handshake_is_confirmed_at_once_unless_a_certificate_was_asked_for() -> None:
    assert status(core())._confirmed
    asked = status(core(), _certificate_request=object())
    assert not asked._confirmed
    vars(asked)["_quic"]._handshake_confirmed = True
    assert asked._confirmed


def test_the_closing_period_is_no_end() -> None:
    ended = status(core(), state=TERMINATED)
    assert ended.terminated
    ended._closed_until = 5.0
    assert not ended.terminated
    assert not status(core()).terminated


def closed(code: int, phrase: str) -> SimpleNamespace:
    """Return the library's event at the end of a connection."""
    return SimpleNamespace(error_code=code, reason_phrase=phrase)


@pytest.mark.parametrize(
    ("event", "state", "expected"),
    [
        (None, CONNECTED, None),
        (closed(0x12A, "bad"), CONNECTED, CloseReason(0x12A, "bad", ours=True)),
        (closed(0x12A, "bad"), TERMINATED, CloseReason(0x12A, "bad", ours=True)),
        (
            closed(0, "Idle timeout"),
            TERMINATED,
            CloseReason(0, "Idle timeout", ours=True, idle=True),
        ),
        (closed(0, "anything"), TERMINATED, CloseReason(0, STATELESS_RESET)),
        (closed(0, "bye"), CONNECTED, CloseReason(0, "bye", ours=True)),
    ],
)
@pytest.mark.parametrize("with_core", [True, False])
def test_why_the_library_has_closed_the_connection(
    event: SimpleNamespace | None,
    state: QuicConnectionState,
    expected: CloseReason | None,
    with_core: bool,
) -> None:
    found = status(core() if with_core else None, event=event, state=state)
    assert found._reported_close_reason() == expected


def test_the_reason_of_the_core_and_of_our_own_verification() -> None:
    reason, refusal = CloseReason(7, "bye"), HandshakeError("no", "revoked")
    assert status(core(close_reason=reason))._reported_close_reason() == reason
    both = status(core(close_reason=reason), event=closed(0x12A, "bad"))
    assert both._reported_close_reason() == reason
    refused = status(core(), event=closed(0x12A, "bad"), refusal=refusal)
    found = refused._reported_close_reason()
    assert found is not None
    assert found.cause is refusal
