"""The functions that connect to a share: `connect`, and its steps."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial

from smbquic.auth.credentials import Credentials
from smbquic.client.connection import ClientConnection
from smbquic.client.reconnect import Reconnector
from smbquic.client.retry import retry_while_busy
from smbquic.client.session import Session
from smbquic.client.share import Share
from smbquic.client.stages import Stages
from smbquic.client.transports import transport_connector
from smbquic.client.url import SmbUrl
from smbquic.errors import ConnectError, SmbError, UrlError
from smbquic.options.client import ConnectionOptions, SessionOptions
from smbquic.options.keywords import keywords
from smbquic.protocol.settings import ClientSettings

GUEST = "guest"
"""The user name of a guest, unless the URL has one."""
LOGOFF_TIMEOUT = 2.0
"""Seconds that a logoff may take before the connection is closed without it."""


@keywords(ConnectionOptions)
@asynccontextmanager
async def open_connection(
    url: SmbUrl | str, options: ConnectionOptions
) -> AsyncIterator[ClientConnection]:
    """Connect to a server and negotiate, without a logon; disconnects at the end.

    The options are those of `ConnectionOptions`. A server that takes no more connections now is
    asked again within `timeout`. Raises `UrlError`, `PkiError`, `EngineError`, `ConnectError`,
    `HandshakeError`, `StatusError`, and ValueError for an option that cannot be.
    """
    url = SmbUrl.parse(url) if isinstance(url, str) else url

    settings = _settings(options)

    async def attempt() -> tuple[AsyncExitStack, ClientConnection]:
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(_connected(url, options, settings))
            return stack.pop_all(), connection

    stack, connection = await retry_while_busy(attempt, options.timeout)
    async with stack:
        yield connection


def _settings(options: ConnectionOptions) -> ClientSettings:
    """Return what all connections that replace each other negotiate with, under one GUID."""
    return ClientSettings(
        client_guid=os.urandom(16), encryption=options.encryption, guest_allowed=options.guest
    )


@asynccontextmanager
async def _connected(
    url: SmbUrl, options: ConnectionOptions, settings: ClientSettings
) -> AsyncIterator[ClientConnection]:
    """One attempt of `open_connection`."""
    connect_transport = transport_connector(url, options)
    stages = Stages()
    transport = await connect_transport()
    stages.end("transport")
    try:
        async with asyncio.timeout(options.timeout):
            connection = await ClientConnection.open(transport, settings, server_name=url.host)
    except TimeoutError as error:
        raise ConnectError(
            f"{url.host}:{url.port} takes connections, but did not answer within"
            f" {options.timeout:g} s: is it an SMB server?"
        ) from error
    stages.end("negotiate")
    connection.stages = stages
    try:
        yield connection
    finally:
        await connection.close()


@keywords(SessionOptions)
@asynccontextmanager
async def open_session(url: SmbUrl | str, options: SessionOptions) -> AsyncIterator[Session]:
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
    settings = _settings(options)

    async def attempt(previous_session_id: int) -> tuple[AsyncExitStack, Session]:
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(_connected(url, options, settings))
            session = await Session.logon(
                connection, credentials, host=url.host, previous_session_id=previous_session_id
            )
            connection.stages.end("session")
            stack.push_async_callback(_logoff, session)
            return stack.pop_all(), session

    async def log_on(previous_session_id: int) -> tuple[AsyncExitStack, Session]:
        return await retry_while_busy(partial(attempt, previous_session_id), options.timeout)

    reconnector = Reconnector(log_on, options.reconnect_timeout)
    await reconnector.start()
    try:
        yield reconnector
    finally:
        await reconnector.close()


async def _logoff(session: Session) -> None:
    if session.connection.closed:
        return
    try:
        async with asyncio.timeout(LOGOFF_TIMEOUT):
            await session.connection.abandoned_opens.wait_closed()
            await session.logoff()
    except (SmbError, TimeoutError):
        return  # the server ends the session when the connection ends


@keywords(SessionOptions)
@asynccontextmanager
async def connect(url: SmbUrl | str, options: SessionOptions) -> AsyncIterator[Share]:
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
        yield Share(session, tree, reconnector)
