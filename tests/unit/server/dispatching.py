"""Parts of requests, labels of responses and replaced handlers, for tests of the dispatcher."""

import pytest

from smbquic.protocol.response import Response
from smbquic.server.commands import CommandEntry
from smbquic.server.context import Handler
from smbquic.server.server import Server
from smbquic.wire.change_notify import ChangeNotifyRequest
from smbquic.wire.create import CreateOptions
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command
from tests.unit.server.smb_client import CreateFields

RELATED = FileId.RELATED
MISSING: CreateFields = {"create_disposition": 1}
DIRECTORY: CreateFields = {"create_options": CreateOptions.FILE_DIRECTORY_FILE}


def labels(responses: list[Response]) -> list[str]:
    return [response.status.label.removeprefix("STATUS_") for response in responses]


def notify(file_id: FileId) -> ChangeNotifyRequest:
    return ChangeNotifyRequest(0, 4096, file_id, 1)


def break_echo(monkeypatch: pytest.MonkeyPatch, server: Server, handle: Handler) -> None:
    """Replace the handler of ECHO."""
    entry = CommandEntry(handle, session=False, tree=False)
    monkeypatch.setitem(server.dispatcher.commands, Command.ECHO, entry)
