"""What qh3's connection gives its core, and which tickets it keeps."""

from types import SimpleNamespace
from typing import Any

import pytest
from qh3.quic.packet import QuicTransportParameters

from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.qh3 import connection as module
from smbquic.transport.quic.qh3.connection import Qh3Connection
from smbquic.transport.quic.tls_context import HandshakeSettings
from tests.unit.transport.quic.simulation import Simulate, Simulation

pytestmark = pytest.mark.engine("qh3")

VERSION_1 = 1
VERSION_2 = 0x6B3343CF


def shrunk(parameters: QuicTransportParameters) -> dict[str, object]:
    """Return what the core is given with a smaller size, after the peer's parameters."""
    given: list[dict[str, object]] = []
    connection: Any = object.__new__(Qh3Connection)
    connection._tls = SimpleNamespace(remote_transport_parameters=parameters)
    connection._core = SimpleNamespace(
        apply_peer_transport_parameters=lambda **more: given.append(more)
    )
    connection.shrink(1280)
    [found] = given
    return found


def test_a_smaller_size_changes_no_other_parameter_of_the_peer() -> None:
    parameters = QuicTransportParameters(
        initial_max_data=1,
        initial_max_stream_data_bidi_local=2,
        initial_max_stream_data_bidi_remote=3,
        initial_max_stream_data_uni=4,
        initial_max_streams_bidi=5,
        initial_max_streams_uni=6,
        ack_delay_exponent=0,
        max_ack_delay=8,
        max_idle_timeout=9000,
        max_datagram_frame_size=10,
        active_connection_id_limit=11,
        disable_active_migration=True,
        max_udp_payload_size=1452,
    )

    assert shrunk(parameters) == {
        "connection_send_limit": 1,
        "stream_send_limit_bidi_local": 2,
        "stream_send_limit_bidi_remote": 3,
        "stream_send_limit_uni": 4,
        "peer_max_streams_bidi": 5,
        "peer_max_streams_uni": 6,
        "ack_delay_exponent": 0,
        "max_ack_delay": 0.008,
        "peer_idle_timeout": 9.0,
        "max_datagram_frame_size": 10,
        "active_connection_id_limit": 11,
        "disable_active_migration": True,
        "max_udp_payload_size": 1280,
    }


def test_parameters_that_a_peer_leaves_out_have_the_defaults_of_the_specification() -> None:
    """[RFC9000] 18.2."""
    assert shrunk(QuicTransportParameters()) == {
        "connection_send_limit": 0,
        "stream_send_limit_bidi_local": 0,
        "stream_send_limit_bidi_remote": 0,
        "stream_send_limit_uni": 0,
        "peer_max_streams_bidi": 0,
        "peer_max_streams_uni": 0,
        "ack_delay_exponent": 3,
        "max_ack_delay": 0.025,
        "peer_idle_timeout": None,
        "max_datagram_frame_size": None,
        "active_connection_id_limit": 2,
        "disable_active_migration": False,
        "max_udp_payload_size": 1280,
    }
    assert shrunk(QuicTransportParameters(max_ack_delay=0))["max_ack_delay"] == 0


def test_a_peer_without_delay_acknowledges_at_once() -> None:
    assert shrunk(QuicTransportParameters(max_idle_timeout=0))["peer_idle_timeout"] is None


def made_cores(monkeypatch: pytest.MonkeyPatch, simulation: Simulation) -> list[dict[str, Any]]:
    """Return what the cores of a simulation are made with from now on."""
    made: list[dict[str, Any]] = []
    real: Any = vars(module)["QuicConnectionCore"]

    def make(**options: Any) -> Any:
        made.append(options)
        return real(**options)

    monkeypatch.setattr(module, "QuicConnectionCore", make)
    simulation.establish()
    return made


@pytest.mark.parametrize(
    ("sizes", "probes"), [(DatagramSizes(1200, 1472), True), (DatagramSizes(1200, 1200), False)]
)
def test_a_core_is_made_for_one_stream(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch, sizes: DatagramSizes, probes: bool
) -> None:
    simulation = simulate(
        engines="qh3", sizes=sizes, options=QuicOptions(window=1 << 20, idle_timeout=20.0)
    )
    [server] = made_cores(monkeypatch, simulation)

    assert (server["local_max_streams_bidi"], server["local_max_streams_uni"]) == (1, 0)
    assert not server["is_client"]
    # Nothing has shown yet that the client is where its datagram came from.
    assert not server["peer_address_validated"]
    assert server["active_connection_id_limit"] == 8
    assert (server["connection_receive_window"], server["stream_receive_window"]) == (
        1 << 20,
        1 << 20,
    )
    assert server["max_stream_reassembly"] == 1 << 20
    assert server["idle_timeout"] == 20.0
    assert (server["initial_rtt"], server["max_ack_delay"]) == (0.1, 0.025)
    assert server["ack_delay_exponent"] == 3
    assert server["probe_datagram_size"] is probes
    assert server["max_datagram_frame_size"] is server["peer_max_datagram_frame_size"] is None


class Tickets:
    """A client's access to its tickets."""

    def __init__(self) -> None:
        self.kept: list[tuple[object, object]] = []

    def keep(self, session: object, chain: object) -> None:
        self.kept.append((session, chain))


@pytest.mark.parametrize(
    ("version", "resumable", "kept"),
    [(VERSION_1, True, True), (VERSION_1, False, False), (VERSION_2, True, False)],
)
def test_only_a_ticket_that_can_be_used_is_kept(version: int, resumable: bool, kept: bool) -> None:
    tickets: Any = Tickets()
    connection: Any = object.__new__(Qh3Connection)
    connection._settings = HandshakeSettings(resumption=tickets)
    connection._version = version
    connection._tls = SimpleNamespace(
        tls=SimpleNamespace(resumable=resumable, peer_chain=(b"leaf",))
    )
    connection._keep_ticket("session")

    assert tickets.kept == ([("session", (b"leaf",))] if kept else [])
    connection._settings = HandshakeSettings()
    connection._keep_ticket("session")
