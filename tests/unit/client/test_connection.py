import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Literal, cast

import pytest

from smbquic.auth.spnego.initiator import Initiator
from smbquic.client import requests
from smbquic.client.connection import ClientConnection
from smbquic.client.echo_monitor import ECHO_INTERVAL, RESPONSE_TIMEOUT
from smbquic.client.response_waiters import Target
from smbquic.crypto.preauth import PreauthHash
from smbquic.errors import (
    ConnectionClosed,
    IdleTimeout,
    LocalProtocolError,
    RemoteProtocolError,
    StatusError,
)
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client import ClientProtocol, Sent
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.response import Response
from smbquic.protocol.settings import ClientSettings
from smbquic.wire.cancel import CancelRequest
from smbquic.wire.close import CloseRequest, CloseResponse
from smbquic.wire.create import CreateDisposition
from smbquic.wire.echo import EchoRequest
from smbquic.wire.error import ErrorResponse
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.message import Message
from smbquic.wire.negotiate import NegotiateRequest, NegotiateResponse
from smbquic.wire.negotiate_contexts import NegotiateContextType
from smbquic.wire.oplock_break import OplockBreakNotification
from smbquic.wire.read import ReadRequest, ReadResponse
from smbquic.wire.session_setup import SessionFlags, SessionSetupRequest, SessionSetupResponse
from smbquic.wire.set_info import SetInfoResponse
from tests.unit.client.fakes import FakeTransport, connection_over, opened, response

TARGET = Target(None, 5)
Make = Callable[..., ClientConnection]


@pytest.fixture
async def make(transport: FakeTransport) -> AsyncIterator[Make]:
    made = []

    def make(credits: int = 1, **changes: object) -> ClientConnection:
        made.append(connection_over(transport, credits, **changes))
        return made[-1]

    yield make
    for connection in made:
        await connection.close()


def ask(connection: ClientConnection, body: Message | None = None) -> "asyncio.Task[Response]":
    return asyncio.create_task(connection.request(body or EchoRequest(), TARGET))


def read(length: int) -> ReadRequest:
    return requests.read(0, length)


