"""A session that is there again after its connection was lost.

The objects of one connection (`ClientConnection`, `Session`, `TreeConnect`) end with it: what they
know of ids means nothing on another one. So nothing here repairs them. A `Reconnector` makes new
ones, and `ShareTree` knows the newest tree connect of a share.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, TypeVar

from smbquic.client.retry import LOSSES_ALLOWED, delays
from smbquic.errors import ConnectError, ConnectionClosed, HandshakeError, ProtocolError

if TYPE_CHECKING:
    from smbquic.client.session import Session
    from smbquic.client.tree_connect import TreeConnect

FIRST_DELAY = 0.25
"""Seconds before the second attempt; half as much more or less by chance."""
LONGEST_DELAY = 5.0
"""Seconds between two attempts at most, by the same chance."""

log = logging.getLogger(__name__)
T = TypeVar("T")

LogOn = Callable[[int], Awaitable[tuple[AsyncExitStack, "Session"]]]
"""Connects and logs on, in place of the session of this id (0: of none). The stack ends it."""


class Reconnector:
    """Logs on, and does so again when the connection was lost, for `seconds` at most.

    Any number of tasks may ask for a new session at once; one attempt is made for all of them.
    """

    def __init__(self, log_on: LogOn, seconds: float) -> None:
        self._log_on = log_on
        self._seconds = seconds
        self._stack: AsyncExitStack | None = None
        self._session: Session | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._connected_at = 0.0
        self._pause = FIRST_DELAY
        """Seconds to wait if a connection is lost as soon as it was made."""

    @property
    def session(self) -> "Session":
        """The newest session; there is one after `start`."""
        assert self._session is not None
        return self._session

    async def start(self) -> None:
        """Log on for the first time. Raises what that raises; nothing is tried again."""
        self._stack, self._session = await self._log_on(0)

    async def renew(self, lost: "Session", cause: ConnectionClosed) -> "Session":
        """Return a session that is newer than the one whose connection was `lost`.

        Raises `ConnectionClosed` if the server cannot be reached in time, and at once whatever
        another attempt would not change: `AuthenticationError`, `StatusError`, `PkiError`.
        """
        if self._seconds <= 0:
            raise cause
        if self.session is lost:
            if self._renewal is None:
                self._renewal = asyncio.create_task(self._renew(cause))
                self._renewal.add_done_callback(self._renewed)
            # The attempt is for all who wait: it goes on if one of them is cancelled.
            await asyncio.shield(self._renewal)
        return self.session

    def _renewed(self, renewal: "asyncio.Task[None]") -> None:
        self._renewal = None
        if not renewal.cancelled():
            renewal.exception()  # those who wait may all have been cancelled

    async def _renew(self, cause: ConnectionClosed) -> None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._seconds
        log.info("the connection was lost, and is made again: %s", cause)
        if clock() - self._connected_at < LONGEST_DELAY:
            # A server that accepts clients and ends their connections is not to be asked at once.
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, LONGEST_DELAY)
        else:
            self._pause = FIRST_DELAY
        previous = self.session.session_id
        if self._stack is not None:
            stack, self._stack = self._stack, None
            await stack.aclose()
        for wait in delays(FIRST_DELAY, LONGEST_DELAY):
            try:
                self._stack, self._session = await self._log_on(previous)
            except (ConnectError, ConnectionClosed, HandshakeError) as error:
                # A server that ends refuses connections; what else fails in a handshake stays so.
                if isinstance(error, HandshakeError) and error.reason != "refused":
                    raise
                if clock() + wait > deadline:
                    raise ConnectionClosed(
                        f"{cause}; no new connection within {self._seconds:g} s: {error}"
                    ) from error
                log.info("another attempt in %.1f s: %s", wait, error)
                await asyncio.sleep(wait)
            else:
                self._connected_at = clock()
                log.info("connected again to %s", self._session.host)
                return

    async def close(self) -> None:
        """Log off and disconnect."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])
        if self._stack is not None:
            await self._stack.aclose()


class ShareTree:
    """The tree connect of one share: the one in use, and a new one after its connection was lost.

    Without a `reconnector`, a connection that is lost stays lost.
    """

    def __init__(
        self, session: "Session", tree: "TreeConnect", reconnector: Reconnector | None = None
    ) -> None:
        self._session = session
        self._tree = tree
        self._reconnector = reconnector
        self._renewing = asyncio.Lock()

    @property
    def session(self) -> "Session":
        """The session that the share is used in now."""
        return self._session

    @property
    def current(self) -> "TreeConnect":
        """The newest tree connect. What was opened on an older one is not open on it."""
        return self._tree

    async def renew(self, lost: "TreeConnect", cause: ConnectionClosed) -> "TreeConnect":
        """Return a tree connect on a newer connection than that of `lost`.

        Raises what `Reconnector.renew` and `Session.tree` raise.
        """
        if self._reconnector is None or isinstance(cause.__cause__, ProtocolError):
            # A server, or somebody in between, that breaks the protocol would do so again.
            raise cause
        if not lost.connection.closed:
            return lost  # it was one of several connections, and the session goes on
        async with self._renewing:
            for _ in range(LOSSES_ALLOWED):
                if self._tree is not lost:
                    return self._tree
                session = await self._reconnector.renew(self._session, cause)
                try:
                    self._tree = await session.tree(lost.name)
                except ConnectionClosed as error:
                    cause = error
                self._session = session
            raise cause

    async def repeat(self, work: Callable[["TreeConnect"], Awaitable[T]], *, repeatable: bool) -> T:
        """Return what `work` returns, which begins again if its connection is lost.

        `repeatable` says that the server may do it twice. Otherwise it is only begun again where
        nothing of it was sent.
        """
        for _ in range(LOSSES_ALLOWED):
            tree = self._tree
            try:
                return await work(tree)
            except ConnectionClosed as error:
                if error.sent and not repeatable:
                    raise unknown_outcome(error) from error
                await self.renew(tree, error)
        return await work(self._tree)


def unknown_outcome(error: ConnectionClosed) -> ConnectionClosed:
    """Return an error that says what the caller has to know: it may have been done, or not."""
    unknown = type(error)(f"{error}; whether the server has done what it was asked is not known")
    unknown.sent = True
    return unknown
