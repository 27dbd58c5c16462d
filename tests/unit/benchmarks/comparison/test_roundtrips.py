from benchmarks.comparison.roundtrips import Packet, count

ROUND_TRIP = 0.1


def packets(*times: float) -> list[Packet]:
    """Positive: sent at that time. Negative: received."""
    return [Packet(abs(time), time > 0, 100) for time in times]


def test_each_answer_to_what_was_sent_is_one() -> None:
    seen = packets(1.0, -1.1, 1.101, -1.201, 1.202, -1.302)
    assert count(seen, ROUND_TRIP, until=1.302) == 3


def test_several_packets_of_one_answer_are_one() -> None:
    seen = packets(1.0, 1.001, -1.1, -1.101, -1.102, 1.103, -1.203, -1.204)
    assert count(seen, ROUND_TRIP, until=2.0) == 2


def test_what_the_server_sends_by_itself_is_none() -> None:
    seen = packets(-0.95, 1.0, -1.01, -1.05, -1.1)
    assert count(seen, ROUND_TRIP, until=2.0) == 1


def test_acknowledgements_in_between_add_none() -> None:
    # SYN, SYN-ACK, ACK, and a request a little later, whose answer comes in two parts.
    seen = packets(1.0, -1.1, 1.1001, 1.105, -1.205, 1.2051, -1.206)
    assert count(seen, ROUND_TRIP, until=1.206) == 2


def test_later_ones_do_not_count() -> None:
    seen = packets(1.0, -1.1, 1.101, -1.201)
    assert count(seen, ROUND_TRIP, until=1.1) == 1


def test_a_clock_that_is_read_late_makes_no_difference() -> None:
    seen = packets(1.0, -1.1)
    assert count(seen, ROUND_TRIP, until=1.0999) == 1


def test_nothing() -> None:
    assert count([], ROUND_TRIP, until=2.0) == 0
    assert count(packets(1.0, 1.5), ROUND_TRIP, until=2.0) == 0
