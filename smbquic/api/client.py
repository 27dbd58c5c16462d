"""The functions that connect to a share: `connect`, and its steps."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from smbquic.auth.credentials import Credentials
from smbquic.client.late_imports import CLIENT, imported_meanwhile
from smbquic.client.reconnect import Reconnector
from smbquic.client.retry import retry_while_busy
from smbquic.client.stages import Stages
from smbquic.client.transports import transport_connector
from smbquic.client.url import SmbUrl
from smbquic.errors import ConnectError, SmbError, UrlError
from smbquic.options.client import ConnectionOptions, SessionOptions
from smbquic.options.keywords import keywords
from smbquic.protocol.settings import ClientSettings
from smbquic.transport.base import MessageTransport

if TYPE_CHECKING:
    from smbquic.client.connection import ClientConnection
    from smbquic.client.session import Session
    from smbquic.client.share import Share
    from smbquic.protocol.client import ClientProtocol

GUEST = "guest"
"""The user name of a guest, unless the URL has one."""
LOGOFF_TIMEOUT = 2.0
"""Seconds that a logoff may take before the connection is closed without it."""


@keywords(ConnectionOptions)
@asynccontextmanager
async def open_connection(
    url: SmbUrl | str, options: ConnectionOptions
) -> AsyncIterator["ClientConnection"]:
    """Connect to a server and negotiate, without a logon; disconnects at the end.

    The options are those of `ConnectionOptions`. A server that takes no more connections now is
    asked again within `timeout`. Raises `UrlError`, `PkiError`, `EngineError`, `ConnectError`,
    `HandshakeError`, `StatusError`, and ValueError for an option that cannot be.
    """
    url = SmbUrl.parse(url) if isinstance(url, str) else url

    settings = _settings(options)

    async def attempt() -> tuple[AsyncExitStack, "ClientConnection"]:
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(_connected(url, options, settings))
            return stack.pop_all(), connection

    stack, connection = await retry_while_busy(attempt, options.timeout)
    async with stack:
        yield connection


def _settings(options: ConnectionOptions, *, multi_channel: bool = False) -> ClientSettings:
    """Return what all connections of a session negotiate with, under one GUID."""
    return ClientSettings(
        client_guid=os.urandom(16),
        encryption=options.encryption,
        guest_allowed=options.guest,
        multi_channel=multi_channel,
    )


@asynccontextmanager
async def _connected(
    url: SmbUrl, options: ConnectionOptions, settings: ClientSettings
) -> AsyncIterator["ClientConnection"]:
    """One attempt of `open_connection`."""
    connection = await _open(url, options, settings)
    try:
        yield connection
    finally:
        await connection.close()


async def _open(
    url: SmbUrl, options: ConnectionOptions, settings: ClientSettings, *, address: str = ""
) -> "ClientConnection":
    """Connect, to `address` if there is one, and negotiate. The caller closes the connection."""
    connect_transport = transport_connector(url, options, address=address, load_late=True)
    stages = Stages()
    prepared: list[ClientProtocol] = []
    preparing = partial(_prepare, prepared, settings, url)
    with imported_meanwhile(*CLIENT, then=preparing):
        transport = await connect_transport()
        stages.end("transport")
        connection = await _negotiate(transport, url, options, settings, prepared)
        stages.end("negotiate")
    connection.stages = stages
    return connection


def _prepare(
    prepared: list["ClientProtocol"], settings: ClientSettings, url: SmbUrl
) -> Iterator[None]:
    """Do what can be done before the server has answered; put the protocol into `prepared`."""
    from smbquic.client.first_messages import compile_steps, prepared_protocol

    yield from compile_steps()
    quic = url.transport == "quic"
    prepared.append(prepared_protocol(settings, quic=quic, server_name=url.host))


async def _negotiate(
    transport: MessageTransport,
    url: SmbUrl,
    options: ConnectionOptions,
    settings: ClientSettings,
    prepared: Sequence["ClientProtocol"],
) -> "ClientConnection":
    from smbquic.client.connection import ClientConnection

    try:
        async with asyncio.timeout(options.timeout):
            return await ClientConnection.open(
                transport, settings, server_name=url.host, prepared=next(iter(prepared), None)
            )
    except TimeoutError as error:
        raise ConnectError(
            f"{url.host}:{url.port} takes connections, but did not answer within"
            f" {options.timeout:g} s: is it an SMB server?"
        ) from error


@keywords(SessionOptions)
@asynccontextmanager
async def open_session(url: SmbUrl | str, options: SessionOptions) -> AsyncIterator["Session"]:
    """Connect to a server and log on; logs off and disconnects at the end of the ``async with``.

    The options are those of `SessionOptions`; a `guest` needs neither user nor password. Raises
    what `open_connection` does, and `AuthenticationError`.
    """
    async with _reconnector(url, options) as reconnector:
        yield reconnector.session


@asynccontextmanager
async def _reconnector(url: SmbUrl | str, options: SessionOptions) -> AsyncIterator[Reconnector]:
    """Log on as `open_session` does, and again whenever the connection was lost."""
    url = SmbUrl.parse(url) if isinstance(url, str) else url
    password = options.password
    if options.guest:
        url, password = replace(url, user=url.user or GUEST), ""
    if not url.user:
        raise UrlError(f"{url} names no user; write USER@ before the host")
    password = url.password if password is None else password
    if password is None:
        raise UrlError(f"there is no password for {url}")
    credentials = Credentials(url.user, password, url.domain)
    settings = _settings(options, multi_channel=options.channels > 1)

    async def attempt(previous_session_id: int) -> tuple[AsyncExitStack, "Session"]:
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(_connected(url, options, settings))
            from smbquic.client.session import Session

            session = await Session.logon(
                connection, credentials, host=url.host, previous_session_id=previous_session_id
            )
            connection.stages.end("session")
            if options.channels > 1:
                from smbquic.client.channel_binder import ChannelBinder

                connect = partial(_open_channel, url, options, settings, connection.transport)
                binder = ChannelBinder(session, options.channels, connect)
                stack.push_async_callback(binder.close)
                binder.start()
            stack.push_async_callback(_logoff, session)
            return stack.pop_all(), session

    async def log_on(previous_session_id: int) -> tuple[AsyncExitStack, "Session"]:
        return await retry_while_busy(partial(attempt, previous_session_id), options.timeout)

    reconnector = Reconnector(log_on, options.reconnect_timeout)
    await reconnector.start()
    try:
        yield reconnector
    finally:
        await reconnector.close()


async def _open_channel(
    url: SmbUrl,
    options: SessionOptions,
    settings: ClientSettings,
    first: MessageTransport,
    address: str,
) -> "ClientConnection":
    """Make one more connection, to an address of the server, by the transport of the first one."""
    same = replace(options, transport=(first.peer.kind,))
    try:
        async with asyncio.timeout(options.timeout):
            return await _open(url, same, settings, address=address)
    except TimeoutError as error:
        raise ConnectError(f"{address} did not answer within {options.timeout:g} s") from error


async def _logoff(session: "Session") -> None:
    try:
        if not session.connection.closed:
            async with asyncio.timeout(LOGOFF_TIMEOUT):
                await session.channels.wait_abandoned()
                await session.logoff()
    except (SmbError, TimeoutError):
        return  # the server ends the session when the connection ends
    finally:
        await session.channels.lease_breaks.cancel()


@keywords(SessionOptions)
@asynccontextmanager
async def connect(url: SmbUrl | str, options: SessionOptions) -> AsyncIterator["Share"]:
    """Connect to the share of a URL: ``async with smbquic.connect(url, ...) as share``.

    The options are those of `SessionOptions`. A connection that is lost is made again, within
    `reconnect_timeout`; files that are open then are opened again. How long each stage took is in
    the share's `stages`. Raises what `open_session` does, and `NotFoundError` or `DeniedError` for
    the share. The path of the URL plays no part: paths are given to the share's methods.
    """
    url = (SmbUrl.parse(url) if isinstance(url, str) else url).need_share()
    async with _reconnector(url, options) as reconnector:
        session = reconnector.session
        tree = await session.tree(url.share)
        session.connection.stages.end("tree")
        from smbquic.client.share import Share

        yield Share(session, tree, reconnector)
