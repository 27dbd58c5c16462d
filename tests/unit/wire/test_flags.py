from smbquic.wire.flags import Flags


class Sample(Flags):
    ONE = 1
    FOUR = 4


def test_unknown_bits_are_kept() -> None:
    flags = Sample(0x80000001)
    assert flags == 0x80000001
    assert Sample.ONE in flags
    assert flags & 0x80000000
    assert not flags & Sample.FOUR


def test_what_peers_send_is_not_remembered_for_ever() -> None:
    class Many(Flags):
        ONE = 1

    for value in range(2, 5000):
        assert Many(value) == value
    assert len(Many._value2member_map_) == 1024


def test_members_outlive_a_flood() -> None:
    for value in range(5000):
        Sample(value << 4)
    assert Sample(1) is Sample.ONE
    assert Sample.ONE | Sample.FOUR == 5
    assert Sample(5).name == "ONE|FOUR"
