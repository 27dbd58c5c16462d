"""Messages to a client that answer no request, such as the break of an oplock."""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from smbquic.protocol.server import ServerProtocol
from smbquic.protocol.session import ServerSession
from smbquic.wire.cursor import Buffer
from smbquic.wire.message import Message


class NotificationQueue:
    """The notifications of one connection, which are sent in their order.

    `unsent` are those that were not sent yet. `spawn` runs what sends them, by `send`.
    """

    def __init__(
        self,
        protocol: ServerProtocol,
        send: Callable[[list[Buffer]], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self.unsent: deque[tuple[ServerSession, Message]] = deque()
        self._protocol = protocol
        self._send = send
        self._spawn = spawn
        self._sending = False

    def add(self, session: ServerSession, body: Message) -> None:
        """Send a notification in a session, as long as that is valid."""
        self.unsent.append((session, body))
        if not self._sending:
            self._sending = True
            self._spawn(self._send_all())

    async def _send_all(self) -> None:
        try:
            while self.unsent:
                session, body = self.unsent[0]
                if session.is_valid:
                    await self._send(self._protocol.unsolicited(session, body))
                self.unsent.popleft()
        finally:
            self._sending = False
