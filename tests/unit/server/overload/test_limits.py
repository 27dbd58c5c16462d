"""What the limits come to."""

import re
from pathlib import Path

from smbquic.server.overload.limits import DEFAULT_LIMITS, OPEN, Limits
from smbquic.server.overload.open_file_budget import OpenFileBudget

UNIT = Path(__file__).parents[4] / "packaging" / "smbquic.service"

SERVER = {"quic": 1, "tcp": 0, "shares": 1, "opens": 0}


def test_fewer_connections_and_smaller_buffers_need_less() -> None:
    small = Limits(connections=100, buffers=16 << 20, user_memory=1 << 20).memory(**SERVER)
    assert small < 450 << 20 < DEFAULT_LIMITS.memory(**SERVER)


def test_all_that_is_bounded_counts() -> None:
    memory = DEFAULT_LIMITS.memory(**SERVER)
    for name, count in SERVER.items():
        assert DEFAULT_LIMITS.memory(**SERVER | {name: count + 1}) > memory
    assert DEFAULT_LIMITS.memory(**SERVER | {"opens": 7}) == memory + 7 * OPEN
    assert Limits(user_memory=17 << 20).memory(**SERVER) == memory + (4 << 20)
    assert Limits(buffers=(256 << 20) + 1).memory(**SERVER) == memory + 1


def test_over_tcp_no_engine_keeps_anything() -> None:
    quic, tcp = SERVER, SERVER | {"quic": 0, "tcp": 1}
    assert DEFAULT_LIMITS.memory(**tcp) <= 1 << 30 < DEFAULT_LIMITS.memory(**quic)


def test_answers_and_requests_wait_in_a_quarter_of_a_gibibyte() -> None:
    assert Limits().buffers == 268_435_456


def test_the_unit_lets_the_server_have_what_its_limits_come_to() -> None:
    unit = dict(
        line.split("=", 1) for line in UNIT.read_text().splitlines() if re.match("[A-Z].*=", line)
    )
    assert unit["MemoryMax"].endswith("G")
    allowed = int(unit["MemoryMax"].removesuffix("G")) << 30
    opens = OpenFileBudget(int(unit["LimitNOFILE"])).total
    assert DEFAULT_LIMITS.memory(quic=1, tcp=1, shares=2, opens=opens) < allowed
