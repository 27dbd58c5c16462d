"""The opens of a cached file on the server: how many, and what each is good for."""

import pytest

from smbquic.client.cache.server_opens import ServerOpens
from smbquic.client.leases import HANDLE, READ, OpenLease
from smbquic.client.opening import FileMode
from smbquic.client.share import Share
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import ConnectionClosed, DeniedError
from smbquic.ntstatus import NtStatus
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateDisposition
from smbquic.wire.header import Command
from tests.unit.client.cache.leasing import LeasingServer
from tests.unit.client.fakes import Answer, Received

READING, WRITING, APPENDING = map(FileMode.parse, ("rb", "r+b", "ab"))
OPEN = CreateDisposition.FILE_OPEN


@pytest.fixture
def opens(share: Share, leasing: LeasingServer) -> ServerOpens:
    leasing.files["a"] = bytearray(b"content")
    return ServerOpens(share, OpenLease(READ | HANDLE))


def refuse_reading_writers(leasing: LeasingServer) -> None:
    create = leasing.fake.handlers[Command.CREATE]
    both = AccessMask.FILE_READ_DATA | AccessMask.FILE_WRITE_DATA

    def refuse(request: Received) -> Answer:
        if request.body.desired_access & both == both:
            return NtStatus.ACCESS_DENIED, None
        return create(request)

    leasing.fake.handlers[Command.CREATE] = refuse


async def test_one_that_writes_reads_too(opens: ServerOpens, leasing: LeasingServer) -> None:
    assert not opens.is_open
    writer = await opens.acquire("a", APPENDING, OPEN)
    assert opens.reading is opens.writing is opens.any is writer
    for mode in (READING, WRITING, APPENDING):
        assert await opens.acquire("a", mode, OPEN) is None
    await opens.close()
    assert not opens.is_open
    assert leasing.fake.commands() == ["CREATE", "CLOSE"]


async def test_one_that_only_reads_stays_beside_one_that_writes(
    opens: ServerOpens, leasing: LeasingServer
) -> None:
    reader = await opens.acquire("a", READING, OPEN)
    assert reader is not None
    assert opens.reading is opens.any is reader
    await opens.flush()
    writer = await opens.acquire("a", WRITING, OPEN)
    assert writer is not None
    assert opens.reading is opens.any is writer
    await opens.flush()
    opens.renamed("b")
    assert (reader.path, writer.path) == ("b", "b")
    await opens.close()
    assert leasing.fake.commands() == ["CREATE", "CREATE", "FLUSH", "CLOSE", "CLOSE"]
    assert reader.closed
    assert writer.closed


async def test_who_may_only_write(opens: ServerOpens, leasing: LeasingServer) -> None:
    refuse_reading_writers(leasing)
    with pytest.raises(DeniedError):
        await opens.acquire("a", WRITING, OPEN)
    assert not opens.is_open
    writer = await opens.acquire("a", APPENDING, OPEN)
    reader = await opens.acquire("a", READING, OPEN)
    assert reader is not writer
    assert opens.reading is reader
    assert opens.writing is opens.any is writer
    await opens.close()


async def test_what_went_with_its_connection_is_not_opened_to_be_closed(
    opens: ServerOpens, leasing: LeasingServer, share: Share
) -> None:
    await opens.acquire("a", WRITING, OPEN)
    await share.tree.connection.close()
    renewed: list[TreeConnect] = []

    async def renew(tree: TreeConnect, cause: ConnectionClosed) -> TreeConnect:
        renewed.append(tree)
        raise cause

    share.share_tree.renew = renew  # type: ignore[assignment,method-assign]
    await opens.close()
    assert renewed == []
    assert not opens.is_open
    assert leasing.fake.commands() == ["CREATE"]
