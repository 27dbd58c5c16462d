"""Limits, sizes and times of the transport, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

from importlib import import_module

import pytest

from tests.unit.numbers import defaults_of, numbers_of

RFC = {
    # [RFC8305] 5
    "HEAD_START": [0.25],
    # [RFC9000] 7.2, 17.2.2
    "MIN_INITIAL_ID_SIZE": [8],
    "MAX_CONNECTION_ID_SIZE": [20],
    # [RFC9000] 20.1
    "NO_ERROR": [0x0],
    "INTERNAL_ERROR": [0x1],
    "CRYPTO_ERROR": [0x100],
    # [RFC9000] 8.1
    "AMPLIFICATION": [3],
    # [RFC9000] 15, 17.2, and [RFC9369] 3.1
    "VERSION_1": [0x00000001],
    "VERSION_2": [0x6B3343CF],
    "VERSIONS": [(0x00000001, 0x6B3343CF)],
    "LONG_HEADER": [0x80],
    "FIXED_BIT": [0x40],
    # [RFC8446] 4.2.9, 6
    "_PSK_KE": [0],
    "_PSK_DHE_KE": [1],
    "_BAD_CERTIFICATE": [42],
    # [RFC9000] 17.2, 17.3.1
    "_LONG_ID_AT": [6],
    "_SHORT_ID_AT": [1],
    # draft-ietf-quic-load-balancers-21, 3, 5.2 and 5.4.2
    "WORKER_MASK": [0x1F],
    "MAX_WORKERS": [32],
    "UNROUTABLE": [0b111],
    "MIN_NONCE_SIZE": [4],
    "_ROTATION_SHIFT": [5],
    "_PASSES": [(1, 2, 3, 4)],
    # [MS-SMB2] 2.1
    "PREFIX_SIZE": [4],
    "LARGEST_MESSAGE": [0xFFFFFF],
    # [RFC8899] 5.1.2
    "MAX_PROBES": [3],
    "RAISE_INTERVAL": [600.0],
    # What an IPv4 datagram can hold, and the headers before it. [RFC768], [RFC791], [RFC8200]
    "LARGEST_READ": [65_535],
    "ETHERNET_MTU": [1500],
}
DOCUMENTED = {
    # docs/security.md
    "QUEUE_LIMIT": [4 << 20],
    "MAX_HEADER": [4 << 10],
    "CLIENT_TIMEOUT": [5.0],
    "_BACKLOG": [16],
    # Data out of order counts 16 times.
    "FRAGMENTS": [16],
    "HEADERS": [64],
    "LARGEST": [1500],
    "MAX_REFUSING": [256],
    "REFUSAL_TIMEOUT": [2.0],
    "REPORT_INTERVAL": [10.0],
    "UNAUTHENTICATED_LIMIT": [256 << 10],
    "UNAUTHENTICATED_WINDOW": [128 << 10],
    "SEND_MEMORY": [96 << 20],
    "RATE": [1000],
    # docs/explanation/states.md
    "FLUSH_TIMEOUT": [2.0],
    # docs/explanation/quic-engines.md
    "SOCKET_BUFFER": [4 << 20],
    "MTUS": [(9000, 8000, 4000, 2000, 1500, 1492, 1460, 1420, 1400, 1360, 1320, 1280)],
}
MEASURED = {
    "JOIN_LIMIT": [16 << 10],
    "SEND_BUFFER": [4 << 20],
    "MESSAGE_COST": [256],
    "LIMIT": [20 << 20],
    "UNUSED": [5.0],
    "QUERY_TIMEOUT": [5.0],
    "CLOSE_TIMEOUT": [5.0],
    "BACKLOG": [1024],
    "BUFFER_SIZE": [64 << 10],
    "FIRST_BUFFER": [4 << 10],
    "FLUSH_TIMEOUT": [2.0],
    "GROWTH": [4],
    "SMALL_MESSAGE": [32 << 10],
    "MARK_PERIOD": [0.01],
    "SMALLEST_MARK": [4 << 10],
    "LARGEST_MARK": [64 << 10],
    "SEND_LIMIT": [1 << 20],
    "MINIMUM_TIME": [2.0],
    "SLICE": [64 << 10],
    "SILENCE": [1.0],
    "BURST_DATAGRAMS": [16],
    "REBIND_INTERVAL": [1.0],
    "REFUSED_FOR": [2.0],
    "REMEMBERED": [8],
    "CLIENT_TICKETS": [64],
    # docs/decisions/0017-resumption-and-resets.md
    "SERVER_LIFETIME": [86400],
    "_PHRASE_LIMIT": [300],
    "ANCILLARY_SIZE": [128],
    "MAX_SEGMENTED": [64_000],
    "MAX_SEGMENTS": [60],
    "READS_PER_WAKE_UP": [16],
    "CONNECTION_ID_SIZE": [8],
    # The keys of connection IDs, and those of listeners.
    "KEY_SIZE": [16, 32],
    "_TAG_SIZE": [16],
    "FRAMING_ERROR": [1],
    "CLOCK_RESOLUTION": [0.0001],
    "RESOLUTION": [0.0001],
    "SHORTEST_INTERVAL": [0.000001],
    "LONGEST_INTERVAL": [1.0],
}
LINUX = {
    # <linux/udp.h>, <asm-generic/socket.h>, <linux/in.h>, <linux/in6.h>
    "SOL_UDP": [17],
    "UDP_SEGMENT": [103],
    "UDP_GRO": [104],
    "SO_SNDBUFFORCE": [32],
    "SO_RCVBUFFORCE": [33],
    "IP_TOS": [1],
    "IP_RECVTOS": [13],
    "IP_PKTINFO": [8],
    "IP_MTU_DISCOVER": [10],
    "IP_MTU": [14],
    "IP_PMTUDISC_PROBE": [3],
    "IPV6_MTU_DISCOVER": [23],
    "IPV6_MTU": [24],
    "IPV6_PMTUDISC_PROBE": [3],
    "IPV6_RECVPKTINFO": [49],
    "IPV6_PKTINFO": [50],
    "IPV6_RECVTCLASS": [66],
    "IPV6_TCLASS": [67],
    # [RFC3168] 5
    "ECN_MASK": [0b11],
    "SO_ATTACH_REUSEPORT_CBPF": [51],
    # <linux/bpf_common.h>
    "_LDB": [0x30],
    "_JSET": [0x45],
    "_JA": [0x05],
    "_AND": [0x54],
    "_MOD": [0x94],
    "_RET": [0x16],
}
BBR = {
    # draft-cardwell-iccrg-bbr-congestion-control-00, 4.1 to 4.3
    "STARTUP_GAIN": [2.8853900817779268],
    "DRAIN_GAIN": [0.34657359027997264],
    "WINDOW_GAIN": [2.0],
    "PROBE_GAINS": [(1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)],
    "BANDWIDTH_ROUNDS": [10],
    "RTT_LIFETIME": [10.0],
    "PROBE_RTT_TIME": [0.2],
    "MIN_DATAGRAMS": [4],
    "FULL_GROWTH": [1.25],
    "FULL_ROUNDS": [3],
    # [RFC9002] 7.2
    "INITIAL_DATAGRAMS": [10],
    "_INITIAL_RTT": [0.1],
}
AIOQUIC = {
    # docs/security.md
    "MAX_SEGMENTS": [4096],
    "MAX_UNAUTHENTICATED_SEGMENTS": [256],
    "MAX_CRYPTO_SEGMENTS": [64],
    "MAX_CRYPTO_PENDING": [64 << 10],
    "SEGMENT_COST": [128],
    "MIN_WINDOW": [2],
    "TIMEOUTS": [2],
    # [RFC9001] 6.6
    "KEY_LIFETIME": [1 << 22],
    # [RFC9000] 2.1
    "STREAM": [0],
}
QH3 = {
    "BEFORE_TRIALS": [2],
    "SEARCH_STEP": [1.0],
    "SECOND_TRIAL": [4],
    "TIMEOUTS": [2],
    "AHEAD": [128 << 10],
    # docs/security.md: 256 KiB for each connection
    "SMALLEST": [256 << 10],
    # [RFC9000] 18.2
    "ACK_DELAY_EXPONENT": [3],
    "MAX_ACK_DELAY": [0.025],
    "CONNECTION_IDS": [8],
    "LOOKS_AT": [64],
    # [RFC9000] 19.15, [RFC9001] 5.4.2
    "_FRAME_HEAD": [4],
    "_TOKEN_SIZE": [16],
    "_LONGEST_NUMBER": [4],
    "INITIAL_RTT": [0.1],
    # [RFC9001] 6.6
    "KEY_LIFETIME": [1 << 22],
    # [RFC9000] 10.2
    "CLOSED_FOR": [3],
    # An acknowledgement of one must not count for the other.
    "KEEP_ALIVE": [0],
    "VALIDATE_PATH": [1],
    # [RFC9000] 2.1
    "STREAM": [0],
}


NATIVE = {
    "MOST_IDS": [64],
    # [RFC8446] 6.2
    "_INTERNAL_ERROR": [80],
    # [RFC9000] 10.2
    "CLOSED_FOR": [3.0],
}
ENGINES = tuple(f"smbquic.transport.quic.{name}" for name in ("aioquic", "qh3", "native"))


@pytest.mark.parametrize(("name", "values"), (RFC | DOCUMENTED | MEASURED | LINUX | BBR).items())
def test_numbers(name: str, values: list[object]) -> None:
    assert numbers_of("smbquic.transport", ENGINES)[name] == values


@pytest.mark.engine("aioquic")
@pytest.mark.parametrize(("name", "values"), AIOQUIC.items())
def test_numbers_of_aioquic(name: str, values: list[object]) -> None:
    assert numbers_of(ENGINES[0])[name] == values


@pytest.mark.engine("qh3")
@pytest.mark.parametrize(("name", "values"), QH3.items())
def test_numbers_of_qh3(name: str, values: list[object]) -> None:
    assert numbers_of(ENGINES[1])[name] == values


@pytest.mark.engine("native")
@pytest.mark.parametrize(("name", "values"), NATIVE.items())
def test_numbers_of_the_native_engine(name: str, values: list[object]) -> None:
    assert numbers_of(ENGINES[2])[name] == values


@pytest.mark.parametrize(("family", "headers"), [("AF_INET", 28), ("AF_INET6", 48)])
def test_headers_of_udp(family: str, headers: int) -> None:
    interfaces = import_module("smbquic.transport.quic.interfaces")
    sizes = {each.name: size for each, size in interfaces.HEADERS.items()}
    assert sizes[family] == headers


DEFAULTS = {
    # docs/reference/configuration.md
    "QuicOptions.window": 16 << 20,
    "QuicOptions.idle_timeout": 30.0,
    "QuicOptions.keep_alive_interval": 10.0,
    "QuicOptions.handshake_timeout": 10.0,
    "QuicOptions.max_half_open": 256,
    "QuicOptions.max_half_open_of_address": 64,
    # One more, unless several are counted at once.
    "Refusals.add(count)": 1,
    "DatagramSizes.ethernet": 1472,
    **{f"{module}.connect(timeout)": 10.0 for module in ("tcp", "unix", "client")},
    **{
        f"{name}(max_message_size)": (8 << 20) + (64 << 10)
        for name in (
            *("tcp.connect", "tcp.listen", "unix.connect"),
            *("client.connect", "listener.listen", "listener.listen_on"),
        )
    },
    **{
        f"{name}(max_connections)": 4096
        for name in ("tcp.listen", "tcp.listen_on", "listener.listen", "listener.listen_on")
    },
    "ConnectionIdFormat.workers": 1,
    "hosts.host_and_port(lowest)": 1,
    "Router.__init__(id_size)": 8,
    "Connections.__init__(limit)": 4096,
    "Inbox.__init__(limit)": 4 << 20,
    "ReceiveBuffers.__init__(limit)": 20 << 20,
    "TicketCache.__init__(limit)": 64,
    "ResumableSession.is_valid": True,
    "Engine.close(application)": True,
}
DEFAULTS_OF_AIOQUIC = {"AioquicEngine.close(application)": True}
DEFAULTS_OF_QH3 = {
    "Qh3Engine.close(application)": True,
    "SendMemory.__init__(limit)": 96 << 20,
    # That of the library.
    "Qh3Context.handle_message(epoch)": -1,
}
DEFAULTS_OF_NATIVE = {"NativeEngine.close(application)": True}


def test_all_other_defaults_are_zero_or_false() -> None:
    assert defaults_of("smbquic.transport", ENGINES) == DEFAULTS


@pytest.mark.engine("aioquic")
def test_all_other_defaults_of_aioquic_are_zero_or_false() -> None:
    assert defaults_of(ENGINES[0]) == DEFAULTS_OF_AIOQUIC


@pytest.mark.engine("qh3")
def test_all_other_defaults_of_qh3_are_zero_or_false() -> None:
    assert defaults_of(ENGINES[1]) == DEFAULTS_OF_QH3


@pytest.mark.engine("native")
def test_all_other_defaults_of_the_native_engine_are_zero_or_false() -> None:
    assert defaults_of(ENGINES[2]) == DEFAULTS_OF_NATIVE
