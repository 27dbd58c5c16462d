from datetime import UTC, datetime, timedelta, timezone

import pytest

from smbquic.client.share import Share
from smbquic.client.timewarp import timewarp
from smbquic.ntstatus import NtStatus
from smbquic.wire.create_context import find
from smbquic.wire.create_contexts import CREATE_TIMEWARP_TOKEN, TimewarpToken
from smbquic.wire.dtyp.filetime import to_unix_ns
from smbquic.wire.header import Command
from tests.unit.client.fakes import FakeServer

MOMENT = datetime(2024, 1, 2, 3, 4, 5, 999, tzinfo=UTC)


@pytest.mark.parametrize("moment", [MOMENT, MOMENT.astimezone(timezone(timedelta(hours=5)))])
def test_the_time_is_in_whole_seconds(moment: datetime) -> None:
    token = TimewarpToken.decode(timewarp(moment).data)
    assert to_unix_ns(token.timestamp) == 1_704_164_645 * 10**9


def test_a_time_without_a_zone_is_none() -> None:
    with pytest.raises(ValueError, match="time zone"):
        timewarp(datetime(2024, 1, 2))


async def test_a_version_is_opened_listed_and_described(share: Share, server: FakeServer) -> None:
    server.handlers[Command.QUERY_DIRECTORY] = lambda request: (NtStatus.NO_MORE_FILES, None)
    async with share.open("x", snapshot=MOMENT):
        pass
    await share.stat("x", snapshot=MOMENT)
    assert [entry async for entry in share.scandir("x", snapshot=MOMENT)] == []
    await share.stat("x")
    tokens = [find(body.contexts, CREATE_TIMEWARP_TOKEN) for body in server.bodies(Command.CREATE)]
    assert tokens == [timewarp(MOMENT).data] * 3 + [None]
