"""The opens of applications that fail over from one machine to another.

[MS-SMB2] 3.3.5.9.13

A cluster starts an application again on another machine when the first one is lost. What it had
open there is closed when it opens the file again: it need not wait for the time-out of those opens.
The same is true of a client that was killed and is started again.
"""

from collections.abc import Callable, Mapping

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.opens.open import Open
from smbquic.server.opens.open_parts import AppInstance, Requester
from smbquic.server.security import access
from smbquic.server.security.accounts import Token
from smbquic.server.security.descriptor_cache import Descriptors
from smbquic.server.security.rights import granted
from smbquic.server.share import ServedShare
from smbquic.storage.names import fold
from smbquic.wire.create_contexts import (
    CREATE_APP_INSTANCE_ID,
    CREATE_APP_INSTANCE_VERSION,
    CREATE_DURABLE_HANDLE_REQUEST_V2,
    AppInstanceId,
    AppInstanceVersion,
)
from smbquic.wire.negotiate import Dialect


def app_instance_of(contexts: Mapping[bytes, bytes], requester: Requester) -> AppInstance | None:
    """Return the application that a CREATE names; only 3.1.1 allows it without a durable open."""
    data = contexts.get(CREATE_APP_INSTANCE_ID)
    if data is None or not requester.is_smb3:
        return None
    # [MS-SMB2] 3.3.5.9, Successful Open Initialization: Open.AppInstanceId
    newest = requester.dialect == Dialect.SMB_3_1_1
    if not newest and CREATE_DURABLE_HANDLE_REQUEST_V2 not in contexts:
        return None
    version = None
    data_of_version = contexts.get(CREATE_APP_INSTANCE_VERSION)
    if newest and data_of_version is not None:
        body = AppInstanceVersion.decode(data_of_version)
        version = body.app_instance_version_high, body.app_instance_version_low
    instance_id = AppInstanceId.decode(data).app_instance_id
    return AppInstance(instance_id, version, requester.identity, requester.client_guid)


MayRead = Callable[[Open], bool]


class AppInstanceTable:
    """The opens of every application that has sent its id, by that id."""

    def __init__(self) -> None:
        self._opens: dict[bytes, list[Open]] = {}

    def __len__(self) -> int:
        return len(self._opens)

    def add(self, entry: Open, app_instance: AppInstance) -> None:
        """Add a new open of an application."""
        entry.recovery.app_instance = app_instance
        self._opens.setdefault(app_instance.instance_id, []).append(entry)

    def remove(self, entry: Open) -> None:
        """Remove an open that is being closed."""
        app_instance = entry.recovery.app_instance
        assert app_instance is not None
        opens = self._opens[app_instance.instance_id]
        opens.remove(entry)
        if not opens:
            del self._opens[app_instance.instance_id]

    def take_over(
        self, app_instance: AppInstance, share: ServedShare, name: str, may_read: MayRead
    ) -> None:
        """Close what the application has open of that name from another machine.

        Opens of other users, and of files that the user may not read, stay: an id is no password.
        StatusError FILE_FORCED_CLOSED if the other machine has the newer version of the
        application.
        """
        for entry in list(self._opens.get(app_instance.instance_id, ())):
            former = entry.recovery.app_instance
            assert former is not None
            # Opens of the same client are its own to close: only those of another machine are in
            # the way. Those of another user stay although [MS-SMB2] would close them for whoever
            # may read the file: ids are not secret, and an upload would end with an error.
            if (
                former.client_guid == app_instance.client_guid
                or former.owner != app_instance.owner
                or entry.owner.tree.share is not share
                or fold(entry.file.name) != fold(name)
            ):
                continue
            # The cluster counts versions up at each fail-over. So this request is from a machine
            # that has lost the application already: it must not take the files from where the
            # application runs now.
            if former.version is not None and (
                app_instance.version is None or former.version >= app_instance.version
            ):
                raise StatusError(NtStatus.FILE_FORCED_CLOSED, "CREATE", name)
            if may_read(entry):
                entry.close()


def may_read(descriptors: Descriptors, token: Token, entry: Open) -> bool:
    """Return whether a user may read the file of an open, whoever opened it."""
    descriptor = descriptors.effective(entry.storage, entry.file)
    rights = access.ALL if descriptor is None else granted(descriptor, token)
    return rights & access.READ == access.READ
