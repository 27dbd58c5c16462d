"""Durable handles: opens that a server keeps while their client is away. [MS-SMB2] 3.2.4.3.8

A server keeps an open only as long as nobody else needs the file otherwise, so it grants a durable
handle together with a lease on handles ([MS-SMB2] 3.3.5.9.10).
"""

import os
from dataclasses import replace

from smbquic.client.leases import HANDLE, READ, OpenLease, grants_leases
from smbquic.client.tree_connect import TreeConnect
from smbquic.wire.create import CreateRequest, CreateResponse
from smbquic.wire.create_context import CreateContext, find
from smbquic.wire.create_contexts import (
    CREATE_DURABLE_HANDLE_REQUEST_V2,
    DurableHandleReconnectV2,
    DurableHandleRequestV2,
)
from smbquic.wire.file_id import FileId
from smbquic.wire.negotiate import GlobalCapabilities


def has_durable_handles(tree: TreeConnect) -> bool:
    """Return whether the server may grant durable handles of version 2, and leases."""
    return grants_leases(tree, GlobalCapabilities.LEASING)


class DurableHandleKeys:
    """The keys of one durable open: the GUID that finds it again, and the key of its lease.

    Each open has its own GUID, which stands for one CREATE. Without a `lease`, it has one of its
    own, under which nothing is cached.
    """

    def __init__(self, lease: OpenLease | None = None) -> None:
        self.lease = OpenLease(READ | HANDLE) if lease is None else lease
        self._create_guid = os.urandom(16)

    def request(self, tree: TreeConnect, opening: CreateRequest) -> CreateRequest:
        """Return a CREATE that asks for it. The server chooses how long it keeps the open."""
        durable = DurableHandleRequestV2(timeout=0, flags=0, create_guid=self._create_guid)
        return self._with(tree, opening, durable.context())

    def reconnect(
        self, tree: TreeConnect, opening: CreateRequest, file_id: FileId
    ) -> CreateRequest:
        """Return a CREATE that takes the open over, of the id that it had. [MS-SMB2] 3.2.4.4"""
        durable = DurableHandleReconnectV2(file_id, self._create_guid)
        # Everything else is what the server knows already, so nothing else is asked for.
        return self._with(tree, replace(opening, contexts=[]), durable.context())

    def _with(
        self, tree: TreeConnect, opening: CreateRequest, durable: CreateContext
    ) -> CreateRequest:
        contexts = [*opening.contexts, durable]
        return self.lease.request(tree, replace(opening, contexts=contexts))

    @staticmethod
    def is_granted(opened: CreateResponse) -> bool:
        """Return whether the response to `request` grants it."""
        return find(opened.contexts, CREATE_DURABLE_HANDLE_REQUEST_V2) is not None
