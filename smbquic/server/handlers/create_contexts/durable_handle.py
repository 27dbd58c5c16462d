"""SMB2_CREATE_DURABLE_HANDLE_REQUEST and _RECONNECT, of both versions.

[MS-SMB2] 2.2.13.2.3, 2.2.13.2.4, 2.2.13.2.11, 2.2.13.2.12, 3.3.5.9.6, 3.3.5.9.7, 3.3.5.9.12
"""

from collections.abc import Callable, Iterable

from smbquic.server.handlers.create_contexts.pipeline import Create, CreateContextHandler, Found
from smbquic.server.opens.durable_handles import (
    DurableHandleTable,
    make_durable,
    reconnect,
    responses,
)
from smbquic.server.opens.open import Open
from smbquic.storage import Action, FileStat
from smbquic.wire.create import OplockLevel
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import (
    CREATE_DURABLE_HANDLE_RECONNECT,
    CREATE_DURABLE_HANDLE_RECONNECT_V2,
    CREATE_DURABLE_HANDLE_REQUEST,
    CREATE_DURABLE_HANDLE_REQUEST_V2,
)
from smbquic.wire.file_id import FileId

_DURABLE = frozenset({OplockLevel.OPLOCK_LEVEL_BATCH, OplockLevel.OPLOCK_LEVEL_LEASE})


class DurableHandle(CreateContextHandler):
    """The handler that makes a new open durable, or reconnects its owner to one."""

    names = frozenset(
        {
            CREATE_DURABLE_HANDLE_REQUEST,
            CREATE_DURABLE_HANDLE_RECONNECT,
            CREATE_DURABLE_HANDLE_REQUEST_V2,
            CREATE_DURABLE_HANDLE_RECONNECT_V2,
        }
    )

    def __init__(self, durables: DurableHandleTable, next_file_id: Callable[[], FileId]) -> None:
        self._durables = durables
        self._next_file_id = next_file_id

    def find(self, create: Create) -> None:
        """See `CreateContextHandler`."""
        entry = reconnect(
            self._durables,
            create.contexts,
            create.requester,
            create.share,
            create.request.body.name,
        )
        if entry is None:
            return
        assert entry.cache.grant is not None
        sequence = create.request.header.channel_sequence
        entry.attach(create.session, create.tree, self._next_file_id().volatile, sequence)
        create.found = Found(entry, Action.OPENED, entry.cache.grant.level)

    def opened(self, create: Create, entry: Open, action: Action) -> None:
        """See `CreateContextHandler`."""
        make_durable(self._durables, entry, create.contexts, create.requester)

    def respond(self, create: Create, entry: Open, stat: FileStat) -> Iterable[CreateContext]:
        """See `CreateContextHandler`."""
        durable = entry.recovery.durable
        if durable is None or create.level not in _DURABLE:
            return ()
        return responses(durable, create.contexts)
