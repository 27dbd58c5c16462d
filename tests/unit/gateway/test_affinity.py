"""Which back end a client was on."""

from smbquic.gateway.affinity import NO_GUID, AffinityTable
from tests.unit.clock import Clock

GUID = bytes(range(16))


def test_a_client_is_remembered_in_its_pool_for_a_while() -> None:
    clock = Clock()
    table = AffinityTable(10.0, clock)
    table.note("nas", GUID, "tcp://a:445")
    assert table.find("nas", GUID) == "tcp://a:445"
    assert table.find("other", GUID) is None
    clock.advance(9.0)
    table.note("nas", GUID, "tcp://b:445")
    clock.advance(9.0)
    assert table.find("nas", GUID) == "tcp://b:445"
    clock.advance(1.0)
    assert table.find("nas", GUID) is None


def test_old_entries_make_room() -> None:
    clock = Clock()
    table = AffinityTable(10.0, clock, most=3)
    for number in range(5):
        table.note("nas", number.to_bytes(16, "big") if number else GUID, "tcp://a:445")
    assert len(table) == 3
    assert table.find("nas", GUID) is None
    clock.advance(11.0)
    table.note("nas", GUID, "tcp://a:445")
    assert len(table) == 1


def test_a_client_without_an_id_is_not_remembered() -> None:
    table = AffinityTable(10.0)
    table.note("nas", NO_GUID, "tcp://a:445")
    AffinityTable(0.0).note("nas", GUID, "tcp://a:445")
    assert len(table) == 0
