"""Applications that move from one machine to another, with what they have open.

[MS-SMB2] 3.3.5.9.13

A cluster starts an application anew elsewhere when the machine that it ran on is lost. What the
lost one had open is closed for it, so that it need not wait until the server gives up on that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.security import access
from smbquic.server.security.rights import granted
from smbquic.storage.names import fold
from smbquic.wire.create_contexts import (
    CREATE_APP_INSTANCE_ID,
    CREATE_APP_INSTANCE_VERSION,
    CREATE_DURABLE_HANDLE_REQUEST_V2,
    AppInstanceId,
    AppInstanceVersion,
)
from smbquic.wire.negotiate import Dialect

if TYPE_CHECKING:
    from smbquic.server.context import Context
    from smbquic.server.opens.open import Open


@dataclass(frozen=True, slots=True)
class AppInstance:
    """Who opened a file: the application's own id and version, and the machine it runs on."""

    instance_id: bytes
    version: tuple[int, int] | None
    client_guid: bytes


def named(context: Context, contexts: Mapping[bytes, bytes]) -> AppInstance | None:
    """The application that a CREATE names; only 3.1.1 lets it do so without a durable open."""
    data = contexts.get(CREATE_APP_INSTANCE_ID)
    negotiated = context.connection.protocol.negotiated
    assert negotiated is not None
    if data is None or not negotiated.is_smb3:
        return None
    newest = negotiated.dialect == Dialect.SMB_3_1_1
    if not newest and CREATE_DURABLE_HANDLE_REQUEST_V2 not in contexts:
        return None
    version = None
    data_of_version = contexts.get(CREATE_APP_INSTANCE_VERSION)
    if newest and data_of_version is not None:
        body = AppInstanceVersion.decode(data_of_version)
        version = body.app_instance_version_high, body.app_instance_version_low
    instance_id = AppInstanceId.decode(data).app_instance_id
    return AppInstance(instance_id, version, context.connection.protocol.client_guid)


class AppInstanceTable:
    """The opens of every application that has named itself."""

    def __init__(self) -> None:
        self._opens: dict[bytes, list[Open]] = {}

    def __len__(self) -> int:
        return len(self._opens)

    def add(self, entry: Open, application: AppInstance) -> None:
        """Takes in a new open of an application."""
        entry.application = application
        self._opens.setdefault(application.instance_id, []).append(entry)

    def remove(self, entry: Open) -> None:
        """Forgets an open, as it is being closed."""
        application = entry.application
        assert application is not None
        opens = self._opens[application.instance_id]
        opens.remove(entry)
        if not opens:
            del self._opens[application.instance_id]

    def take_over(self, context: Context, application: AppInstance, name: str) -> None:
        """Closes what the application has open of that name from another machine.

        But not what the user may not read: an id is no password. StatusError FILE_FORCED_CLOSED if
        that is a newer one, or may be.
        """
        for entry in list(self._opens.get(application.instance_id, ())):
            former = entry.application
            assert former is not None
            if (
                former.client_guid == application.client_guid
                or entry.tree.share is not context.tree.share
                or fold(entry.file.name) != fold(name)
            ):
                continue
            if former.version is not None and (
                application.version is None or former.version >= application.version
            ):
                raise StatusError(NtStatus.FILE_FORCED_CLOSED, "CREATE", name)
            if _may_read(context, entry):
                entry.close()


def _may_read(context: Context, entry: Open) -> bool:
    descriptor = context.server.descriptors.effective(entry.tree.storage, entry.file)
    rights = access.ALL if descriptor is None else granted(descriptor, context.session.token)
    return rights & access.READ == access.READ
