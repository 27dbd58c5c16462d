"""Requests that watch a folder, and changes that they report."""

import os
from collections.abc import Iterator
from typing import Unpack

from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.server.server import Server
from smbquic.storage import Change
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.change_notify import ChangeNotifyFlags, ChangeNotifyRequest, CompletionFilter
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, CreateOptions
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.notify_information import NotifyAction, decode_notifications
from smbquic.wire.query_info import InfoType
from smbquic.wire.set_info import SetInfoRequest
from tests.unit.server.smb_client import Client, CreateFields

ALL = 0xFFF
NAMES = CompletionFilter.FILE_NOTIFY_CHANGE_FILE_NAME | CompletionFilter.FILE_NOTIFY_CHANGE_DIR_NAME
ADDED, REMOVED = NotifyAction.FILE_ACTION_ADDED, NotifyAction.FILE_ACTION_REMOVED
MODIFIED = NotifyAction.FILE_ACTION_MODIFIED
OLD = NotifyAction.FILE_ACTION_RENAMED_OLD_NAME
NEW = NotifyAction.FILE_ACTION_RENAMED_NEW_NAME
# Nothing that stands in the way of others who rename something in the folder.
LIST = AccessMask.FILE_LIST_DIRECTORY
DIRECTORY = CreateOptions.FILE_DIRECTORY_FILE
DELETE_ON_CLOSE = CreateOptions.FILE_DELETE_ON_CLOSE


class SilentSource:
    """A source of those changes that a test gives it; it notes what it is called for."""

    behind = incomplete = False

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.calls: list[tuple[object, ...]] = []
        self._ends = os.pipe()

    def fileno(self) -> int:
        return self._ends[0]

    def cover(self, folder: str, *, recursive: bool) -> Iterator[None]:
        self.calls.append(("cover", folder, recursive))
        return iter(())

    def uncover(self, folder: str, *, recursive: bool) -> Iterator[None]:
        self.calls.append(("uncover", folder, recursive))
        return iter(())

    def moved(self, old_name: str, new_name: str) -> None:
        self.calls.append(("moved", old_name, new_name))

    def read(self, *, final: bool = False) -> list[Change]:
        found, self.changes = self.changes, []
        return found

    def follow(self) -> Iterator[None]:
        return iter(())

    def close(self) -> None:
        self.calls.append(("close",))
        for end in self._ends:
            os.close(end)


def notify(
    folder: FileId, what: int = ALL, *, size: int = 65536, tree: bool = False
) -> ChangeNotifyRequest:
    flags = ChangeNotifyFlags.WATCH_TREE if tree else 0
    return ChangeNotifyRequest(flags, size, folder, what)


def changes(response: Response) -> list[tuple[int, str]]:
    assert response.status == NtStatus.SUCCESS, response.status.label
    return [(c.action, c.file_name) for c in decode_notifications(response.body.buffer)]


def set_info(file_id: FileId, information_class: int, buffer: bytes) -> SetInfoRequest:
    return SetInfoRequest(
        info_type=InfoType.FILE,
        file_info_class=information_class,
        additional_information=0,
        file_id=file_id,
        buffer=buffer,
    )


async def watched(
    client: Client, name: str = "", *, what: int = ALL, size: int = 65536, tree: bool = False
) -> FileId:
    """A folder whose changes are kept from now on."""
    folder: FileId = await client.open(name, create_options=DIRECTORY, desired_access=LIST)
    message_id = await pending(client, notify(folder, what, size=size, tree=tree))
    client.deliver(client.protocol.cancel(message_id))
    assert (await client.answer(message_id)).status == NtStatus.CANCELLED
    return folder


def is_watched(server: Server) -> bool:
    """Return whether any folder is watched."""
    return bool(server.files.notifier._by_storage)


async def pending(client: Client, body: ChangeNotifyRequest) -> int:
    message_id: int = client.send(body)
    while message_id not in client.pending:
        await client.fetch()
    return message_id


async def make(client: Client, name: str, **fields: Unpack[CreateFields]) -> None:
    file_id = await client.open(name, **fields)
    await client.call(CloseRequest(file_id))


async def remove(client: Client, name: str, **fields: Unpack[CreateFields]) -> None:
    options = fields.pop("create_options", 0) | DELETE_ON_CLOSE
    await make(client, name, create_options=options, create_disposition=CreateDisposition.FILE_OPEN)
