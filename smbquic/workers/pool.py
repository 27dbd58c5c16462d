"""The workers of a server or a gateway, and the addresses that they share."""

import asyncio
import errno
import logging
import math
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from smbquic.errors import ListenError
from smbquic.observe.audit import AuditLog
from smbquic.options.limits import Limits
from smbquic.pki import plain_values
from smbquic.pki.reload import ServerCertificates
from smbquic.transport.addresses import resolve
from smbquic.transport.quic.connection_ids import MAX_WORKERS
from smbquic.transport.quic.engine import EngineChoice
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.registry import server_engine
from smbquic.transport.quic.steering import open_group
from smbquic.transport.refusals import Refusals
from smbquic.transport.serving import Connections
from smbquic.workers.listener import WorkerListener
from smbquic.workers.process import WorkerProcess, WorkerServices
from smbquic.workers.settings import WorkerSettings

START_TIMEOUT = 60.0
"""Seconds in which all workers have to be ready."""
RESERVED_CORES = 2
"""Processor cores for the main process and for the kernel, beyond which each gets a worker."""

_log = logging.getLogger(__name__)


def default_workers() -> int:
    """Return how many workers there are by default: one for each core beyond the first two."""
    if sys.platform != "linux":
        return 0
    cores = min(len(os.sched_getaffinity(0)), _cores_of_control_group())
    return min(max(cores - RESERVED_CORES, 0), MAX_WORKERS)


def _cores_of_control_group() -> int:
    """Return how many cores a container or a service may use (cpu.max of its control group)."""
    try:
        group = Path("/proc/self/cgroup").read_text().strip().rpartition("::/")[2]
        quota, period = Path("/sys/fs/cgroup", group, "cpu.max").read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        # There is no limit ("max"), or no such group.
        return sys.maxsize


class WorkerPool:
    """`count` workers, which accept connections on all addresses that were given to `listen`.

    `start` starts them. Raises ValueError on a system other than Linux, and `EngineError`.
    """

    def __init__(
        self,
        count: int,
        options: QuicOptions,
        limits: Limits,
        certificates: ServerCertificates,
        audit: AuditLog,
        refusals: Refusals,
    ) -> None:
        if sys.platform != "linux":
            raise ValueError("worker processes need Linux: leave out --workers")
        self.engine = _engine(certificates, options)
        self.listeners: list[WorkerListener] = []
        self._options = options
        self._limits = limits
        self._certificates = certificates
        self._services = WorkerServices(self.listeners, self._settings, audit, refusals)
        self._processes = [WorkerProcess(number, self._services) for number in range(count)]
        self._started = False

    async def listen(self, host: str, port: int, connections: Connections) -> WorkerListener:
        """Open the sockets of an address; port 0 picks one. Raises as `quic.listen` does."""
        address, *_ = await resolve(host, port, socket.SOCK_DGRAM, passive=True)
        listener = WorkerListener(open_group(address, len(self._processes)), connections)
        self.listeners.append(listener)
        return listener

    async def start(self) -> None:
        """Start the processes, and wait until they accept connections. Raises `ListenError`."""
        for each in self._processes:
            each.start()
        self._started = True
        try:
            async with asyncio.timeout(START_TIMEOUT):
                for each in self._processes:
                    await each.wait_ready()
        except TimeoutError as error:
            late = OSError(errno.ETIMEDOUT, f"the workers are not ready after {START_TIMEOUT:g} s")
            raise ListenError(self.listeners[0].url, late) from error
        except OSError as error:
            raise ListenError(self.listeners[0].url, error) from error

    def reload(self) -> None:
        """Have the workers use the certificates that were read. Raises as `quic.listen` does."""
        self.engine = _engine(self._certificates, self._options)
        self._tell("certificates", plain_values.encode(self._certificates.identities))

    def drain(self) -> None:
        """Have the workers accept no new connections."""
        self._services.draining = True
        self._tell("drain")

    def become(self, uid: int, gid: int, groups: Sequence[int]) -> None:
        """Have the workers change to a user permanently, as the main process has."""
        if not os.access(sys.executable, os.X_OK):
            _log.warning(
                "this user cannot run %s: a worker that ends is not started again", sys.executable
            )
        self._services.account = uid, gid, groups
        self._tell("become", self._services.account)

    async def close(self) -> None:
        """End the processes, and close the sockets."""
        if self._started:
            await asyncio.gather(*(each.stop() for each in self._processes))
        for listener in self.listeners:
            listener.release()

    def lost_packets(self, listener: WorkerListener) -> int:
        """Return how many packets the connections of a listener have lost."""
        number = self.listeners.index(listener)
        return listener.lost_packets + sum(each.lost_packets(number) for each in self._processes)

    def status(self) -> list[dict[str, Any]]:
        """Return what `smbquic status` shows of the workers."""
        return [each.status() for each in self._processes]

    def _tell(self, what: str, value: Any = None) -> None:
        for each in self._processes:
            each.tell(what, value)

    def _settings(self, number: int, sockets: int) -> WorkerSettings:
        count, options = len(self._processes), self._options
        # The limits are those of a listener, whose handshakes come to its workers at random.
        options = replace(
            options,
            max_half_open=math.ceil(options.max_half_open / count),
            max_half_open_of_address=math.ceil(options.max_half_open_of_address / count),
            connection_ids=replace(options.connection_ids, worker=number, workers=count),
        )
        return WorkerSettings(
            listeners=[each.sockets[number].fileno() for each in self.listeners],
            sockets=sockets,
            options=options,
            limits=self._limits,
            certificates=plain_values.encode(self._certificates.identities),
            log_level=logging.getLogger("smbquic").getEffectiveLevel(),
        )


def _engine(certificates: ServerCertificates, options: QuicOptions) -> EngineChoice:
    """Return the engine that workers use. Raises `EngineError` and `HandshakeError`."""
    choice, _ = server_engine(certificates.names, options)
    return choice
