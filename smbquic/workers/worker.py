"""A worker: its listeners, and what the main process tells it."""

import asyncio
import logging
import os
import socket
from functools import partial
from typing import Any

from smbquic.errors import SmbError, TransportError
from smbquic.observe.audit import handshake_failure
from smbquic.overload.heap import HeapUse, keep_freed_memory, trim
from smbquic.pki import plain_values
from smbquic.protocol.settings import LOGON_SIZE
from smbquic.transport.base import ClientHello
from smbquic.transport.quic.listener import QuicListener, listen_on
from smbquic.transport.serving import MAX_REFUSING
from smbquic.workers.control import LINE_LIMIT, ControlChannel
from smbquic.workers.handing_over import HandingOver
from smbquic.workers.limiter import HandshakeLimiter
from smbquic.workers.log import ControlHandler
from smbquic.workers.settings import WorkerSettings

FIGURES_INTERVAL = 1.0
"""Seconds between two reports about refused clients and lost packets."""

_log = logging.getLogger(__name__)


async def run(control_socket: socket.socket) -> None:
    """Run a worker until the main process tells it to stop, or is gone."""
    control = await ControlChannel.open(control_socket, LINE_LIMIT)
    line = await control.receive()
    if line is None:
        return
    settings = WorkerSettings.decode(line[1])
    handler = ControlHandler(control)
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    logging.getLogger("quic").setLevel(max(settings.log_level, logging.ERROR))
    keep_freed_memory()
    worker = WorkerProgram(settings, control)
    await worker.listen()
    control.send("ready")
    try:
        while (line := await control.receive()) is not None and line[0] != "stop":
            worker.command_received(*line)
        if line is None:
            # The main process was killed. Whoever starts it again needs the port: a client that
            # takes long to receive what was sent to it would keep it for seconds.
            worker.drop()
    finally:
        await worker.close()
        logging.getLogger().removeHandler(handler)
        control.close()


class WorkerProgram:
    """The listeners of a worker process."""

    def __init__(self, settings: WorkerSettings, control: ControlChannel) -> None:
        self._settings = settings
        self._control = control
        self._limiter = HandshakeLimiter(settings.limits)
        self._sockets = socket.socket(fileno=settings.sockets)
        self._sockets.setblocking(False)
        self._handing_over = HandingOver(self._sockets, self._limiter.charge_user)
        self._heap = HeapUse()
        self._listeners: list[QuicListener] = []
        self._lost_packets: list[int] = []

    async def listen(self) -> None:
        """Accept connections on all sockets. Raises what `listen_on` raises."""
        settings = self._settings
        for number, descriptor in enumerate(settings.listeners):
            listener = await listen_on(
                socket.socket(fileno=descriptor),
                partial(self._handing_over.serve, number),
                certificate=plain_values.decode(settings.certificates),
                # The main process raises it after a logon.
                max_message_size=LOGON_SIZE,
                # The main process counts those of all workers, and tells clients beyond the limit.
                max_connections=settings.limits.connections + MAX_REFUSING,
                options=settings.options,
                limiter=self._limiter,
            )
            listener.on_failed = self._handshake_failed
            self._listeners.append(listener)
        self._figures = asyncio.create_task(self._report_figures())

    def command_received(self, what: str, value: Any) -> None:
        """Act on a command of the main process."""
        if what == "certificates":
            self._reload(value)
        elif what == "drain":
            self._limiter.closed = True
        elif what == "become" and os.geteuid() == 0:
            uid, gid, groups = value
            os.setgroups(groups)
            os.setgid(gid)
            os.setuid(uid)

    def drop(self) -> None:
        """End the connections at once."""
        for listener in self._listeners:
            listener.drop("the server has ended")

    async def close(self) -> None:
        """End the connections, and stop to listen."""
        self._figures.cancel()
        await asyncio.gather(*(each.close() for each in self._listeners))
        self._report()
        self._sockets.close()

    def _reload(self, values: list[dict[str, Any]]) -> None:
        try:
            names = plain_values.decode(values)
            for listener in self._listeners:
                listener.reload(names)
        except (SmbError, ValueError) as error:
            # The main process has tried them before.
            _log.error("the new certificates are not used: %s", error)

    def _handshake_failed(self, address: str, error: TransportError, client: ClientHello) -> None:
        records = handshake_failure(address, error, client)
        self._control.offer("handshake_failed", [(str(event), fields) for event, fields in records])

    async def _report_figures(self) -> None:
        while True:
            await asyncio.sleep(FIGURES_INTERVAL)
            self._report()
            if self._heap.update(self._handing_over.moved, 0, self._handing_over.ended):
                await asyncio.to_thread(trim)

    def _report(self) -> None:
        """Report what has changed since the last time."""
        refusals = self._limiter.collected.take()
        if refusals:
            self._control.send("refusals", refusals)
        lost_packets = [each.lost_packets for each in self._listeners]
        if lost_packets != self._lost_packets:
            self._lost_packets = lost_packets
            self._control.send("lost_packets", lost_packets)
        if self._control.lost:
            lost, self._control.lost = self._control.lost, 0
            _log.warning("%d records were lost, as the main process was busy", lost)
