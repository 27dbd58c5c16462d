"""A share that a session has connected to."""

import logging
from collections.abc import Container, Sequence

from smbquic.client import requests
from smbquic.client.channels import Channels
from smbquic.client.connection import ClientConnection
from smbquic.client.response_waiters import SendCompound, Target
from smbquic.errors import RemoteProtocolError, SmbError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.wire.error import ErrorResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command
from smbquic.wire.message import Message
from smbquic.wire.tree_connect import TreeConnectResponse
from smbquic.wire.tree_disconnect import TreeDisconnectRequest

log = logging.getLogger(__name__)

_NOTHING: frozenset[NtStatus] = frozenset()


def check(response: Response, path: str = "", accept: Container[NtStatus] = _NOTHING) -> None:
    """Raise `StatusError.of` what the server answered, unless it is a success or in `accept`.

    Raises `RemoteProtocolError` for an error that is called a success.
    """
    status = response.status
    if status in accept:
        return
    if status.is_error or status.is_warning:
        raise StatusError.of(status, Command(response.header.command).name, path)
    if isinstance(response.body, ErrorResponse):
        raise RemoteProtocolError(f"an error with the status {status.label}")


class TreeConnect:
    """Access to one share in a session. [MS-SMB2] 3.2.1.4

    `channels` and `send` are those of the session. `properties` is what the server said about the
    share.
    """

    def __init__(
        self,
        channels: Channels,
        send: SendCompound,
        name: str,
        target: Target,
        properties: TreeConnectResponse,
    ) -> None:
        self.channels = channels
        self.name = name
        self.target = target
        self.properties = properties
        self._send = send

    @property
    def connection(self) -> ClientConnection:
        """The first connection of the session; once that is closed, the tree connect is lost."""
        return self.channels.first

    async def request(
        self, body: Message, path: str = "", accept: Container[NtStatus] = _NOTHING
    ) -> Response:
        """Send one request. Raises `StatusError` for a status that is not in `accept`.

        `path` is what the error calls it.
        """
        [response] = await self._send([body], self.target)
        check(response, path, accept)
        return response

    async def compound(self, bodies: Sequence[Message]) -> list[Response]:
        """Send related requests in one message; the caller checks each response."""
        return await self._send(bodies, self.target)

    async def close(self, file_id: FileId, path: str) -> None:
        """Close what was opened here and counted by `Channels.add_open`.

        An error is only logged: at the latest, the server closes it with the connection.
        """
        self.channels.remove_open()
        if self.connection.closed:
            return
        try:
            await self.request(requests.close(file_id), path)
        except SmbError as error:
            log.debug("%s: not closed: %s", path, error)

    async def disconnect(self) -> None:
        """Disconnect from the share, which closes all that is open in it. [MS-SMB2] 2.2.11"""
        await self.request(TreeDisconnectRequest())
