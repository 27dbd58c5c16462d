"""A share as a program has it."""

import pytest

from smbquic.client.share import Share
from tests.unit.client.fakes import FakeTransport


async def test_properties(share: Share, transport: FakeTransport) -> None:
    assert share.name == "data"
    assert share.peer is transport.peer
    assert share.session.connection is share.tree.connection
    assert share.stages is share.tree.connection.stages
    assert share.statistics() == transport.statistics()


def test_a_limit_of_the_rate_is_that_of_all_transfers(
    share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float | None] = []
    monkeypatch.setattr(type(share.memory), "limit_rate", lambda memory, rate: told.append(rate))
    share.limit_rate(5.0)
    share.limit_rate(None)
    assert told == [5.0, None]


async def test_an_attribute_without_a_value_is_not_set(share: Share) -> None:
    with pytest.raises(ValueError, match=r"user\.x: an empty value removes an attribute"):
        await share.setxattr("a", "user.x", b"")
