"""A worker process, as the main process sees it: started, listened to, and started again."""

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from smbquic.errors import RemoteProtocolError, TransportError
from smbquic.lazy_dataclass import dataclass
from smbquic.observe.audit import AuditEvent, AuditLog
from smbquic.observe.process_usage import processor_seconds, resident
from smbquic.overload.refusals import ServerRefusal
from smbquic.transport.receive_buffers import ReceiveBuffers
from smbquic.transport.refusals import ListenerRefusal, Refusal, Refusals
from smbquic.workers import log
from smbquic.workers.control import ControlChannel
from smbquic.workers.listener import WorkerListener
from smbquic.workers.settings import WorkerSettings
from smbquic.workers.transport import HandedOverTransport

PEER_TIMEOUT = 5.0
"""Seconds in which a worker has to say whose connection it hands over."""
STOP_TIMEOUT = 5.0
"""Seconds that a worker may take to end before it is killed."""
EXIT_TIMEOUT = 1.0
"""Seconds that a process may go on after it has closed its control connection."""
STABLE = 60.0
"""Seconds after which the earlier ends of a worker count no more."""
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
"""Seconds until a worker that ends again and again is started once more; the first time it is
started at once."""
CONTROL_LIMIT = 1 << 20
"""Bytes of a line of a worker."""
ACCEPTS_PER_WAKE_UP = 16

_REASONS: dict[str, Refusal] = {str(each): each for each in (*ListenerRefusal, *ServerRefusal)}

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class WorkerServices:
    """What the processes of all workers share. `settings` makes those of a worker.

    It is called with the number of the worker, and the socket by which it hands connections over.
    `account` is the user that workers become: its id, its group and all its groups.
    """

    listeners: Sequence[WorkerListener]
    settings: Callable[[int, int], WorkerSettings]
    audit: AuditLog
    refusals: Refusals
    account: tuple[int, int, Sequence[int]] | None = None
    draining: bool = False


