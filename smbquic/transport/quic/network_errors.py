"""The effects of errors that the network reports on an established connection.

They come from ICMP messages, which nothing authenticates: anybody on the path can send one. So no
single one ends a connection ([RFC8085] 5.2).
"""

import asyncio
import errno
import logging
from collections.abc import Callable
from time import monotonic

from smbquic.errors import ConnectError, ConnectionClosed, TransportError

REFUSED_FOR = 2.0
"""Seconds for which the peer's port has to be reported closed before the connection ends."""
REBIND_INTERVAL = 1.0
"""Seconds between two attempts to use another local address."""

logger = logging.getLogger(__name__)


class NetworkErrors:
    """The network errors of one connection with the peer that is called `name`.

    `refused_since` is when the peer's port was first reported closed; None again with each datagram
    from it. `ping` sends a PING, `rebind` moves the connection to another local address and raises
    `OSError` if there is none, `abort` ends the connection.
    """

    def __init__(
        self,
        name: str,
        *,
        ping: Callable[[], None],
        rebind: Callable[[], None],
        abort: Callable[[TransportError], None],
    ) -> None:
        self.refused_since: float | None = None
        self._name = name
        self._ping = ping
        self._rebind = rebind
        self._abort = abort
        self._loop = asyncio.get_running_loop()
        self._rebound_at = 0.0

    def during_handshake(self, error: OSError) -> None:
        """End a connection that was never established: the user can try again at once."""
        refused = error.errno == errno.ECONNREFUSED
        problem = "nothing listens on this UDP port" if refused else error.strerror or error
        self._abort(ConnectError(f"{self._name}: {problem}"))

    def after_handshake(self, error: OSError) -> None:
        """Go on as long as the peer may still be there."""
        if error.errno == errno.ECONNREFUSED:
            self._port_refused(monotonic())
        else:
            self._change_address(error)

    def _port_refused(self, now: float) -> None:
        if self.refused_since is None:
            self.refused_since = now
            # Probe timeouts double ([RFC9002] 6.2.1): the next packet, and with it the next report,
            # may be half a minute away.
            self._loop.call_later(REFUSED_FOR, self._ping)
        elif now - self.refused_since > REFUSED_FOR:
            self._abort(ConnectionClosed(f"{self._name} has closed its UDP port"))

    def _change_address(self, error: OSError) -> None:
        """Send from another address: this machine may have left the network of the former one."""
        now = monotonic()
        if now - self._rebound_at < REBIND_INTERVAL:
            return
        self._rebound_at = now
        logger.info("%s: %s: trying from another address", self._name, error)
        try:
            # The peer follows by the connection ID, and validates the new path ([RFC9000] 9).
            self._rebind()
        except OSError as failure:
            logger.info("%s: there is no other address: %s", self._name, failure)
