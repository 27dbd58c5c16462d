"""HTTP connections of the web listener, limited in number and time.

A client of the web listener may be anybody on this machine, and must not keep the server from its
files: not by many connections, nor by requests that never end, nor by responses that it does not
read.
"""

import asyncio
from operator import attrgetter

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 64
"""Connections at a time. For a further one, that is closed which has waited longest for its client.
"""
CLIENT_TIMEOUT = 10.0
"""Seconds in which a client has to send a whole request, and in which it has to read something."""
MAX_HEADER = 16 << 10
"""Bytes of the header of a request."""
MAX_BODY = 64 << 10
"""Bytes of the body of a request."""


class BoundedProtocol(H11Protocol):
    """One connection. `deadline` is when it is closed, as its client is waited for, or None."""

    deadline: float | None = None
    _timer: asyncio.TimerHandle | None = None
    _paused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._update()
        if len(self.connections) > MAX_CONNECTIONS:
            waiting = [
                each
                for each in self.connections
                if isinstance(each, BoundedProtocol) and each.deadline is not None
            ]
            min(waiting, key=attrgetter("deadline")).transport.abort()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        super().data_received(data)
        self._update()

    def on_response_complete(self) -> None:
        """Wait for the next request, for as long as for the first one."""
        self._stop()
        super().on_response_complete()
        self._update()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().pause_writing()
        self._paused = True
        self._update()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().resume_writing()
        self._paused = False
        self._update()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        super().connection_lost(exc)
        self._stop()

    def _update(self) -> None:
        """Start the time of the client if it is waited for, and stop it if not."""
        cycle = self.cycle
        answering = cycle is not None and not (cycle.more_body or cycle.response_complete)
        if answering and not self._paused:
            self._stop()
        elif self._timer is None and not self._lost:
            self.deadline = self.loop.time() + CLIENT_TIMEOUT
            self._timer = self.loop.call_at(self.deadline, self.transport.abort)

    @property
    def _lost(self) -> bool:
        return self not in self.connections

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.deadline = None
