"""Checks whether back ends answer: each check connects and sends a NEGOTIATE."""

import asyncio
import logging
import os
import random
from collections.abc import Callable, Iterable

from smbquic.errors import RemoteProtocolError, SmbError, WireError
from smbquic.gateway.backend import Backend
from smbquic.gateway.pool import Pool
from smbquic.gateway.proxy_protocol import header_for_check
from smbquic.options.gateway import BackendOptions
from smbquic.protocol.client_negotiation import build_request
from smbquic.protocol.settings import LOGON_SIZE, ClientSettings
from smbquic.wire.header import Command, Header
from smbquic.wire.negotiate import NegotiateResponse

JITTER = 0.1
"""The part of the interval by which a check is early or late, so that they do not coincide."""

SOON = 0.25
"""Seconds until a check that a failed connection asks for."""

_log = logging.getLogger(__name__)


async def check(backend: Backend, *, preamble: bytes = b"", seconds: float) -> None:
    """Have a back end answer a NEGOTIATE within `seconds`. Raises `SmbError` or `OSError`."""
    settings = ClientSettings(client_guid=os.urandom(16))
    request = build_request(settings, quic=False, server_name="", random=os.urandom)
    try:
        async with asyncio.timeout(seconds):
            transport = await backend.connect(preamble, seconds)
            try:
                transport.max_message_size = LOGON_SIZE
                await transport.send(
                    Header(Command.NEGOTIATE, credits=1).encode(), *request.buffers()
                )
                _check_answer(await transport.receive())
            finally:
                transport.close()
    except TimeoutError as error:
        raise SmbError(f"{backend.url} did not answer a NEGOTIATE within {seconds:g} s") from error


def _check_answer(message: memoryview) -> None:
    try:
        header = Header.decode(message)
        if header.command != Command.NEGOTIATE or not header.is_response:
            raise WireError("it is no response to a NEGOTIATE")
        if header.status:
            raise RemoteProtocolError(f"it refused a NEGOTIATE with the status {header.status:#x}")
        NegotiateResponse.decode(message)
    except WireError as error:
        raise RemoteProtocolError(f"its answer to a NEGOTIATE cannot be read: {error}") from error


def _ignore(_: Backend) -> None:
    """Do nothing."""


class HealthMonitor:
    """Checks of all back ends, as long as it runs.

    `on_down` is called after each failed check of a back end that is down. `spread` gives numbers
    between -1 and 1.
    """

    def __init__(
        self,
        on_down: Callable[[Backend], object] = _ignore,
        *,
        spread: Callable[[], float] = lambda: random.uniform(-1.0, 1.0),  # noqa: S311
    ) -> None:
        self._on_down = on_down
        self._spread = spread
        self._tasks: dict[Backend, asyncio.Task[None]] = {}

    def watch(self, pools: Iterable[Pool], options: BackendOptions) -> None:
        """Check the back ends of these pools from now on, and no others."""
        self.stop()
        for pool in pools:
            preamble = header_for_check() if pool.options.proxy_protocol else b""
            for backend in pool.backends:
                self._tasks[backend] = asyncio.create_task(
                    self._run(backend, preamble, options), name=f"checks of {backend.url}"
                )

    def stop(self) -> None:
        """Check no more."""
        for backend, task in self._tasks.items():
            backend.on_failure = None
            task.cancel()
        self._tasks = {}

    async def _run(self, backend: Backend, preamble: bytes, options: BackendOptions) -> None:
        wanted = asyncio.Event()
        backend.on_failure = wanted.set
        while True:
            try:
                await check(backend, preamble=preamble, seconds=options.health_timeout)
            except (SmbError, OSError) as error:
                _log.info("a check of the back end %s failed: %s", backend.url, error)
                backend.check_failed(str(error))
                if not backend.is_up:
                    self._on_down(backend)
            else:
                backend.succeeded()
            # A client that could not be connected wants to know at once; not so the next hundred.
            wanted.clear()
            seconds = options.health_interval * (1.0 + JITTER * self._spread())
            try:
                async with asyncio.timeout(seconds):
                    await wanted.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(min(seconds, SOON))