class WorkerProcess:
    """The process of worker `number`. `ready` is set once it has accepted its settings."""

    def __init__(self, number: int, services: WorkerServices) -> None:
        self.number = number
        self.ready = asyncio.Event()
        self.restarts = 0
        self.pid: int | None = None
        self.ended = ""
        self._services = services
        self._control: ControlChannel | None = None
        self._connections: set[HandedOverTransport] = set()
        self._buffers = ReceiveBuffers()
        self._accepting: set[asyncio.Task[None]] = set()
        self._lost_packets: list[int] = []
        self._stopping = False

    def start(self) -> None:
        """Start the process, and start it again whenever it ends."""
        self._task = asyncio.create_task(self._run())

    async def wait_ready(self) -> None:
        """Wait until the process accepts connections. Raises `OSError` if it ends before."""
        ready = asyncio.create_task(self.ready.wait())
        try:
            await asyncio.wait((ready, self._task), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self._task.done():
            self._task.result()
            reason = f"worker {self.number} has ended while it started ({self.ended})"
            raise OSError(errno.ECHILD, f"{reason}: see its messages")

    async def stop(self) -> None:
        """Have the process end, and wait for that; one that takes too long is killed."""
        self._stopping = True
        if self._control is None:
            # It is about to be started.
            self._task.cancel()
        else:
            self._control.send("stop")
        await asyncio.wait((self._task,), timeout=STOP_TIMEOUT)
        if not self._task.done():
            _log.warning("worker %d does not end, and is killed", self.number)
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def tell(self, what: str, value: Any = None) -> None:
        """Send a command to the process, if there is one; the next one begins with it anyway."""
        if self._control is not None:
            self._control.send(what, value)

    def lost_packets(self, listener: int) -> int:
        """Return how many packets the connections of one listener have lost."""
        return self._lost_packets[listener] if self._lost_packets else 0

    def status(self) -> dict[str, Any]:
        """Return what `smbquic status` shows of the process."""
        return {
            "number": self.number,
            "pid": self.pid,
            "connections": len(self._connections),
            "restarts": self.restarts,
            "processor_seconds": None if self.pid is None else processor_seconds(self.pid),
            "resident": None if self.pid is None else resident(self.pid),
        }

    async def _run(self) -> None:
        """Run one process after the other, until one was told to stop or is never ready."""
        delays = 0
        while True:
            began = monotonic()
            try:
                await self._run_once()
            except OSError as error:
                if not self.ready.is_set():
                    raise
                self.ended = f"it cannot be started: {error}"
            if self._stopping or not self.ready.is_set():
                return
            self._report_end()
            delays = 0 if monotonic() - began >= STABLE else delays
            if delays:
                await asyncio.sleep(min(FIRST_DELAY * 2 ** (delays - 1), LONGEST_DELAY))
            delays += 1
            self.restarts += 1

    async def _run_once(self) -> None:
        """Start a process, and listen to it until it has ended. Raises `OSError`."""
        control, its_control = socket.socketpair()
        sockets, its_sockets = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sockets.setblocking(False)
        with control, sockets:
            with its_control, its_sockets:
                its_descriptor = its_sockets.fileno()
                inherited = [
                    each.sockets[self.number].fileno() for each in self._services.listeners
                ]
                process = await _start(its_control.fileno(), (its_descriptor, *inherited))
            self.pid = process.pid
            try:
                self._control = await ControlChannel.open(control, CONTROL_LIMIT)
                # Not made before: a change would be missing that comes while the process starts.
                settings = self._services.settings(self.number, its_descriptor)
                self._control.send("settings", settings.encode())
                if self._services.account is not None:
                    self._control.send("become", self._services.account)
                if self._services.draining:
                    self._control.send("drain")
                await self._listen(self._control, sockets)
            finally:
                await self._end(process)

    async def _listen(self, control: ControlChannel, sockets: socket.socket) -> None:
        """Act on what the process says, and accept what it hands over, until it has ended."""
        loop = asyncio.get_running_loop()
        loop.add_reader(sockets.fileno(), self._sockets_received, sockets)
        try:
            while (line := await control.receive()) is not None:
                self.received(*line)
        finally:
            loop.remove_reader(sockets.fileno())

    def received(self, what: str, value: Any) -> None:
        """Act on a record of the process; one that cannot be read is logged."""
        try:
            self._act_on(what, value)
        except (ValueError, TypeError, KeyError) as error:
            _log.error("worker %d has sent what cannot be read: %s", self.number, error)

    def _act_on(self, what: str, value: Any) -> None:
        services = self._services
        if what == "ready":
            self.ready.set()
        elif what == "log":
            log.write(self.number, value)
        elif what == "lost_packets":
            self._lost_packets = [int(each) for each in value]
        elif what == "refusals":
            for reason, client, count in value:
                services.refusals.add(_REASONS[reason], str(client), int(count))
        elif what == "handshake_failed":
            for event, fields in value:
                services.audit.record_unauthenticated(AuditEvent(event), **fields)
        else:
            raise ValueError(f"there is no record {what!r}")

    def _sockets_received(self, sockets: socket.socket) -> None:
        """Accept the connections that the process hands over."""
        for _ in range(ACCEPTS_PER_WAKE_UP):
            try:
                data, descriptors, _, _ = socket.recv_fds(sockets, 1, 1, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                return
            except OSError:
                data, descriptors = b"", []
            if not data:
                asyncio.get_running_loop().remove_reader(sockets.fileno())
                return
            # Without a free descriptor here there is none; the worker sees that it was closed.
            for descriptor in descriptors:
                task = asyncio.create_task(self._accept(data[0], socket.socket(fileno=descriptor)))
                self._accepting.add(task)
                task.add_done_callback(self._accepting.discard)

    async def _accept(self, listener: int, sock: socket.socket) -> None:
        sock.setblocking(False)
        transport: HandedOverTransport | None = None
        try:
            async with asyncio.timeout(PEER_TIMEOUT):
                _, transport = await asyncio.get_running_loop().create_unix_connection(
                    lambda: HandedOverTransport(self._connections.discard, self._buffers),
                    sock=sock,
                )
                self._connections.add(transport)
                await transport.receive_peer()
            connections = self._services.listeners[listener].connections
        except (OSError, TransportError, RemoteProtocolError, IndexError) as error:
            _log.warning("worker %d: a connection is not accepted: %s", self.number, error)
            if transport is not None:
                transport.drop("it was not accepted")
            else:
                sock.close()
        else:
            connections.start(transport)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Wait until a process has ended, which has closed its control connection, and forget it.

        Nothing but its end is left to do for it, so that one that takes long is killed.
        """
        try:
            async with asyncio.timeout(EXIT_TIMEOUT):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
        self.ended = _ending(await process.wait())
        self.pid = None
        if self._control is not None:
            self._control.close()
            self._control = None
        for task in self._accepting:
            task.cancel()
        for listener, lost in zip(self._services.listeners, self._lost_packets, strict=False):
            listener.lost_packets += lost
        self._lost_packets = []

    def _report_end(self) -> None:
        """Say that the process has ended, which nobody has asked for."""
        _log.error("worker %d has ended (%s), and is started again", self.number, self.ended)
        self._services.audit.record(
            AuditEvent.WORKER, worker=self.number, reason=self.ended, restarts=self.restarts + 1
        )


async def _start(control: int, others: Sequence[int]) -> asyncio.subprocess.Process:
    """Start a process with its control connection and other descriptors. Raises `OSError`."""
    # Neither the current folder, in which anybody may have put a package, nor an empty name for it.
    path = os.pathsep.join(filter(None, sys.path))
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "smbquic.workers",
        str(control),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        pass_fds=(control, *others),
        env={**os.environ, "PYTHONPATH": path},
    )


def _ending(code: int) -> str:
    """Return how a process has ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
