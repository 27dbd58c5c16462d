"""Limits, sizes and times of the transport, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

from importlib import import_module

import pytest

RFC = {
    # [RFC8305] 5
    "addresses.HEAD_START": 0.25,
    # [RFC9000] 7.2, 17.2.2
    "quic.packet.MIN_INITIAL_ID_SIZE": 8,
    "quic.packet.MAX_CONNECTION_ID_SIZE": 20,
    # [RFC9000] 20.1
    "quic.engine.NO_ERROR": 0x0,
    "quic.engine.INTERNAL_ERROR": 0x1,
    "quic.engine.CRYPTO_ERROR": 0x100,
    # [RFC9000] 8.1
    "quic.path_validation.AMPLIFICATION": 3,
    # [RFC8899] 5.1.2
    "quic.mtu.MAX_PROBES": 3,
    "quic.mtu.RAISE_INTERVAL": 600.0,
    # What an IPv4 datagram can hold, and the headers before it. [RFC768], [RFC791], [RFC8200]
    "quic.udp.LARGEST_READ": 65_535,
    "quic.udp.ETHERNET_MTU": 1500,
}
DOCUMENTED = {
    # docs/security.md
    "framing.QUEUE_LIMIT": 4 << 20,
    "serving.MAX_REFUSING": 256,
    "serving.REFUSAL_TIMEOUT": 2.0,
    "refusals.REPORT_INTERVAL": 10.0,
    "quic.unauthenticated.UNAUTHENTICATED_LIMIT": 256 << 10,
    "quic.engine.UNAUTHENTICATED_WINDOW": 128 << 10,
    "quic.engine.SEND_MEMORY": 96 << 20,
    "quic.stateless_reset.RATE": 1000,
    "quic.tickets.SERVER_TICKETS": 4096,
    # docs/explanation/states.md
    "quic.connection.FLUSH_TIMEOUT": 2.0,
    # docs/explanation/quic-engines.md
    "quic.udp.SOCKET_BUFFER": 4 << 20,
}
MEASURED = {
    "framing.JOIN_LIMIT": 16 << 10,
    "framing.MESSAGE_COST": 256,
    "receive_buffers.LIMIT": 20 << 20,
    "receive_buffers.UNUSED": 5.0,
    "resolver.QUERY_TIMEOUT": 5.0,
    "serving.CLOSE_TIMEOUT": 5.0,
    "tcp.BACKLOG": 1024,
    "tcp.BUFFER_SIZE": 64 << 10,
    "tcp.FIRST_BUFFER": 4 << 10,
    "tcp.FLUSH_TIMEOUT": 2.0,
    "tcp.GROWTH": 4,
    "tcp.SMALL_MESSAGE": 32 << 10,
    "quic.flow_control.SEND_LIMIT": 1 << 20,
    "quic.half_open.MINIMUM_TIME": 2.0,
    "quic.inbound.SLICE": 64 << 10,
    "quic.keep_alive.SILENCE": 1.0,
    "quic.pacing.BURST_DATAGRAMS": 16,
    "quic.network_errors.REBIND_INTERVAL": 1.0,
    "quic.network_errors.REFUSED_FOR": 2.0,
    "quic.path_validation.REMEMBERED": 8,
    "quic.tickets.CLIENT_TICKETS": 64,
    "quic.tls._PHRASE_LIMIT": 300,
    "quic.udp.ANCILLARY_SIZE": 128,
    "quic.udp.MAX_SEGMENTED": 64_000,
    "quic.udp.MAX_SEGMENTS": 60,
    "quic.udp.READS_PER_WAKE_UP": 16,
}
BBR = {
    # draft-cardwell-iccrg-bbr-congestion-control-00, 4.1 to 4.3
    "STARTUP_GAIN": 2.8853900817779268,
    "DRAIN_GAIN": 0.34657359027997264,
    "WINDOW_GAIN": 2.0,
    "PROBE_GAINS": (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    "BANDWIDTH_ROUNDS": 10,
    "RTT_LIFETIME": 10.0,
    "PROBE_RTT_TIME": 0.2,
    "MIN_DATAGRAMS": 4,
    "FULL_GROWTH": 1.25,
    "FULL_ROUNDS": 3,
    # [RFC9002] 7.2
    "INITIAL_DATAGRAMS": 10,
}
AIOQUIC = {
    # docs/security.md
    "reassembly.MAX_SEGMENTS": 4096,
    "reassembly.MAX_UNAUTHENTICATED_SEGMENTS": 256,
    "reassembly.MAX_CRYPTO_SEGMENTS": 64,
    "reassembly.MAX_CRYPTO_PENDING": 64 << 10,
    "reassembly.SEGMENT_COST": 128,
    "path_mtu.MIN_WINDOW": 2,
    "path_mtu.TIMEOUTS": 2,
}
QH3 = {
    # docs/security.md: data out of order counts 16 times
    "receive_estimate.FRAGMENTS": 16,
    "receive_estimate.HEADERS": 64,
    "receive_estimate.LARGEST": 1500,
    "path_mtu.BEFORE_TRIALS": 2,
    "path_mtu.SEARCH_STEP": 1.0,
    "path_mtu.SECOND_TRIAL": 4,
    "path_mtu.TIMEOUTS": 2,
    "send_queue.AHEAD": 128 << 10,
    # docs/security.md: 256 KiB for each connection
    "send_queue.SMALLEST": 256 << 10,
    # [RFC9000] 18.2
    "connection.ACK_DELAY_EXPONENT": 3,
    "connection.MAX_ACK_DELAY": 0.025,
    "connection.CONNECTION_IDS": 8,
    "connection.INITIAL_RTT": 0.1,
}


def number(name: str) -> object:
    module, _, constant = name.rpartition(".")
    return getattr(import_module(f"smbquic.transport.{module}"), constant)


@pytest.mark.parametrize(("name", "value"), (RFC | DOCUMENTED | MEASURED).items())
def test_numbers(name: str, value: object) -> None:
    assert number(name) == value


@pytest.mark.parametrize(("name", "value"), BBR.items())
def test_numbers_of_bbr(name: str, value: object) -> None:
    assert number(f"quic.bbr.{name}") == value


@pytest.mark.engine("aioquic")
@pytest.mark.parametrize(("name", "value"), AIOQUIC.items())
def test_numbers_of_aioquic(name: str, value: object) -> None:
    assert number(f"quic.aioquic.{name}") == value


@pytest.mark.engine("qh3")
@pytest.mark.parametrize(("name", "value"), QH3.items())
def test_numbers_of_qh3(name: str, value: object) -> None:
    assert number(f"quic.qh3.{name}") == value


@pytest.mark.parametrize(("family", "headers"), [("AF_INET", 28), ("AF_INET6", 48)])
def test_headers_of_udp(family: str, headers: int) -> None:
    udp = import_module("smbquic.transport.quic.udp")
    sizes = {each.name: size for each, size in udp.HEADERS.items()}
    assert sizes[family] == headers
