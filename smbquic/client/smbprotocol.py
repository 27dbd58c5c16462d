r"""The smbprotocol package over QUIC.

After ``register("fs.example", ca=..., username=..., password=...)`` every function of its
``smbclient`` module reaches that server over QUIC: ``smbclient.open_file(r"\\fs.example\data\x")``
finds the connection in smbclient's cache, where one over TCP would be. So does
``smbclient.shutil``. Any number of servers may be registered, and a copy from one to another goes
through this machine. `unregister` closes a connection.

smbprotocol offers no way to bring a transport of one's own. These names of it are private, and
another version may change them; so `pyproject.toml` has a bound, and a test looks for them:

- ``smbclient._pool._SMB_CONNECTIONS``, the cache of connections, and the form of its keys;
- ``Connection.transport``, which ``connect`` sets to a ``Tcp``, and the methods of that;
- ``Connection._receive_timeout``, the seconds of silence before an ECHO;
- ``Connection._check_worker_running``, which every request calls first.
"""

import uuid
from concurrent.futures import CancelledError, Future
from dataclasses import KW_ONLY, replace
from typing import Any

from smbclient._pool import _SMB_CONNECTIONS, ClientConfig  # type: ignore[import-untyped]
from smbprotocol.connection import Connection  # type: ignore[import-untyped]
from smbprotocol.exceptions import SMBConnectionClosed  # type: ignore[import-untyped]
from smbprotocol.session import Session  # type: ignore[import-untyped]
from smbprotocol.transport import Tcp  # type: ignore[import-untyped]

from smbquic.client.background import LoopThread
from smbquic.client.transports import transport_connector
from smbquic.client.url import SmbUrl
from smbquic.errors import ConnectionClosed
from smbquic.lazy_dataclass import dataclass
from smbquic.options.client import TransportOptions
from smbquic.options.keywords import keywords
from smbquic.transport.base import MessageTransport

TCP_PORT = 445
"""The port that smbclient's functions assume."""

KEEP_ALIVE = 10
"""Seconds of silence after which smbprotocol sends an ECHO for each session."""


class SmbprotocolTransport:
    """A transport as smbprotocol expects it, over one of ours, whose loop runs on a thread."""

    def __init__(self, host: str, port: int, timeout: float, options: TransportOptions) -> None:
        self.server = host
        self.port = port
        self.timeout = timeout
        self.alive = False
        self._options = options
        self._loop: LoopThread | None = None
        self._transport: MessageTransport | None = None
        self._receiving: Future[memoryview] | None = None

    @property
    def connected(self) -> bool:
        """Always true, even when the connection is lost.

        smbclient replaces a connection that says no by one over TCP, and would log on there,
        unasked and without a certificate to check. Better that calls fail until `register` is
        called again. `alive` says whether it is connected.
        """
        return True

    def connect(self) -> None:
        """Connect. Raises `PkiError`, `ConnectError`, `HandshakeError`, `EngineError`."""
        url = SmbUrl("quic", self.server, self.port)
        connect = transport_connector(url, replace(self._options, timeout=self.timeout))
        self._loop = LoopThread(f"smbquic-{self.server}:{self.port}")
        try:
            self._transport = self._loop.run(connect())
        except BaseException:
            self._loop.stop()
            raise
        self.alive = True

    def close(self) -> None:
        """Close, and end the thread."""
        loop, transport = self._loop, self._transport
        if not self.alive or loop is None or transport is None:
            return
        self.alive = False
        loop.call(transport.close)
        loop.run(transport.wait_closed())
        loop.stop()

    def send(self, header: Any) -> None:
        """Send one message, or a structure of smbprotocol's that packs to one."""
        message = header if isinstance(header, bytes) else header.pack()
        if not self.alive or self._loop is None or self._transport is None:
            raise SMBConnectionClosed("the QUIC connection is closed")
        try:
            self._loop.run(self._transport.send(message))
        except ConnectionClosed as error:
            raise SMBConnectionClosed(str(error)) from error

    def recv(self, timeout: float) -> bytes:
        """Wait for a message; empty when the connection is over, TimeoutError after `timeout` s."""
        if not self.alive or self._loop is None or self._transport is None:
            return b""
        if self._receiving is None:
            self._receiving = self._loop.submit(self._receive(self._transport))
        # A message may come just when the time is over: the next call goes on with this wait.
        try:
            message = self._receiving.result(timeout)
        except CancelledError:
            message = memoryview(b"")
        self._receiving = None
        if not message:
            self.close()
        return bytes(message)

    @staticmethod
    async def _receive(transport: MessageTransport) -> memoryview:
        try:
            return await transport.receive()
        except ConnectionClosed:
            return memoryview(b"")


