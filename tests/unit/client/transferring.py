"""A file for transfers to and from a fake server, and the requests that the server got."""

import os
from pathlib import Path
from typing import Any

import pytest

from smbquic.client import file as file_module
from smbquic.ntstatus import NtStatus
from smbquic.wire.close import CloseFlags, CloseResponse
from smbquic.wire.fscc.file_information import (
    FileInformationClass,
    RenameInformation,
)
from smbquic.wire.header import Command
from smbquic.wire.read import ReadResponse
from tests.unit.client.fakes import Answer, FakeServer, Received, opened

CONTENT = os.urandom(10_000)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "CHUNK", 1024)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def sets(server: FakeServer, information_class: FileInformationClass) -> list[Any]:
    return [
        body
        for body in server.bodies(Command.SET_INFO)
        if body.file_info_class == information_class
    ]


def renames(server: FakeServer) -> list[RenameInformation]:
    return [
        RenameInformation.decode(memoryview(body.buffer))
        for body in sets(server, FileInformationClass.FileRenameInformation)
    ]


def deletions(server: FakeServer) -> int:
    return len(sets(server, FileInformationClass.FileDispositionInformation))


def serve_content(server: FakeServer, content: bytes = CONTENT, claimed: int | None = None) -> None:
    """Let the server have a file, which it claims to be of another size."""

    def read(request: Received) -> Answer:
        body = request.body
        data = content[body.offset : body.offset + body.length]
        return ReadResponse(data) if data else (NtStatus.END_OF_FILE, None)

    size = len(content) if claimed is None else claimed
    server.handlers[Command.READ] = read
    server.handlers[Command.CREATE] = lambda request: opened(size)


def changed(**fields: int) -> CloseResponse:
    """Return what CLOSE says of a file that is not as `opened` has it."""
    return CloseResponse(
        flags=CloseFlags.POSTQUERY_ATTRIB,
        **{
            "end_of_file": len(CONTENT),
            "last_write_time": 116444736000000010,
            "change_time": 116444736000000000,
            **fields,
        },
    )
