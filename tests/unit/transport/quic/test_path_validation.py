"""Where a client is, and what it may be sent there."""

from smbquic.transport.quic.path_validation import PathValidator
from smbquic.transport.quic.udp import Path

# The numbers themselves, so that a change of one of them is noticed.
REMEMBERED = 8


def path(host: str, port: int = 1, source: bytes = b"") -> Path:
    return ((host, port), source)


def test_the_first_way_is_proven() -> None:
    ways = PathValidator()
    assert ways.current is None
    assert not ways.received(path("192.0.2.1"), 100)

    assert ways.validated
    assert ways.current == path("192.0.2.1")
    assert ways.may_send(10**9)


def test_another_port_of_the_same_host_is_followed_and_trusted() -> None:
    ways = PathValidator()
    ways.received(path("192.0.2.1", 1), 100)

    assert not ways.received(path("192.0.2.1", 2), 100)
    assert ways.current == path("192.0.2.1", 2)
    assert ways.validated


def test_our_own_address_may_change() -> None:
    ways = PathValidator()
    ways.received(path("192.0.2.1", 1, b"here"), 100)

    assert not ways.received(path("192.0.2.1", 1, b"there"), 100)
    assert ways.current == path("192.0.2.1", 1, b"there")


def test_another_host_gets_three_times_what_it_sent_until_it_is_proven() -> None:
    ways = PathValidator()
    ways.received(path("192.0.2.1"), 100)

    assert ways.received(path("192.0.2.2"), 100)
    assert not ways.validated
    assert ways.may_send(200)
    assert not ways.may_send(101)
    assert ways.may_send(100)
    assert not ways.may_send(1)
    assert ways.received(path("192.0.2.2"), 10)
    assert ways.may_send(30)
    ways.acknowledged()
    assert ways.validated
    assert ways.may_send(10**9)


def test_another_port_of_a_host_that_is_not_proven_is_not_trusted() -> None:
    ways = PathValidator()
    ways.received(path("192.0.2.1"), 100)
    ways.received(path("192.0.2.2", 1), 100)

    assert ways.received(path("192.0.2.2", 2), 100)
    assert not ways.validated


def test_the_way_back_needs_no_proof() -> None:
    ways = PathValidator()
    ways.received(path("192.0.2.1"), 100)
    ways.received(path("192.0.2.2"), 100)

    assert not ways.received(path("192.0.2.1"), 100)
    assert ways.validated
    assert ways.current == path("192.0.2.1")


def test_old_addresses_are_forgotten() -> None:
    ways = PathValidator()
    for number in range(REMEMBERED + 1):
        ways.received(path(f"192.0.2.{number}"), 100)
        ways.acknowledged()

    assert not ways.received(path("192.0.2.1"), 100)
    assert ways.received(path("192.0.2.0"), 100)


def test_nothing_is_proven_before_anything_was_heard() -> None:
    ways = PathValidator()
    ways.acknowledged()

    assert ways.validated
