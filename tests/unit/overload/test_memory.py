"""How much memory the limits come to."""

import re
from pathlib import Path

from smbquic.options.limits import DEFAULT_LIMITS, Limits
from smbquic.overload.memory import (
    CONNECTION,
    DESCRIPTORS,
    ENGINE,
    OPEN,
    PROGRAM,
    WORKER,
    memory_limit,
)
from smbquic.overload.open_file_budget import OpenFileBudget
from smbquic.storage.local.case_index import CAPACITY as NAMES
from smbquic.transport.quic.engine import SEND_MEMORY as ENGINES

UNIT = Path(__file__).parents[3] / "packaging" / "smbquic.service"

SERVER = {"quic": 1, "tcp": 0, "shares": 1, "opens": 0}


def test_fewer_connections_and_smaller_buffers_need_less() -> None:
    small = memory_limit(Limits(connections=100, buffers=16 << 20, user_memory=1 << 20), **SERVER)
    assert small < 450 << 20 < memory_limit(DEFAULT_LIMITS, **SERVER)


def test_all_that_is_bounded_counts() -> None:
    memory = memory_limit(DEFAULT_LIMITS, **SERVER)
    for name, count in SERVER.items():
        assert memory_limit(DEFAULT_LIMITS, **SERVER | {name: count + 1}) > memory
    assert memory_limit(DEFAULT_LIMITS, **SERVER | {"opens": 7}) == memory + 7 * OPEN
    assert memory_limit(Limits(user_memory=17 << 20), **SERVER) == memory + (4 << 20)
    assert memory_limit(Limits(buffers=(256 << 20) + 1), **SERVER) == memory + 1


def test_it_is_the_sum_of_its_parts() -> None:
    limits = Limits(connections=10, buffers=1000)

    parts = [
        PROGRAM,
        10 * (5 * CONNECTION + 2 * ENGINE),
        ENGINES,
        1000,
        limits.all_user_memory,
        3 * (NAMES + DESCRIPTORS),
        7 * OPEN,
    ]
    assert memory_limit(limits, quic=2, tcp=3, shares=3, opens=7) == sum(parts)


def test_worker_processes_have_programs_and_engines_of_their_own() -> None:
    limits = Limits(connections=10)
    alone = memory_limit(limits, quic=2, tcp=3, shares=1, opens=0)

    with_workers = memory_limit(limits, quic=2, tcp=3, shares=1, opens=0, workers=4)

    assert with_workers - alone == 4 * (WORKER + ENGINES) + 10 * 2 * CONNECTION - ENGINES


def test_over_tcp_no_engine_keeps_anything() -> None:
    quic, tcp = SERVER, SERVER | {"quic": 0, "tcp": 1}
    assert memory_limit(DEFAULT_LIMITS, **tcp) <= 1 << 30 < memory_limit(DEFAULT_LIMITS, **quic)


def test_answers_and_requests_wait_in_a_quarter_of_a_gibibyte() -> None:
    assert Limits().buffers == 268_435_456


def test_the_unit_lets_the_server_have_what_its_limits_come_to() -> None:
    unit = dict(
        line.split("=", 1) for line in UNIT.read_text().splitlines() if re.match("[A-Z].*=", line)
    )
    assert unit["MemoryMax"].endswith("G")
    allowed = int(unit["MemoryMax"].removesuffix("G")) << 30
    opens = OpenFileBudget(int(unit["LimitNOFILE"])).total
    assert memory_limit(DEFAULT_LIMITS, quic=1, tcp=1, shares=2, opens=opens) < allowed
