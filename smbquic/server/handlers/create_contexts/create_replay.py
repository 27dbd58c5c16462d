"""The create GUID of SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2: a CREATE that is sent again.

[MS-SMB2] 2.2.13.2.11, 3.3.5.9.10
"""

from contextlib import AbstractContextManager

from smbquic.server.handlers.create_contexts.pipeline import Create, CreateContextHandler, Found
from smbquic.server.opens.create_replay import CreateReplayTable, create_guid_of
from smbquic.server.opens.open import Open
from smbquic.server.opens.oplocks import level_of
from smbquic.storage import Action
from smbquic.wire.create_contexts import CREATE_DURABLE_HANDLE_REQUEST_V2


class CreateReplay(CreateContextHandler):
    """The handler that finds what a CREATE opened when it came for the first time."""

    names = frozenset({CREATE_DURABLE_HANDLE_REQUEST_V2})

    def __init__(self, replays: CreateReplayTable) -> None:
        self._replays = replays

    def prepare(self, create: Create) -> None:
        """See `CreateContextHandler`."""
        entry = self._replays.find(
            create.request,
            create_guid_of(create.contexts),
            create.requester,
            create.session,
            create.lease,
        )
        if entry is not None:
            first = entry.recovery.create
            assert first is not None
            create.found = Found(entry, first.action, level_of(entry.cache.grant, create.level))

    def waiting(self, create: Create) -> AbstractContextManager[None]:
        """See `CreateContextHandler`."""
        create_guid = create_guid_of(create.contexts)
        return self._replays.waiting(create.request, create_guid, create.requester)

    def opened(self, create: Create, entry: Open, action: Action) -> None:
        """See `CreateContextHandler`."""
        create_guid = create_guid_of(create.contexts)
        self._replays.add(entry, create_guid, create.requester, action)
