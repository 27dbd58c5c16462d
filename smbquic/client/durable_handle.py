"""Durable handles: opens that a server keeps while their client is away. [MS-SMB2] 3.2.4.3.8

A server keeps an open only as long as nobody else needs the file otherwise, so it grants a durable
handle together with a lease on handles ([MS-SMB2] 3.3.5.9.10). The client caches nothing and gives
the lease back as soon as the server asks (`LeaseBreaks`).
"""

import os
from dataclasses import replace

from smbquic.client.tree_connect import TreeConnect
from smbquic.wire.create import CreateRequest, CreateResponse, OplockLevel
from smbquic.wire.create_context import CreateContext, find
from smbquic.wire.create_contexts import (
    CREATE_DURABLE_HANDLE_REQUEST_V2,
    DurableHandleReconnectV2,
    DurableHandleRequestV2,
    LeaseState,
    LeaseV2,
)
from smbquic.wire.file_id import FileId
from smbquic.wire.negotiate import Dialect, GlobalCapabilities

_STATE = LeaseState.READ_CACHING | LeaseState.HANDLE_CACHING


def has_durable_handles(tree: TreeConnect) -> bool:
    """Return whether the server may grant durable handles of version 2, and leases."""
    protocol = tree.connection.protocol
    if protocol.server is None or protocol.dialect is None:
        return False
    leasing = protocol.server.capabilities & GlobalCapabilities.LEASING
    return protocol.dialect >= Dialect.SMB_3_0 and bool(leasing)


class DurableHandleKeys:
    """The keys of one durable open: the GUID that finds it again, and the key of its lease.

    Each open has its own: a GUID stands for one CREATE.
    """

    def __init__(self) -> None:
        self.lease_key = os.urandom(16)
        self._create_guid = os.urandom(16)

    def request(self, opening: CreateRequest) -> CreateRequest:
        """Return a CREATE that asks for it. The server chooses how long it keeps the open."""
        durable = DurableHandleRequestV2(timeout=0, flags=0, create_guid=self._create_guid)
        return self._with(opening, durable.context())

    def reconnect(self, opening: CreateRequest, file_id: FileId) -> CreateRequest:
        """Return a CREATE that takes the open over, of the id that it had. [MS-SMB2] 3.2.4.4"""
        durable = DurableHandleReconnectV2(file_id, self._create_guid)
        # Everything else is what the server knows already, so nothing else is asked for.
        return self._with(replace(opening, contexts=[]), durable.context())

    def _with(self, opening: CreateRequest, durable: CreateContext) -> CreateRequest:
        lease = LeaseV2(self.lease_key, _STATE)
        return replace(
            opening,
            requested_oplock_level=OplockLevel.OPLOCK_LEVEL_LEASE,
            contexts=[*opening.contexts, durable, lease.context()],
        )

    @staticmethod
    def is_granted(opened: CreateResponse) -> bool:
        """Return whether the response to `request` grants it."""
        return find(opened.contexts, CREATE_DURABLE_HANDLE_REQUEST_V2) is not None
