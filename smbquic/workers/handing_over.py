"""Hands the connections of a worker over to the main process, and forwards their messages."""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter

from smbquic.errors import ConnectionClosed, RemoteProtocolError, TransportError
from smbquic.transport.base import MessageTransport
from smbquic.transport.receive_buffers import ReceiveBuffers
from smbquic.workers.link import WorkerLink
from smbquic.workers.records import encode_peer

REPORT_INTERVAL = 0.1
"""Seconds between two reports about the progress of a connection that moves something."""
CHECK_ALL = 10
"""Reports of the moving connections until all of them are looked at: once a second."""

logger = logging.getLogger(__name__)


class ProgressReporter:
    """Reports how far the messages of the connections have got, as long as there are any."""

    def __init__(self) -> None:
        self._links: dict[WorkerLink, None] = {}
        self._moving: dict[WorkerLink, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._round = 0

    def add(self, link: WorkerLink) -> None:
        """Report about a connection from now on."""
        self._links[link] = None
        if self._timer is None:
            self._schedule()

    def remove(self, link: WorkerLink) -> None:
        """Report nothing more about a connection."""
        del self._links[link]
        self._moving.pop(link, None)

    def moved(self, link: WorkerLink, message: memoryview) -> None:
        """Report soon about a connection, as a message of it was forwarded."""
        self._moving[link] = None
        link.moved(message)

    def report(self) -> None:
        """Report about the connections that move something, and now and then about all."""
        self._round = (self._round + 1) % CHECK_ALL
        # A client that has begun a message without going on shows only when all are looked at.
        looked_at = list(self._moving if self._round else self._links)
        self._moving = dict.fromkeys(link for link in looked_at if link.report())

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(REPORT_INTERVAL, self._run)

    def _run(self) -> None:
        self._timer = None
        if self._links:
            # First, so that a bug in one report does not end all others.
            self._schedule()
            self.report()


class HandingOver:
    """What a worker does with an accepted connection.

    The main process receives the socket of each on `sockets`. `charge` is called with the seconds
    that a message has taken. `moved` counts the bytes of all messages, `ended` the connections that
    have ended.
    """

    def __init__(self, sockets: socket.socket, charge: Callable[[float], object]) -> None:
        self._sockets = sockets
        self._charge = charge
        self._reporter = ProgressReporter()
        self._buffers = ReceiveBuffers()
        self.moved = self.ended = 0

    async def serve(self, listener: int, client: MessageTransport) -> None:
        """Serve one connection of a listener, by its number, to its end."""
        try:
            link = await self._hand_over(listener, client)
        except OSError as error:
            logger.warning("%s:%d cannot be handed over: %s", *client.peer.remote, error)
            return
        self._reporter.add(link)
        requests = asyncio.create_task(self._forward_requests(client, link))
        try:
            await self._forward_responses(link, client)
            if link.close_reason is not None:
                client.close(link.close_reason)
                await client.wait_closed()
        finally:
            self._reporter.remove(link)
            requests.cancel()
            await asyncio.gather(requests, return_exceptions=True)
            link.close()
            self.ended += 1

    async def _hand_over(self, listener: int, client: MessageTransport) -> WorkerLink:
        """Give the main process one end of a new pair of sockets. Raises `OSError`."""
        here, there = socket.socketpair()
        try:
            with there:
                socket.send_fds(self._sockets, [bytes([listener])], [there.fileno()])
            here.setblocking(False)
            _, link = await asyncio.get_running_loop().create_unix_connection(
                lambda: WorkerLink(client, self._buffers), sock=here
            )
        except OSError:
            here.close()
            raise
        link.send_now(encode_peer(client.peer))
        link.report()
        return link

    async def _forward_requests(self, client: MessageTransport, link: WorkerLink) -> None:
        charge = self._charge
        while True:
            try:
                message = await client.receive()
            except (TransportError, RemoteProtocolError) as error:
                link.client_ended(error)
                return
            started = perf_counter()
            self._count(link, message)
            sent = link.send_now(message)
            charge(perf_counter() - started)
            if not sent:
                try:
                    await link.send(message)
                except ConnectionClosed:
                    return

    async def _forward_responses(self, link: WorkerLink, client: MessageTransport) -> None:
        """Forward messages until the main process has closed or dropped the connection."""
        charge = self._charge
        while True:
            try:
                message = await link.receive()
            except (TransportError, RemoteProtocolError):
                return
            started = perf_counter()
            sent = client.send_now(message)
            self._count(link, message)
            charge(perf_counter() - started)
            if not sent:
                # To a client that has disconnected nothing can be sent; the main process knows.
                with suppress(ConnectionClosed):
                    await client.send(message)

    def _count(self, link: WorkerLink, message: memoryview) -> None:
        self.moved += len(message)
        self._reporter.moved(link, message)
