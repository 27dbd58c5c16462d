"""The limits for what a client may send before it has logged on, and what it is charged for."""

from collections.abc import Callable
from functools import partial
from time import monotonic, perf_counter

from smbquic.errors import ConnectionClosed
from smbquic.transport.addresses import endpoint
from smbquic.transport.quic.udp import Path
from smbquic.transport.refusals import ListenerRefusal
from smbquic.transport.serving import Limiter

UNAUTHENTICATED_LIMIT = 256 << 10
"""Bytes of datagrams that a client may send before it has logged on. Without losses a logon takes
10 KiB."""


class UnauthenticatedClient:
    """A client before its logon: its datagrams are scheduled, and its address is charged for them.

    `process` is called with the time after an engine was given a datagram. Nothing is done any more
    once `is_over` returns True.
    """

    def __init__(
        self, limiter: Limiter, process: Callable[[float], None], is_over: Callable[[], bool]
    ) -> None:
        self._limiter = limiter
        self._process = process
        self._is_over = is_over
        self._received = 0

    def schedule(self, size: int, path: Path, receive: Callable[[float], object]) -> bool:
        """Call `receive`, for `size` bytes, when the limiter schedules it.

        Return whether the client may send so much.
        """
        self._received += size
        if self._received > UNAUTHENTICATED_LIMIT:
            return False
        host, _ = endpoint(path[0])
        self._limiter.postpone(host, size, partial(self._receive, receive))
        return True

    def refused(self, name: str) -> ConnectionClosed:
        """Count a refusal, as the client has sent more than it may; return the connection's end."""
        self._limiter.refusals.add(ListenerRefusal.TOO_MUCH, name)
        return ConnectionClosed(f"{name} {ListenerRefusal.TOO_MUCH.text}")

    def _receive(self, receive: Callable[[float], object]) -> None:
        if self._is_over():
            # The connection has ended while the datagram waited.
            return
        started, now = perf_counter(), monotonic()
        receive(now)
        self._process(now)
        self._limiter.charge(perf_counter() - started)

    def charge(self, work: Callable[[], None]) -> None:
        """Do what no datagram asks for, such as sending again, and charge the client for it."""
        started = perf_counter()
        work()
        self._limiter.charge(perf_counter() - started)
