"""Two clients that cache, and see each other's changes all the same. [MS-SMB2] 3.3.1.4, 3.3.4.7"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Unpack

import pytest

import smbquic
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.pki import PkiDirectory
from smbquic.server.opens.cache_states import HANDLE, NOTHING, READ, WRITE
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, CreateOptions
from smbquic.wire.create_context import find
from smbquic.wire.create_contexts import CREATE_REQUEST_LEASE, LeaseFlags, LeaseV2, decode_lease
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest
from smbquic.wire.fscc.file_information import FileInformationClass, RenameInformation
from smbquic.wire.oplock_break import LeaseBreakAcknowledgment, NotifyBreakLeaseFlags
from smbquic.wire.query_info import InfoType
from smbquic.wire.read import ReadRequest
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteRequest
from tests.integration.caching import PASSWORD, Caching, caching
from tests.unit.server.smb_client import CreateFields
from tests.urls import share_url

RH, RWH = READ | HANDLE, READ | WRITE | HANDLE
ONE, TWO, FOLDER = b"1" * 16, b"2" * 16, b"F" * 16
MUST_ANSWER = NotifyBreakLeaseFlags.ACK_REQUIRED

Connect = Callable[[], Awaitable[Caching]]


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture(params=["tcp", "quic"])
async def connect(
    request: pytest.FixtureRequest, tmp_path: Path, pki: PkiDirectory, limits: Limits
) -> AsyncIterator[Connect]:
    """Connects another client over the transport of the test."""
    async with AsyncExitStack() as stack:
        serving = await stack.enter_async_context(
            smbquic.serve(
                {"data": tmp_path},
                {"alice": PASSWORD},
                [f"{request.param}://localhost:0"],
                certificate=pki.server.certificate,
                key=pki.server.key,
                limits=limits,
            )
        )
        url = share_url(request.param, serving.listeners[0].rpartition(":")[2])

        async def connected() -> Caching:
            return await stack.enter_async_context(caching(url, pki.ca))

        yield connected


async def opened(
    client: Caching,
    name: str,
    lease: LeaseV2 | None = None,
    granted: int = NOTHING,
    **fields: Unpack[CreateFields],
) -> FileId:
    """Opens something with a lease, of which this much is granted."""
    response = await client.create(name, *([lease.context()] if lease else []), **fields)
    assert response.status == NtStatus.SUCCESS, response.status.label
    if lease is not None:
        data = find(response.body.contexts, CREATE_REQUEST_LEASE)
        assert data is not None
        assert decode_lease(data).lease_state == granted
    file_id: FileId = response.body.file_id
    return file_id


async def content(client: Caching, file_id: FileId) -> bytes:
    return bytes((await client.call(ReadRequest(100, 0, file_id))).body.data)


async def give_up(client: Caching, key: bytes, left: int) -> None:
    response = await client.call(LeaseBreakAcknowledgment(key, left))
    assert response.status == NtStatus.SUCCESS


async def test_two_edit_one_file(connect: Connect) -> None:
    one, two = await connect(), await connect()
    ones = await opened(one, "file", LeaseV2(ONE, RWH), RWH)
    cached = b"written by one, and nobody knows"

    opening = asyncio.create_task(opened(two, "file", LeaseV2(TWO, RWH), RH))
    notice = await one.notice()
    assert (notice.lease_key, notice.current_lease_state, notice.new_lease_state) == (ONE, RWH, RH)
    assert notice.flags == MUST_ANSWER
    assert not opening.done()
    assert (await one.call(WriteRequest(0, ones, cached))).status == NtStatus.SUCCESS
    assert (await one.call(FlushRequest(ones))).status == NtStatus.SUCCESS
    assert not opening.done()
    await give_up(one, ONE, RH)
    twos = await opening
    assert await content(two, twos) == cached

    # Both may cache what they read now, until one of them writes.
    assert (await two.call(WriteRequest(0, twos, b"two was here"))).status == NtStatus.SUCCESS
    notice = await one.notice()
    assert (notice.current_lease_state, notice.new_lease_state) == (RH, NOTHING)
    await give_up(one, ONE, NOTHING)
    assert (await content(one, ones)).startswith(b"two was here")
    assert one.connection.notices.empty()
    assert two.connection.notices.empty()


async def test_who_renames_waits_for_who_keeps_it_open(connect: Connect, tmp_path: Path) -> None:
    one, two = await connect(), await connect()
    ones = await opened(one, "file", LeaseV2(ONE, RH), RH)
    twos = await opened(two, "file")
    rename = SetInfoRequest(
        InfoType.FILE,
        FileInformationClass.FileRenameInformation,
        twos,
        RenameInformation("renamed", False).encode(),
    )
    renaming = asyncio.create_task(two.call(rename))
    notice = await one.notice()
    assert notice.new_lease_state == READ
    assert (tmp_path / "file").exists()
    assert (await one.call(CloseRequest(ones))).status == NtStatus.SUCCESS
    assert (await renaming).status == NtStatus.SUCCESS
    assert (tmp_path / "renamed").exists()


async def test_who_leaves_without_a_word_is_not_waited_for(connect: Connect) -> None:
    one, two = await connect(), await connect()
    await opened(one, "file", LeaseV2(ONE, RWH), RWH)
    opening = asyncio.create_task(opened(two, "file"))
    await one.notice()
    await one.connection.close()
    await opening


@pytest.mark.parametrize("limits", [Limits(break_seconds=0.2)])
async def test_who_never_answers_loses_it_all(connect: Connect, limits: Limits) -> None:
    one, two = await connect(), await connect()
    ones = await opened(one, "file", LeaseV2(ONE, RWH), RWH)
    twos = await opened(two, "file", LeaseV2(TWO, RWH), RH)
    assert (await one.notice()).flags == MUST_ANSWER
    late = await one.call(LeaseBreakAcknowledgment(ONE, RH))
    assert late.status == NtStatus.UNSUCCESSFUL
    # The open itself goes on, and gets no more notifications as it may cache nothing.
    assert (await one.call(WriteRequest(0, ones, b"late"))).status == NtStatus.SUCCESS
    assert (await two.notice()).new_lease_state == NOTHING
    assert await content(two, twos) == b"late"
    assert one.connection.notices.empty()


async def test_a_folder_that_somebody_else_changes_is_not_cached(connect: Connect) -> None:
    one, two = await connect(), await connect()
    folder: CreateFields = {"create_options": CreateOptions.FILE_DIRECTORY_FILE}
    await opened(one, "folder", LeaseV2(FOLDER, RH), RH, **folder)
    # Its own changes are no news to it.
    parent = LeaseV2(ONE, RH, LeaseFlags.PARENT_LEASE_KEY_SET, FOLDER)
    await opened(one, "folder\\own", parent, RH)
    # Looking at what is there changes nothing, either.
    await opened(two, "folder\\own", create_disposition=CreateDisposition.FILE_OPEN)
    assert one.connection.notices.empty()
    await opened(two, "folder\\other")
    notice = await one.notice()
    assert (notice.lease_key, notice.new_lease_state) == (FOLDER, NOTHING)


TURNS = 8
"""How often each of several clients counts up."""


async def test_what_several_count_up_in_their_caches_is_counted(
    connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "counter").write_bytes(bytes(8))
    clients = [await connect() for _ in range(4)]
    left = len(clients)

    async def count(client: Caching, key: bytes) -> None:
        nonlocal left
        turns = 0
        while turns < TURNS:
            response = await client.create("counter", LeaseV2(key, RWH).context())
            assert response.status == NtStatus.SUCCESS
            data = find(response.body.contexts, CREATE_REQUEST_LEASE)
            assert data is not None
            file_id = response.body.file_id
            if decode_lease(data).lease_state & WRITE:
                value = int.from_bytes(await content(client, file_id), "little")
                if left > 1:
                    assert (await client.notice()).lease_key == key
                changed = WriteRequest(0, file_id, (value + 1).to_bytes(8, "little"))
                assert (await client.call(changed)).status == NtStatus.SUCCESS
                turns += 1
                # Whoever opens it next knows that nobody comes after him.
                left -= turns == TURNS
            await client.call(CloseRequest(file_id))
            while not client.connection.notices.empty():
                client.connection.notices.get_nowait()

    keys = [bytes([number]) * 16 for number in range(1, 5)]
    await asyncio.gather(*map(count, clients, keys))
    value = int.from_bytes((tmp_path / "counter").read_bytes(), "little")
    assert value == len(clients) * TURNS