async def test_answers_find_who_waits_whatever_their_order(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(3)
    tasks = [ask(connection, read(10)) for _ in range(3)]
    came = [await transport.next() for _ in tasks]
    assert [request.id for request in came] == [0, 1, 2]
    assert came[0].header.tree_id == 5
    for request in reversed(came):
        transport.reply(request, ReadResponse(b"%d" % request.id))
    answers = [await task for task in tasks]
    assert [bytes(answer.body.data) for answer in answers] == [b"0", b"1", b"2"]


async def test_an_interim_response_is_waited_through(transport: FakeTransport, make: Make) -> None:
    connection = make(1)
    task = ask(connection)
    request = await transport.next()
    transport.reply(request, ErrorResponse(), NtStatus.PENDING, async_id=9, credits=1)
    other = ask(connection)
    transport.reply(await transport.next())
    await other
    assert not task.done()
    transport.reply(request, async_id=9, credits=0)
    assert (await task).status == NtStatus.SUCCESS


async def test_a_refusal_is_an_answer_too(transport: FakeTransport, make: Make) -> None:
    task = ask(make(1))
    transport.reply(await transport.next(), ErrorResponse(), NtStatus.ACCESS_DENIED)
    assert (await task).status == NtStatus.ACCESS_DENIED


async def test_never_more_than_granted_and_in_the_order_of_coming(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(2)
    first, second = ask(connection), ask(connection)
    big, small = ask(connection, read(128 << 10)), ask(connection)
    one, two = await transport.next(), await transport.next()
    transport.reply(one, credits=1)
    await first
    assert transport.arrived.empty()  # one credit is there: too few for `big`, `small` waits behind
    assert connection.protocol.credits == 1
    transport.reply(two, credits=2)
    await second
    third = await transport.next()
    assert isinstance(third.body, ReadRequest)
    assert third.header.credit_charge == 2
    fourth = await transport.next()
    assert isinstance(fourth.body, EchoRequest)
    assert fourth.id == third.id + 2
    transport.reply(third, ReadResponse(b""))
    transport.reply(fourth)
    await asyncio.gather(big, small)


async def test_every_request_asks_for_more_credits(transport: FakeTransport, make: Make) -> None:
    connection = make(1)
    task = ask(connection)
    request = await transport.next()
    assert request.header.credits == 65  # 64 wanted, and the one that it costs
    transport.reply(request, credits=40)
    await task
    assert connection.credits.limit == 40
    assert connection.credits.limit_payload(8 << 20) == 10 * 65536
    assert connection.credits.limit_payload(1000) == 1000


async def test_an_echo_fetches_credits_where_nothing_else_would(
    transport: FakeTransport, make: Make
) -> None:
    task = ask(make(1), read(128 << 10))
    echo = await transport.next()
    assert isinstance(echo.body, EchoRequest)
    transport.reply(echo, credits=2)
    request = await transport.next()
    assert isinstance(request.body, ReadRequest)
    transport.reply(request, ReadResponse(b"x"))
    assert (await task).body.data == b"x"


async def test_a_server_that_never_grants_enough_is_told_of(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(1)
    task, behind = ask(connection, read(1 << 20)), ask(connection)
    transport.reply(await transport.next(), credits=1)
    with pytest.raises(LocalProtocolError, match="takes 16 credits, and the server grants only 1"):
        await task
    transport.reply(await transport.next())
    await behind


async def test_a_server_that_takes_the_last_credit_away(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(1)
    task, behind = ask(connection), ask(connection)
    transport.reply(await transport.next(), credits=0)
    await task
    with pytest.raises(LocalProtocolError, match="the server grants only 0"):
        await behind


async def test_who_is_cancelled_while_it_waits_for_credits_leaves_the_queue(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(1)
    first, second, third = ask(connection), ask(connection), ask(connection)
    request = await transport.next()
    second.cancel()
    transport.reply(request)
    await first
    transport.reply(await transport.next())
    await third
    assert transport.arrived.empty()
    assert connection.protocol.credits == 1
    with pytest.raises(asyncio.CancelledError):
        await second


async def test_credits_that_come_with_the_end_are_worth_nothing(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(1)
    first, second = ask(connection), ask(connection)
    transport.reply(await transport.next())
    transport.fail(ConnectionClosed("the cable is cut"))
    await first
    with pytest.raises(ConnectionClosed, match="the cable is cut"):
        await second
    assert transport.arrived.empty()


async def test_a_silent_server_is_sent_an_echo_if_there_is_a_credit_for_it(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(2)
    task = ask(connection)
    came = [await transport.next()]
    connection.monitor.last_received -= ECHO_INTERVAL
    connection.monitor.check()
    came.append(await transport.next())
    assert isinstance(came[1].body, EchoRequest)
    assert came[1].header.credit_charge == 1
    connection.monitor.check()
    assert transport.arrived.empty()  # both credits are spent
    for request in came:
        transport.reply(request)
    await task


async def test_a_silent_server_that_owes_a_response_is_given_up(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(1)
    task = ask(connection)
    await transport.next()
    connection.monitor.last_received -= RESPONSE_TIMEOUT
    connection.monitor.check()
    with pytest.raises(IdleTimeout, match="has not answered"):
        await task
    assert connection.closed


async def test_silence_before_a_request_is_not_held_against_the_server(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(1)
    connection.monitor.last_received -= 2 * RESPONSE_TIMEOUT
    task = ask(connection)
    request = await transport.next()
    connection.monitor.check()
    assert not connection.closed
    transport.reply(request)
    await task


async def test_a_compound_is_one_message(transport: FakeTransport, make: Make) -> None:
    connection = make(3)
    bodies = [requests.create("x", requests.STAT), requests.close()]
    task = asyncio.create_task(connection.compound(bodies, TARGET))
    first, second = await transport.arrived.get()
    assert not first.header.flags & HeaderFlags.RELATED_OPERATIONS
    assert second.header.flags & HeaderFlags.RELATED_OPERATIONS
    transport.deliver(response(first, opened(5), last=False) + response(second, CloseResponse()))
    created, closed = await task
    assert created.body.end_of_file == 5
    assert closed.status == NtStatus.SUCCESS


async def test_a_cancelled_request_is_cancelled_on_the_server(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(2)
    task = ask(connection)
    request = await transport.next()
    transport.reply(request, ErrorResponse(), NtStatus.PENDING, async_id=77)
    sync = ask(connection)
    transport.reply(await transport.next())
    await sync
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    cancel = await transport.next()
    assert isinstance(cancel.body, CancelRequest)
    assert cancel.header.message_id == request.id
    assert cancel.header.async_id == 77
    transport.reply(request, ErrorResponse(), NtStatus.CANCELLED, async_id=77)
    after = ask(connection)
    transport.reply(await transport.next())
    await after


async def test_what_is_cancelled_before_it_is_sent_is_sent_nevertheless(
    transport: FakeTransport, make: Make
) -> None:
    """Its message id is spent: a server waits for it, and in the end grants no more credits."""
    connection = make(2)
    transport.gate.clear()
    task = ask(connection)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    transport.gate.set()
    assert isinstance((await transport.next()).body, EchoRequest)
    assert isinstance((await transport.next()).body, CancelRequest)


async def test_what_was_opened_for_nobody_is_closed(transport: FakeTransport, make: Make) -> None:
    connection = make(2)
    task = ask(connection, requests.create("x", requests.STAT))
    request = await transport.next()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert isinstance((await transport.next()).body, CancelRequest)
    transport.reply(request, opened(file_id=42))
    close = await transport.next()
    assert isinstance(close.body, CloseRequest)
    assert close.body.file_id == (42, 42)
    assert close.header.tree_id == 5
    transport.reply(close, CloseResponse())


MAKING = requests.create(
    "x", requests.WRITE | requests.DELETE, disposition=CreateDisposition.FILE_CREATE
)


async def test_what_was_made_for_nobody_is_deleted(transport: FakeTransport, make: Make) -> None:
    connection = make(4)
    task = ask(connection, MAKING)
    request = await transport.next()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert isinstance((await transport.next()).body, CancelRequest)
    settled = asyncio.create_task(connection.abandoned_opens.wait_closed())
    transport.reply(request, opened(file_id=42), credits=4)
    deletion, close = await transport.arrived.get()
    assert deletion.body.file_id == (42, 42)
    assert deletion.body.file_info_class == FileInformationClass.FileDispositionInformation
    assert isinstance(close.body, CloseRequest)
    assert not settled.done()
    transport.deliver(
        response(deletion, SetInfoResponse(), last=False) + response(close, CloseResponse())
    )
    await settled


async def test_what_was_made_is_deleted_when_only_the_rest_of_its_compound_was_cancelled(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(8)
    task = asyncio.create_task(connection.compound([MAKING, requests.flush()], TARGET))
    first, _ = await transport.arrived.get()
    transport.reply(first, opened(file_id=42), credits=4)
    echo = ask(connection)
    transport.reply(await transport.next())  # by then the first answer has been taken
    await echo
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert isinstance((await transport.next()).body, CancelRequest)
    deletion, _ = await transport.arrived.get()
    assert deletion.body.file_id == (42, 42)


async def test_what_is_not_closed_with_its_deletion_is_closed_by_itself(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(4)
    task = ask(connection, MAKING)
    request = await transport.next()
    task.cancel()
    await asyncio.wait([task])
    await transport.next()
    transport.reply(request, opened(file_id=42), credits=4)
    deletion, close = await transport.arrived.get()
    denied = NtStatus.ACCESS_DENIED
    transport.deliver(
        response(deletion, ErrorResponse(), denied, last=False)
        + response(close, ErrorResponse(), denied)
    )
    again = await transport.next()
    assert isinstance(again.body, CloseRequest)
    assert again.body.file_id == (42, 42)
    transport.reply(again, CloseResponse())
    await connection.abandoned_opens.wait_closed()


async def test_what_was_cancelled_in_time_needs_no_close(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(4)
    task = ask(connection, MAKING)
    request = await transport.next()
    task.cancel()
    await asyncio.wait([task])
    await transport.next()
    transport.reply(request, ErrorResponse(), NtStatus.CANCELLED)
    await connection.abandoned_opens.wait_closed()
    assert transport.arrived.empty()


async def test_a_lost_connection_settles_at_once(transport: FakeTransport, make: Make) -> None:
    connection = make(4)
    task = ask(connection, MAKING)
    await transport.next()
    task.cancel()
    await asyncio.wait([task])
    transport.fail(ConnectionClosed("the cable is cut"))
    await connection.abandoned_opens.wait_closed()


async def test_a_cancelled_compound_that_closes_what_it_opens_needs_no_help(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(4)
    bodies = [requests.create("x", requests.STAT), requests.close()]
    task = asyncio.create_task(connection.compound(bodies, TARGET))
    first, second = await transport.arrived.get()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in bodies:
        assert isinstance((await transport.next()).body, CancelRequest)
    transport.deliver(response(first, opened(), last=False) + response(second, CloseResponse()))
    after = ask(connection)
    request = await transport.next()
    assert isinstance(request.body, EchoRequest)
    transport.reply(request)
    await after


async def test_when_the_connection_is_lost_everybody_hears_of_it(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(1)
    waiting, queued = ask(connection), ask(connection)
    await transport.next()
    transport.fail(ConnectionClosed("the cable is cut"))
    for task in (waiting, queued):
        with pytest.raises(ConnectionClosed, match="the cable is cut"):
            await task
    assert connection.closed
    with pytest.raises(ConnectionClosed, match="the cable is cut"):
        await connection.echo()


async def test_an_idle_timeout_stays_one(transport: FakeTransport, make: Make) -> None:
    task = ask(make(1))
    await transport.next()
    transport.fail(IdleTimeout("nothing was heard"))
    with pytest.raises(IdleTimeout, match="nothing was heard"):
        await task


async def test_a_server_that_talks_nonsense_is_hung_up_on(
    transport: FakeTransport, make: Make
) -> None:
    task = ask(make(1))
    await transport.next()
    transport.deliver(b"nonsense" * 20)
    with pytest.raises(ConnectionClosed) as caught:
        await task
    assert isinstance(caught.value.__cause__, RemoteProtocolError)
    assert transport.closed_with


async def test_the_transport_is_told_whether_all_was_answered(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(1)
    task = ask(connection)
    transport.reply(await transport.next())
    await task
    await connection.close()
    assert transport.closed_with
    assert transport.closed_answered


@pytest.mark.parametrize("sent", [False, True])
async def test_what_was_not_answered_is_delivered_before_the_end(
    transport: FakeTransport, make: Make, *, sent: bool
) -> None:
    connection = make(1)
    if not sent:
        transport.gate.clear()
    task = ask(connection)
    await asyncio.sleep(0)
    await connection.close()
    with pytest.raises(ConnectionClosed):
        await task
    assert transport.closed_with
    assert not transport.closed_answered


async def test_an_error_of_ours_ends_the_connection_and_is_logged(
    transport: FakeTransport, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    task = ask(make(1))
    await transport.next()
    transport.fail(ZeroDivisionError("oops"))
    with pytest.raises(ConnectionClosed, match="internal error: oops"):
        await task
    assert "ZeroDivisionError" in caplog.text


async def test_messages_go_out_in_order_while_some_have_to_wait(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(3)
    transport.gate.clear()
    waiting = [ask(connection) for _ in range(2)]
    await asyncio.sleep(0)
    transport.gate.set()
    # There would be room for it now, but not before the others.
    waiting.append(ask(connection))
    received = [await transport.next() for _ in range(3)]
    assert [one.id for one in received] == [0, 1, 2]
    # From here on there is no queue: what is sent is on its way at once.
    for one in received:
        transport.reply(one)
    await asyncio.gather(*waiting)
    task = ask(connection)
    await asyncio.sleep(0)
    assert not transport.arrived.empty()
    transport.reply(await transport.next())
    await task


async def test_a_transport_that_takes_no_more_ends_it(
    transport: FakeTransport, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(*buffers: object) -> None:
        raise ConnectionClosed("the pipe is broken")

    transport.gate.clear()
    monkeypatch.setattr(transport, "send", send)
    with pytest.raises(ConnectionClosed, match="the pipe is broken"):
        await make(1).echo()


async def test_nobody_is_left_waiting_at_the_end(transport: FakeTransport, make: Make) -> None:
    connection = make(2)
    task = ask(connection)
    await transport.next()
    await connection.close()
    with pytest.raises(ConnectionClosed, match="was closed"):
        await task
    await connection.close()
    gc.collect()  # a future whose error nobody fetched would complain now


async def test_unasked_and_unexpected_messages_do_no_harm(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(1)
    task = ask(connection)
    request = await transport.next()
    unknown = type(request)(request.header, request.body)
    unasked = OplockBreakNotification(oplock_level=0, file_id=opened().file_id)
    header = Header(
        Command.OPLOCK_BREAK, message_id=(1 << 64) - 1, flags=HeaderFlags.SERVER_TO_REDIR
    )
    transport.deliver(header.encode() + unasked.encode())
    transport.reply(unknown)
    await task


async def test_a_refused_negotiation_leaves_nothing_behind(transport: FakeTransport) -> None:
    opening = asyncio.create_task(
        ClientConnection.open(
            transport, ClientSettings(client_guid=bytes(16)), server_name="server"
        )
    )
    transport.reply(await transport.next(), ErrorResponse(), NtStatus.NOT_SUPPORTED)
    with pytest.raises(StatusError, match="NOT_SUPPORTED"):
        await opening
    assert transport.closed_with


@pytest.mark.parametrize("kind", ["tcp", "quic"])
async def test_what_was_prepared_is_sent_over_the_transport_it_is_for(
    kind: Literal["tcp", "quic"],
) -> None:
    transport = FakeTransport()
    transport.peer = replace(transport.peer, kind=kind)
    settings = ClientSettings(client_guid=bytes(16))
    prepared = ClientProtocol(settings, quic=True, server_name="fs", random=bytes)
    expected = NegotiateRequest.decode(memoryview(b"".join(prepared.negotiate().buffers)))
    opening = asyncio.create_task(
        ClientConnection.open(transport, settings, server_name="fs", prepared=prepared)
    )
    assert ((await transport.next()).body == expected) is (kind == "quic")
    opening.cancel()
    await asyncio.wait([opening])


@pytest.mark.parametrize("kind", ["tcp", "quic", "unix"])
async def test_only_over_quic_is_encryption_left_to_the_transport(
    kind: Literal["tcp", "quic", "unix"],
) -> None:
    asked = []
    for _ in range(2):
        transport = FakeTransport()
        transport.peer = replace(transport.peer, kind=kind)
        opening = asyncio.create_task(
            ClientConnection.open(
                transport, ClientSettings(client_guid=bytes(16)), server_name="fs.example"
            )
        )
        contexts = (await transport.next()).body.contexts
        asked.append({each.context_type: each for each in contexts})
        opening.cancel()
        await asyncio.wait([opening])
    first = asked[0]
    assert (NegotiateContextType.TRANSPORT_CAPABILITIES in first) is (kind == "quic")
    assert first[NegotiateContextType.NETNAME_NEGOTIATE_CONTEXT_ID].net_name == "fs.example"
    salts = [each[NegotiateContextType.PREAUTH_INTEGRITY_CAPABILITIES].salt for each in asked]
    assert salts[0] != salts[1]


class Steps:
    """An initiator that says the same each time, and notes what it was told."""

    def __init__(self) -> None:
        self.told: list[bytes | None] = []

    def step(self, token: bytes | None) -> bytes:
        self.told.append(token)
        return b"first"


@pytest.mark.parametrize("previous", [0, 9])
async def test_each_message_of_a_logon_waits_for_a_credit(
    transport: FakeTransport, make: Make, monkeypatch: pytest.MonkeyPatch, previous: int
) -> None:
    connection, steps = make(1), Steps()
    protocol = connection.protocol
    protocol.server = cast(NegotiateResponse, SimpleNamespace(security_buffer=b"hint"))
    received: list[int] = []

    def receive(session: ClientSession, response: Response) -> Sent | None:
        received.append(response.status)
        return protocol._session_setup(session, b"second") if len(received) == 1 else None

    monkeypatch.setattr(protocol, "receive_session_setup_response", receive)
    other = ask(connection)
    task = asyncio.create_task(
        connection.logon(cast(Initiator, steps), previous_session_id=previous)
        if previous
        else connection.logon(cast(Initiator, steps))
    )
    echo = await transport.next()
    await asyncio.sleep(0)
    assert transport.arrived.empty()
    transport.reply(echo)
    await other
    first = await transport.next()
    assert isinstance(first.body, SessionSetupRequest)
    assert (first.body.previous_session_id, first.body.security_buffer) == (previous, b"first")
    answer = SessionSetupResponse(SessionFlags(0))
    transport.reply(first, answer, NtStatus.MORE_PROCESSING_REQUIRED)
    second = await transport.next()
    assert second.body.security_buffer == b"second"
    assert connection.credits.available == 0
    assert not task.done()
    transport.reply(second, answer, credits=2)
    session = await task
    assert session.previous_session_id == previous
    assert steps.told == [b"hint"]
    assert received == [NtStatus.MORE_PROCESSING_REQUIRED, NtStatus.SUCCESS]
    again = asyncio.create_task(connection.logon(cast(Initiator, steps), session))
    transport.reply(await transport.next(), answer)
    assert await again is session


async def test_a_logon_gives_up_if_the_server_grants_no_credit_for_its_next_message(
    transport: FakeTransport, make: Make
) -> None:
    connection = make(1)
    protocol = connection.protocol
    protocol.server = cast(NegotiateResponse, SimpleNamespace(security_buffer=b""))
    steps = Steps()
    task = asyncio.create_task(connection.logon(cast(Initiator, steps)))
    answer = SessionSetupResponse(SessionFlags(0))
    transport.reply(await transport.next(), answer, NtStatus.MORE_PROCESSING_REQUIRED, credits=0)
    with pytest.raises(LocalProtocolError, match="the server grants only 0"):
        await task
    assert steps.told == [None]


async def test_binding_a_session_waits_for_a_credit(
    transport: FakeTransport, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, steps = make(1), Steps()
    protocol = connection.protocol
    protocol.server = cast(NegotiateResponse, SimpleNamespace(security_buffer=b""))
    bound: list[tuple[object, object]] = []
    session = ClientSession(cast(Initiator, steps), PreauthHash())

    def bind(initiator: Initiator, session: ClientSession) -> tuple[ClientSession, Sent]:
        bound.append((initiator, session))
        return protocol.session_setup(initiator)

    monkeypatch.setattr(protocol, "bind", bind)
    monkeypatch.setattr(protocol, "receive_session_setup_response", lambda *_: None)
    other = ask(connection)
    task = asyncio.create_task(connection.bind(cast(Initiator, steps), session))
    echo = await transport.next()
    await asyncio.sleep(0)
    assert bound == []
    transport.reply(echo)
    await other
    setup = await transport.next()
    assert bound == [(steps, session)]
    transport.reply(setup, SessionSetupResponse(SessionFlags(0)))
    await task
