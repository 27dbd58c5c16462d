"""The limits that a running server may change."""

from smbquic.options.limits import FIXED_LIMITS, Limits, replaceable


def test_a_running_server_keeps_what_its_listeners_and_threads_have() -> None:
    assert set(FIXED_LIMITS) == {"connections", "half_open", "half_open_of_address", "threads"}
    running, others = Limits(connections=7, opens=8), Limits(connections=9, opens=10)
    assert replaceable(others, running) == Limits(connections=7, opens=10)
