"""The keys that listeners on one port share."""

from smbquic.transport.quic.listener_keys import ListenerKeys


def test_keys_are_made_unless_they_are_given() -> None:
    one, two = ListenerKeys(), ListenerKeys()
    made = {one.address_validation, one.tickets, two.address_validation, two.tickets}
    assert len(made) == 4
    assert {len(each) for each in made} == {32}
    assert one.stateless_resets is None


def test_keys_are_not_shown() -> None:
    keys = ListenerKeys(address_validation=b"one", tickets=b"two", stateless_resets=b"three")
    assert repr(keys) == "ListenerKeys()"
