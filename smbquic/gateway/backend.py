"""A back end: where it is, whether it answers, and how many clients it has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from smbquic.errors import UrlError
from smbquic.lazy_dataclass import dataclass
from smbquic.transport import tcp, unix
from smbquic.transport.addresses import url
from smbquic.transport.base import MessageTransport
from smbquic.transport.hosts import host_and_port
from smbquic.transport.receive_buffers import ReceiveBuffers

PORT = 445
CONNECT_TIMEOUT = 5.0
"""Seconds in which a back end has to accept a connection for a client."""

_WEIGHT = "weight="
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BackendAddress:
    """Where a back end listens: at `host` and `port`, or on the Unix socket `path`.

    `weight` is its share of the clients, in proportion to the others; with 0 it gets no new ones.
    """

    host: str = ""
    port: int = PORT
    path: str = ""
    weight: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse ``tcp://HOST[:PORT]`` or ``unix:///PATH``, and ``weight=N``. Raises `UrlError`."""
        place, _, option = text.strip().partition(" ")
        weight = 1
        if option:
            number = option.strip().removeprefix(_WEIGHT)
            if not option.strip().startswith(_WEIGHT) or not number.isdecimal():
                raise UrlError(f"{text!r}: write weight=N, a whole number, behind the URL")
            weight = min(int(number), 1 << 16)
        scheme, _, rest = place.partition("://")
        if scheme == "unix" and rest.startswith("/") and len(rest) > 1:
            return cls(path=rest, weight=weight)
        if scheme == "tcp":
            try:
                host, port = host_and_port(rest.rstrip("/"), PORT)
            except UrlError as error:
                raise UrlError(f"{text!r}: {error}") from None
            return cls(host, port, weight=weight)
        raise UrlError(f"{text!r}: a back end is tcp://HOST[:PORT] or unix:///PATH")

    @property
    def url(self) -> str:
        """The URL, without the weight."""
        return f"unix://{self.path}" if self.path else url("tcp", (self.host, self.port))


class Backend:
    """One back end of a pool.

    It is up until `failures` checks or connections in a row have failed, and again once a check
    succeeds. `connections` is how many clients it has, `total` how many it has had. `on_failure` is
    called when a connection for a client could not be made.
    """

    def __init__(self, address: BackendAddress, failures: int) -> None:
        self.address = address
        self.failures = failures
        self.is_up = True
        self.connections = 0
        self._chosen = 0
        self.total = 0
        self.failed = 0
        self.reason = ""
        self.on_failure: Callable[[], object] | None = None
        self._buffers = ReceiveBuffers()

    @property
    def url(self) -> str:
        """How it is called."""
        return self.address.url

    @property
    def accepts(self) -> bool:
        """Whether it gets new clients."""
        return self.is_up and self.address.weight > 0

    @property
    def load(self) -> tuple[float, float]:
        """How much it has to do, for its weight: now, and altogether."""
        weight = self.address.weight or 1
        chosen = self._chosen
        return (self.connections + chosen + 1) / weight, (self.total + chosen) / weight

    @contextmanager
    def chosen(self) -> Iterator[None]:
        """Count a client that is being connected, so that others who come meanwhile spread out."""
        self._chosen += 1
        try:
            yield
        finally:
            self._chosen -= 1

    @property
    def state(self) -> str:
        """The word for `smbquic status`."""
        if not self.is_up:
            return "down"
        return "up" if self.address.weight else "drained"

    def succeeded(self) -> None:
        """Count a check that was answered."""
        if not self.is_up:
            _log.warning("the back end %s is up again", self.url)
        self.is_up, self.failed, self.reason = True, 0, ""

    def check_failed(self, reason: str) -> None:
        """Count a check, or a connection, that failed."""
        self.failed += 1
        if self.is_up and self.failed >= self.failures:
            _log.error("the back end %s is down: %s", self.url, reason)
            self.is_up = False
        self.reason = reason

    def connection_failed(self, reason: str) -> None:
        """Count a connection for a client that could not be made, and have the back end checked."""
        self.check_failed(reason)
        if self.on_failure is not None:
            self.on_failure()

    async def connect(
        self,
        preamble: bytes = b"",
        timeout: float = CONNECT_TIMEOUT,  # noqa: ASYNC109
    ) -> MessageTransport:
        """Connect, and send `preamble` first. Raises `ConnectError`."""
        if self.address.path:
            return await unix.connect(
                self.address.path, timeout=timeout, preamble=preamble, buffers=self._buffers
            )
        return await tcp.connect(
            self.address.host,
            self.address.port,
            timeout=timeout,
            preamble=preamble,
            buffers=self._buffers,
        )
