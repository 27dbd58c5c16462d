"""CANCEL: what it ends, and what it leaves alone."""

import asyncio

from smbquic.ntstatus import NtStatus
from smbquic.server.commands import CommandEntry
from smbquic.server.outcome import Pending, Reply
from smbquic.server.server import Server
from smbquic.wire.cancel import CancelRequest
from smbquic.wire.change_notify import ChangeNotifyRequest
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions
from smbquic.wire.cursor import Buffer
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command, Header
from tests.unit.server.smb_client import Client, CreateFields

DIRECTORY: CreateFields = {"create_options": CreateOptions.FILE_DIRECTORY_FILE}


def notify(file_id: FileId) -> ChangeNotifyRequest:
    return ChangeNotifyRequest(0, 4096, file_id, 1)


def cancel_of(client: Client, message_id: int, body: bytes | None = None) -> list[Buffer]:
    """A signed CANCEL for any message id."""
    header = Header(Command.CANCEL, message_id=message_id, session_id=client.logged_on.id)
    parts: list[Buffer] = [CancelRequest().encode() if body is None else body]
    protection = client.logged_on.protection
    assert protection is not None
    return [protection.sign(header, parts), *parts]


async def test_watching_can_be_cancelled(client: Client) -> None:
    folder = await client.open("a", **DIRECTORY)
    watching = client.send(notify(folder))
    await client.fetch()
    client.deliver(client.protocol.cancel(watching))
    assert (await client.answer(watching)).status == NtStatus.CANCELLED
    assert (await client.call(notify(await client.open("x")))).status == NtStatus.INVALID_PARAMETER


async def test_only_the_request_that_is_named_is_cancelled(client: Client) -> None:
    folder = await client.open("a", **DIRECTORY)
    first, second = client.send(notify(folder)), client.send(notify(folder))
    for watching in (first, second):
        await client.interim(watching)
    client.deliver(client.protocol.cancel(first))
    assert (await client.answer(first)).status == NtStatus.CANCELLED
    await client.open(r"a\new")
    assert (await client.answer(second)).status == NtStatus.SUCCESS


async def test_a_cancel_that_comes_too_late_is_ignored(client: Client, server: Server) -> None:
    folder = await client.open("a", **DIRECTORY)
    watching = client.send(notify(folder))
    await client.fetch()
    cancel = client.protocol.cancel(watching)
    client.deliver(cancel)
    client.deliver(cancel)
    assert (await client.answer(watching)).status == NtStatus.CANCELLED
    assert (await client.call(EchoRequest())).status == NtStatus.SUCCESS


async def test_cancels_that_mean_nothing_are_ignored(client: Client) -> None:
    """One for what was never sent, one for what is not to be cancelled, one that is malformed."""
    client.deliver(cancel_of(client, 77))
    waits = asyncio.Event()

    async def work() -> Reply:
        await waits.wait()
        return Reply(EchoResponse())

    client.server.dispatcher.commands[Command.ECHO] = CommandEntry(
        lambda context, request: Pending(work()), session=False, tree=False
    )
    echo = client.send(EchoRequest())
    client.deliver(cancel_of(client, echo, body=b"\0\0\0\0"))
    file_id = await client.open("x")
    waits.set()
    assert (await client.answer(echo)).status == NtStatus.SUCCESS
    await client.call(CloseRequest(file_id))
