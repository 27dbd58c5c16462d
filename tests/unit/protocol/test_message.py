"""How a transport message is taken apart. [MS-SMB2] 2.2.1, 3.3.4.1.3"""

import pytest

from smbquic.errors import WireError
from smbquic.protocol.message import MAX_COMPOUND, elements
from smbquic.wire.header import Command, Header


def element(number: int, following: int, length: int = 64) -> bytes:
    header = Header(Command.ECHO, message_id=number)
    header.next_command = following
    return header.encode().ljust(length, bytes([number]))


def test_one_element_is_the_whole_message() -> None:
    message = memoryview(element(1, 0, 77))
    [(header, raw)] = elements(message)
    assert (header.message_id, raw) == (1, message)


@pytest.mark.parametrize("size", [64, 72, 128])
def test_each_element_ends_where_the_next_one_begins(size: int) -> None:
    message = memoryview(element(1, size, size) + element(2, 64) + element(3, 0, 70))
    found = [(header.message_id, bytes(raw)) for header, raw in elements(message)]
    assert found == [
        (1, element(1, size, size)),
        (2, element(2, 64)),
        (3, element(3, 0, 70)),
    ]


@pytest.mark.parametrize("size", [1, 8, 56, 65, 68, 71, 136, 1 << 31])
def test_a_chain_that_does_not_hold(size: int) -> None:
    message = memoryview(element(1, size) + element(2, 0))
    with pytest.raises(WireError, match=f"claims {size} bytes"):
        list(elements(message))


def test_nothing_follows_the_last_byte() -> None:
    # It claims to end where the message does: there is no header behind it.
    with pytest.raises(WireError):
        list(elements(memoryview(element(1, 128, 128))))


@pytest.mark.parametrize("number", [MAX_COMPOUND, MAX_COMPOUND + 1])
def test_how_long_a_chain_may_be(number: int) -> None:
    message = memoryview(element(1, 64) * (number - 1) + element(2, 0))
    if number == 64:
        assert len(list(elements(message))) == 64
    else:
        with pytest.raises(WireError, match="more than 64 elements"):
            list(elements(message))
