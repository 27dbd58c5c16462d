"""Setting and querying the information of an open file."""

import os
from pathlib import Path
from typing import Protocol

from smbquic.ntstatus import NtStatus
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    AllInformation,
    AllocationInformation,
    BasicInformation,
    DispositionInformation,
    DispositionInformationEx,
    EndOfFileInformation,
    LinkInformation,
    ModeInformation,
    PositionInformation,
    RenameInformation,
    ValidDataLengthInformation,
)
from smbquic.wire.query_info import InfoType, QueryInfoRequest
from smbquic.wire.set_info import SetInfoRequest
from tests.unit.server.smb_client import Client

FOLDER = CreateOptions.FILE_DIRECTORY_FILE


class Information(Protocol):
    """A structure of [MS-FSCC] 2.4 or 2.5."""

    def encode(self) -> bytes:
        """Return the bytes of the structure."""


CLASSES: dict[type, int] = {
    AllocationInformation: 19,
    BasicInformation: 4,
    DispositionInformation: 13,
    DispositionInformationEx: 64,
    EndOfFileInformation: 20,
    LinkInformation: 11,
    ModeInformation: 16,
    PositionInformation: 14,
    RenameInformation: 10,
    ValidDataLengthInformation: 39,
}


async def change(client: Client, file_id: FileId, wanted: Information) -> NtStatus:
    """Sets one structure; the status that this gives."""
    return await raw(client, file_id, CLASSES[type(wanted)], wanted.encode())


async def raw(client: Client, file_id: FileId, information_class: int, buffer: bytes) -> NtStatus:
    response = await client.call(SetInfoRequest(InfoType.FILE, information_class, file_id, buffer))
    status: NtStatus = response.status
    return status


async def all_of(client: Client, file_id: FileId) -> AllInformation:
    response = await client.call(QueryInfoRequest(InfoType.FILE, 18, 1000, file_id))
    assert response.status == NtStatus.SUCCESS
    return AllInformation.decode(response.body.buffer)


async def close(client: Client, file_id: FileId) -> None:
    assert (await client.call(CloseRequest(file_id))).status == NtStatus.SUCCESS


def content(root: Path) -> dict[str, bytes]:
    """Every file below the root, and its content."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def entries(root: Path) -> list[str]:
    return [path.name for path in root.iterdir()]


def fill(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(name.encode())


def stat(path: Path) -> os.stat_result:
    return path.stat()


READONLY = BasicInformation(file_attributes=FileAttributes.READONLY)
