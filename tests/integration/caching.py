"""A client that caches and comes back: leases, durable opens and sessions of before, over sockets.

What `smbquic.connect` gives does none of that, so requests are made one by one here.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Unpack

from smbquic.auth.credentials import Credentials
from smbquic.client.connection import ClientConnection
from smbquic.client.session import Session
from smbquic.client.transports import client_tls, connect_transport
from smbquic.client.tree_connect import TreeConnect
from smbquic.client.url import SmbUrl
from smbquic.errors import SmbError
from smbquic.options.client import TrustOptions
from smbquic.protocol.message import UNSOLICITED
from smbquic.protocol.response import Response
from smbquic.protocol.settings import ClientSettings
from smbquic.wire.create import (
    OplockLevel,
)
from smbquic.wire.create_context import CreateContext
from smbquic.wire.message import Message
from tests.unit.server.smb_client import CreateFields, create

PASSWORD = "secret"


class Listening(ClientConnection):
    """Keeps what the server sends unasked."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.notices: asyncio.Queue[Any] = asyncio.Queue()

    def _deliver(self, response: Response) -> None:
        if response.message_id == UNSOLICITED:
            self.notices.put_nowait(response.body)
        else:
            super()._deliver(response)


class Caching:
    """A client with a tree of its own."""

    def __init__(self, tree: TreeConnect) -> None:
        self.tree = tree
        assert isinstance(tree.connection, Listening)
        self.connection = tree.connection

    @property
    def session_id(self) -> int:
        """Return the session id that a reconnect names."""
        session = self.tree.target.session
        assert session is not None
        return session.id

    async def notice(self) -> Any:
        """The next of what the server sends unasked, or has sent."""
        return await asyncio.wait_for(self.connection.notices.get(), 20)

    async def call(self, body: Message) -> Response:
        """Whatever comes of a request."""
        return await self.connection.request(body, self.tree.target)

    async def create(
        self, name: str, *others: CreateContext, **fields: Unpack[CreateFields]
    ) -> Response:
        """A CREATE of what is made where it is missing; with contexts, it asks for a lease."""
        level = OplockLevel.OPLOCK_LEVEL_LEASE if others else OplockLevel.OPLOCK_LEVEL_NONE
        values: CreateFields = {"requested_oplock_level": level, "contexts": list(others)}
        values.update(fields)
        return await self.call(create(name, **values))


@asynccontextmanager
async def caching(
    url: str, ca: Path, client_guid: bytes | None = None, *, previous_session_id: int = 0
) -> AsyncIterator[Caching]:
    """Connect to a share, as a client that may have been there before."""
    where = SmbUrl.parse(url)
    transport = await connect_transport(where, tls=client_tls(TrustOptions(ca=ca)))
    settings = ClientSettings(client_guid=client_guid or os.urandom(16))
    connection = await Listening.open(transport, settings, server_name=where.host)
    try:
        assert where.user is not None
        credentials = Credentials(where.user, where.password or PASSWORD)
        session = await Session.logon(
            connection, credentials, host=where.host, previous_session_id=previous_session_id
        )
        yield Caching(await session.tree(where.share))
    finally:
        with suppress(SmbError):
            await connection.close()
