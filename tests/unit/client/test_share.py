"""A share as a program has it."""

from smbquic.client.share import Share
from tests.unit.client.fakes import FakeTransport


async def test_properties(share: Share, transport: FakeTransport) -> None:
    assert share.name == "data"
    assert share.peer is transport.peer
    assert share.session.connection is share.tree.connection
    assert share.stages is share.tree.connection.stages
    assert share.statistics() == transport.statistics()
