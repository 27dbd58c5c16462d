"""Requests to a share, and what becomes of their statuses."""

import asyncio
import logging

import pytest

from smbquic.client.response_waiters import Target
from smbquic.client.share import Share
from smbquic.client.tree_connect import check
from smbquic.errors import RemoteProtocolError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.echo import EchoRequest
from smbquic.wire.error import ErrorResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command
from tests.unit.client.fakes import FakeServer, FakeTransport, connection_over


async def test_leaving(share: Share, server: FakeServer) -> None:
    await share.tree.disconnect()
    assert server.commands() == ["TREE_DISCONNECT"]


async def test_what_is_closed_in_any_case(
    share: Share,
    server: FakeServer,
    transport: FakeTransport,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "smbquic.client.tree_connect")
    tree = share.tree
    tree.channels.add_open()
    await tree.close(FileId(42, 42), "d/a")
    assert server.commands() == ["CLOSE"]
    assert not transport.keep_alive
    server.handlers[Command.CLOSE] = lambda request: (NtStatus.FILE_CLOSED, None)
    tree.channels.add_open()
    await tree.close(FileId(42, 42), "d/a")
    [message] = caplog.messages
    assert message.startswith("d/a: not closed: ")
    tree.channels.add_open()
    assert transport.keep_alive
    await tree.connection.close()
    await tree.close(FileId(42, 42), "d/a")
    assert server.commands() == ["CLOSE"] * 2
    assert not transport.keep_alive


async def test_statuses_beyond_the_usual(share: Share, server: FakeServer) -> None:
    server.handlers[Command.CREATE] = lambda request: (NtStatus.of(0xC0FFEE00), None)
    with pytest.raises(StatusError, match="0xC0FFEE00"):
        await share.stat("x")
    await asyncio.sleep(0)


async def test_checking_responses(transport: FakeTransport) -> None:
    connection = connection_over(transport, credits=3)
    task = asyncio.create_task(connection.request(EchoRequest(), Target()))
    transport.reply(await transport.next(), ErrorResponse(), NtStatus.NO_MORE_FILES)
    response = await task
    check(response, "x", (NtStatus.NO_MORE_FILES,))
    with pytest.raises(StatusError, match=r"ECHO: x: .*NO_MORE_FILES"):
        check(response, "x")
    await connection.close()


async def test_an_error_that_is_called_a_success(transport: FakeTransport) -> None:
    connection = connection_over(transport, credits=3)
    task = asyncio.create_task(connection.request(EchoRequest(), Target()))
    transport.reply(await transport.next(), ErrorResponse(), NtStatus.of(0x00000105))
    with pytest.raises(RemoteProtocolError, match="0x00000105"):
        check(await task)
    await connection.close()
