"""Extended attributes, as a client uses them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.opens import extended_attributes
from smbquic.server.opens.extended_attributes import MAX_COUNT, decode_eas, decode_names, store
from smbquic.storage.local import xattrs
from smbquic.wire.create import CreateDisposition, CreateOptions
from smbquic.wire.create_context import CreateContext
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.directory_information import decode_entries
from smbquic.wire.fscc.extended_attributes import (
    FullEaInformation,
    decode_full_eas,
    encode_full_eas,
    encode_get_eas,
)
from smbquic.wire.fscc.file_information import EaInformation, FileInformationClass
from smbquic.wire.query_directory import QueryDirectoryRequest
from smbquic.wire.query_info import InfoType, QueryInfoFlags, QueryInfoRequest
from smbquic.wire.set_info import SetInfoRequest
from tests.unit.server.smb_client import Client, Connect, ServerWith

D = CreateDisposition
FULL = FileInformationClass.FileFullEaInformation
RESTART = QueryInfoFlags.SL_RESTART_SCAN
Pairs = list[tuple[bytes, bytes]]

TWO: Pairs = [(b"EAONE", b"VALUE1"), (b"SECONDEA", b"ValueTwo")]


def pack(pairs: Pairs) -> bytes:
    return encode_full_eas(FullEaInformation(name, value) for name, value in pairs)


def exta(pairs: Pairs) -> list[CreateContext]:
    return [CreateContext(b"ExtA", pack(pairs))]


async def query(
    client: Client,
    file_id: FileId,
    room: int = 4096,
    names: list[bytes] | None = None,
    flags: int = 0,
) -> Any:
    asked = b"" if names is None else encode_get_eas(names)
    return await client.call(
        QueryInfoRequest(InfoType.FILE, FULL, room, file_id, input_buffer=asked, flags=flags)
    )


async def pairs(client: Client, file_id: FileId, **options: Any) -> Pairs:
    response = await query(client, file_id, **options)
    assert response.status in (NtStatus.SUCCESS, NtStatus.BUFFER_OVERFLOW), response.status.label
    return [(ea.ea_name, ea.ea_value) for ea in decode_full_eas(response.body.buffer)]


async def change(client: Client, file_id: FileId, wanted: Pairs) -> NtStatus:
    response = await client.call(SetInfoRequest(InfoType.FILE, FULL, file_id, pack(wanted)))
    status: NtStatus = response.status
    return status


async def size(client: Client, file_id: FileId) -> int:
    kind = FileInformationClass.FileEaInformation
    response = await client.call(QueryInfoRequest(InfoType.FILE, kind, 4, file_id))
    return EaInformation.decode(response.body.buffer).ea_size


async def test_they_are_set_and_read(client: Client, root: Path) -> None:
    file_id = await client.open("file")
    assert (await query(client, file_id)).status == NtStatus.NO_EAS_ON_FILE
    assert await size(client, file_id) == 0

    assert await change(client, file_id, TWO) == NtStatus.SUCCESS

    assert await pairs(client, file_id) == TWO
    assert os.getxattr(root / "file", "user.EAONE") == b"VALUE1"
    assert await size(client, file_id) == 41
    assert await change(client, file_id, [(b"eaone", b""), (b"SecondEA", b"new")]) == 0
    assert await pairs(client, file_id, flags=RESTART) == [(b"SECONDEA", b"new")]


async def test_programs_of_the_server_may_set_them(client: Client, root: Path) -> None:
    file_id = await client.open("file")
    os.setxattr(root / "file", "user.comment", b"hello")

    assert await pairs(client, file_id) == [(b"comment", b"hello")]
    assert await size(client, file_id) == 4 + 5 + 7 + 5


async def test_they_come_bit_by_bit(client: Client) -> None:
    file_id = await client.open("file")
    await change(client, file_id, TWO)
    one = len(pack(TWO[:1]))

    first = await query(client, file_id, room=one)
    assert first.status == NtStatus.BUFFER_OVERFLOW
    assert await pairs(client, file_id, room=100) == TWO[1:]
    assert (await query(client, file_id)).status == NtStatus.NO_MORE_EAS
    small = await query(client, file_id, room=one - 1, flags=RESTART)
    assert small.status == NtStatus.BUFFER_TOO_SMALL
    assert await pairs(client, file_id, flags=RESTART) == TWO


async def test_some_of_them_can_be_asked_for(client: Client) -> None:
    file_id = await client.open("file")
    await change(client, file_id, TWO)

    asked = await pairs(client, file_id, names=[b"secondea", b"missing"])

    assert asked == [(b"SECONDEA", b"ValueTwo"), (b"missing", b"")]
    assert await pairs(client, file_id) == TWO
    for bad in (b"x", b"\0\0\0\0\x01\xff\0"):
        request = QueryInfoRequest(InfoType.FILE, FULL, 100, file_id, input_buffer=bad)
        assert (await client.call(request)).status == NtStatus.EA_LIST_INCONSISTENT


async def test_listings_tell_their_size(client: Client) -> None:
    await change(client, await client.open("file"), TWO)
    folder = await client.open("", create_options=CreateOptions.FILE_DIRECTORY_FILE)

    response = await client.call(QueryDirectoryRequest(37, folder, "file", 4096))

    assert decode_entries(37, response.body.buffer)[0].ea_size == 41


@pytest.mark.parametrize(
    ("disposition", "before", "expected"),
    [
        (D.FILE_CREATE, False, TWO),
        (D.FILE_OPEN_IF, False, TWO),
        (D.FILE_OPEN_IF, True, [(b"OLD", b"1")]),
        (D.FILE_OPEN, True, [(b"OLD", b"1")]),
        (D.FILE_OVERWRITE, True, TWO),
        (D.FILE_SUPERSEDE, True, TWO),
    ],
)
async def test_what_is_made_gets_them(
    client: Client, disposition: int, before: bool, expected: Pairs
) -> None:
    if before:
        await client.open("file", contexts=exta([(b"OLD", b"1")]))

    file_id = await client.open("file", create_disposition=disposition, contexts=exta(TWO))

    assert await pairs(client, file_id) == expected


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ([(b"a=b", b"1")], NtStatus.INVALID_EA_NAME),
        ([(b"", b"1")], NtStatus.INVALID_EA_NAME),
        ([(b"a", b"1"), (b"\xff", b"1")], NtStatus.INVALID_EA_NAME),
        ([(b"a", b"1"), (b"DOSATTRIB", b"1")], NtStatus.ACCESS_DENIED),
        ([(b"a", b"1"), (b"smbquic.sd", b"1")], NtStatus.ACCESS_DENIED),
        ([(b"a", bytes(60_000)), (b"b", bytes(6000))], NtStatus.EA_TOO_LARGE),
    ],
)
async def test_what_cannot_be_set(
    client: Client, root: Path, wanted: Pairs, status: NtStatus
) -> None:
    file_id = await client.open("file")

    assert await change(client, file_id, wanted) == status
    assert (await query(client, file_id)).status == NtStatus.NO_EAS_ON_FILE
    response = await client.create("new", contexts=exta(wanted))
    assert response.status == status
    assert not (root / "new").exists()


async def test_a_disk_that_takes_less(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = await client.open("file")

    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "setxattr", fill)
    assert await change(client, file_id, TWO) == NtStatus.EA_TOO_LARGE


async def test_other_failures_are_told_as_they_are(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await client.open("file")

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "setxattr", fail)
    assert await change(client, file_id, TWO) == NtStatus.IO_DEVICE_ERROR


async def test_a_disk_without_room_for_them(
    connect: Connect,
    server_with: ServerWith,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(xattrs, "SUPPORTED", False)
    client = await connect(to=server_with())
    file_id = await client.open("file")

    assert await change(client, file_id, TWO) == NtStatus.EAS_NOT_SUPPORTED
    assert (await query(client, file_id)).status == NtStatus.NO_EAS_ON_FILE
    response = await client.create("new", contexts=exta(TWO))
    assert response.status == NtStatus.EAS_NOT_SUPPORTED
    assert not (root / "new").exists()


async def test_who_knows_nothing_of_them_sends_none(client: Client) -> None:
    options = CreateOptions.FILE_NO_EA_KNOWLEDGE
    response = await client.create("file", create_options=options, contexts=exta(TWO))

    assert response.status == NtStatus.ACCESS_DENIED


async def test_access(client: Client) -> None:
    await client.open("file", contexts=exta(TWO))
    reader = await client.open("file", desired_access=0x8)
    writer = await client.open("file", desired_access=0x10)

    assert await change(client, reader, TWO) == NtStatus.ACCESS_DENIED
    assert (await query(client, writer)).status == NtStatus.ACCESS_DENIED
    assert await change(client, writer, TWO) == NtStatus.SUCCESS
    assert await pairs(client, reader) == TWO


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"x", NtStatus.EA_LIST_INCONSISTENT),
        (FullEaInformation(b"a", b"1", 0x80).encode(), NtStatus.INVALID_EA_FLAG),
        (FullEaInformation(b"\x80", b"1").encode(), NtStatus.INVALID_EA_NAME),
    ],
)
def test_lists_that_are_none(data: bytes, status: NtStatus) -> None:
    with pytest.raises(StatusError) as caught:
        decode_eas(data, "SET_INFO")

    assert caught.value.status == status
    assert caught.value.command == "SET_INFO"


def test_names_keep_their_case() -> None:
    packed = list(extended_attributes.encode_eas([("Comment", b"x")]))

    assert packed == [FullEaInformation(b"Comment", b"x")]


class StubFile:
    """A file of any storage, with the attributes that it was given."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def extended_attributes(self) -> list[tuple[str, bytes]]:
        return list(self.kept.items())

    def set_extended_attributes(self, changes: Sequence[tuple[str, bytes]]) -> None:
        self.kept.update(changes)


def test_a_file_has_as_many_attributes_as_a_list_and_no_more() -> None:
    file: Any = StubFile()
    some = [(f"EA{number}", b"v") for number in range(MAX_COUNT - 1)]
    store(file, some, "SET_INFO")
    store(file, [("EA0", b"w"), ("LAST", b"v")], "SET_INFO")
    assert len(file.kept) == MAX_COUNT

    with pytest.raises(StatusError) as caught:
        store(file, [("MORE", b"v")], "SET_INFO")
    assert caught.value.status == NtStatus.EA_TOO_LARGE
    assert len(file.kept) == MAX_COUNT


def test_so_many_names_can_be_asked_for() -> None:
    names = [b"%d" % number for number in range(MAX_COUNT + 1)]

    found = decode_names(encode_get_eas(names[:MAX_COUNT]), "QUERY_INFO")

    assert found == [name.decode() for name in names[:MAX_COUNT]]
    with pytest.raises(StatusError) as refused:
        decode_names(encode_get_eas(names), "QUERY_INFO")
    assert refused.value.status == NtStatus.EA_LIST_INCONSISTENT