class SmbprotocolConnection(Connection):  # type: ignore[misc]
    """smbprotocol's `Connection` over QUIC; made, connected and used like the original."""

    def __init__(
        self,
        guid: uuid.UUID,
        server_name: str,
        port: int = 443,
        require_signing: bool = True,
        *,
        options: TransportOptions,
    ) -> None:
        self._options = options
        self._transport: Any = None
        super().__init__(guid, server_name, port, require_signing=require_signing)
        # smbprotocol's own keep-alive: QUIC connections do not survive ten minutes of silence.
        self._receive_timeout = KEEP_ALIVE

    @property
    def transport(self) -> Any:
        """The transport. The base class sets it to a `Tcp` that is not connected yet."""
        return self._transport

    @transport.setter
    def transport(self, value: Any) -> None:
        if isinstance(value, Tcp):
            value = SmbprotocolTransport(value.server, value.port, value.timeout, self._options)
        self._transport = value

    def disconnect(self, close: bool = True, timeout: float | None = None) -> None:
        """Log off, unless the connection is lost already, and close."""
        super().disconnect(close and self._transport.alive, timeout)

    def _check_worker_running(self) -> None:
        super()._check_worker_running()
        if not self._transport.alive:
            raise SMBConnectionClosed(
                f"the QUIC connection to {self.server_name} is closed; call register() again"
            )


@dataclass(frozen=True)
class RegisterOptions(TransportOptions):
    """Where the server listens, and who logs on there."""

    port: int = 443
    _: KW_ONLY
    username: str | None = None
    password: str | None = None
    encrypt: bool = False
    connection_cache: dict[str, Any] | None = None


@keywords(RegisterOptions)
def register(host: str, options: RegisterOptions) -> SmbprotocolConnection:
    r"""Connect and log on, so that smbclient's functions use this connection for ``\\host\...``.

    It stands in `connection_cache` (smbclient's own by default) both for `port` and for 445,
    which smbclient's functions assume. The options are those of `RegisterOptions`. Raises
    `TransportError`, `PkiError` or `EngineError` of ours, `SMBException` of smbprotocol's where the
    logon fails. Call it again after the connection was lost: that closes what there was.
    """
    cache = _cache(options.connection_cache)
    guid = ClientConfig().client_guid
    connection = SmbprotocolConnection(guid, host, options.port, options=options)
    connection.connect(timeout=options.timeout)
    try:
        Session(
            connection, options.username, options.password, require_encryption=options.encrypt
        ).connect()
    except BaseException:
        connection.disconnect(close=False)
        raise
    unregister(host, options.port, connection_cache=cache)
    for key in _keys(host, options.port):
        cache[key] = connection
    return connection


def unregister(
    host: str, port: int = 443, *, connection_cache: dict[str, Any] | None = None
) -> None:
    """Log off and close what `register` has made for a server; does nothing where it has not.

    Another port of the same host that was registered later keeps the name of the host to itself.
    """
    cache = _cache(connection_cache)
    connection = cache.get(_keys(host, port)[0])
    if not isinstance(connection, SmbprotocolConnection):
        return
    for key in [key for key in _keys(host, port) if cache.get(key) is connection]:
        del cache[key]
    connection.disconnect()


def _cache(connection_cache: dict[str, Any] | None) -> dict[str, Any]:
    """Return the connections that smbclient's functions use, by their keys."""
    cache: dict[str, Any] = _SMB_CONNECTIONS if connection_cache is None else connection_cache
    return cache


def _keys(host: str, port: int) -> tuple[str, str]:
    """Return the keys of a connection: that of its port, and the one that functions assume."""
    return f"{host.lower()}:{port}", f"{host.lower()}:{TCP_PORT}"
