"""Create contexts of macOS, compared with those of smbd 4.22 with vfs_fruit on the wire."""

import pytest

from smbquic.server.handlers.create_contexts.aapl import answer
from smbquic.wire.aapl import AaplServerQueryRequest
from smbquic.wire.create_context import CreateContext, find
from tests.unit.server.smb_client import Client

EVERYTHING = bytes.fromhex("010000000000000007000000000000000500000000000000")
VOLUME = bytes.fromhex("010000000000000002000000000000000700000000000000")
# The answers of an smbd with `fruit:time machine`, which besides promises finder information in
# listings, UNIX modes in descriptors and being a UNIX: 0x0d in place of 0.
TO_EVERYTHING = bytes.fromhex(
    "01000000000000000700000000000000"
    "0d00000000000000"
    "0400000000000000"
    "00000000100000004d0061006300530061006d0062006100"
)
TO_VOLUME = bytes.fromhex("010000000000000002000000000000000400000000000000")


def test_as_samba_answers() -> None:
    ours = TO_EVERYTHING[:16] + bytes(8) + TO_EVERYTHING[24:]
    assert answer(EVERYTHING) == CreateContext(b"AAPL", ours)
    assert answer(VOLUME) == CreateContext(b"AAPL", TO_VOLUME)


@pytest.mark.parametrize("bitmap", range(8))
def test_what_was_asked_for_and_no_more(bitmap: int) -> None:
    data = bytes(answer(AaplServerQueryRequest(bitmap, 0).encode()).data)
    assert int.from_bytes(data[8:16], "little") == bitmap


async def test_a_create_is_answered_with_it(client: Client) -> None:
    response = await client.create("x", contexts=[CreateContext(b"AAPL", VOLUME)])
    assert find(response.body.contexts, b"AAPL") == TO_VOLUME
