"""Handshakes that have begun and are not over."""

from smbquic.transport.quic.half_open import HalfOpenHandshakes

# The numbers themselves, so that a change of one of them is noticed.
MINIMUM_TIME = 2.0


def test_they_are_counted_in_all_and_by_validated_address() -> None:
    handshakes = HalfOpenHandshakes[str](limit=4, limit_of_address=2)
    assert not handshakes.many
    handshakes.add("a", "192.0.2.1", 1.0)
    handshakes.add("b", "192.0.2.1", 1.0)
    assert (handshakes.many, handshakes.full) == (True, False)
    assert handshakes.full_of("192.0.2.1")
    assert not handshakes.full_of("192.0.2.2")
    handshakes.add("c", "", 1.0)
    handshakes.add("d", "", 1.0)
    assert handshakes.full
    # Addresses that are not validated may all be one attacker's, or none.
    assert not handshakes.full_of("")
    assert list(handshakes) == ["a", "b", "c", "d"]
    handshakes.remove("a")
    handshakes.remove("a")
    assert len(handshakes) == 3
    assert handshakes.addresses() == ["192.0.2.1", "", ""]
    assert not handshakes.full_of("192.0.2.1")


def test_there_are_many_from_half_the_limit_on_and_too_many_from_the_limit_on() -> None:
    handshakes = HalfOpenHandshakes[int](limit=10, limit_of_address=10)
    states = []
    for number in range(11):
        handshakes.add(number, "", 1.0)
        states.append((handshakes.many, handshakes.full))

    assert states == [(False, False)] * 4 + [(True, False)] * 5 + [(True, True)] * 2


def test_one_that_ends_counts_once_less_for_its_address() -> None:
    handshakes = HalfOpenHandshakes[str](limit=10, limit_of_address=2)
    for name in "abc":
        handshakes.add(name, "192.0.2.1", 1.0)
    handshakes.remove("a")
    assert handshakes.full_of("192.0.2.1")
    handshakes.remove("b")
    assert not handshakes.full_of("192.0.2.1")


def test_the_address_with_the_most_makes_room() -> None:
    handshakes = HalfOpenHandshakes[str](limit=3, limit_of_address=10)
    for name in "abc":
        handshakes.add(name, "192.0.2.1", 1.0)
    handshakes.add("z", "192.0.2.9", 1.0)
    assert handshakes.to_replace("192.0.2.2", 1.0) == "a"
    handshakes.remove("z")

    assert handshakes.to_replace("192.0.2.2", 1.0) == "a"
    handshakes.remove("a")
    handshakes.add("d", "192.0.2.2", 1.0)
    assert handshakes.to_replace("192.0.2.2", 1.0) is None


def test_the_oldest_makes_room_once_it_has_had_time() -> None:
    handshakes = HalfOpenHandshakes[str](limit=2, limit_of_address=10)
    handshakes.add("a", "", 1.0)
    handshakes.add("b", "192.0.2.1", 2.0)

    assert handshakes.to_replace("192.0.2.2", 1.0 + MINIMUM_TIME - 0.1) is None
    assert handshakes.to_replace("192.0.2.2", 1.0 + MINIMUM_TIME) == "a"
