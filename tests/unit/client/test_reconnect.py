"""Logging on again, and connecting to the share again, after the connection was lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import cast

import pytest

from smbquic.client import reconnect
from smbquic.client.reconnect import Reconnector, ShareTree
from smbquic.client.retry import LOSSES_ALLOWED
from smbquic.client.session import Session
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionClosed,
    HandshakeError,
    IdleTimeout,
    SecurityError,
)

LOST = ConnectionClosed("the server was restarted")


class LogonServer:
    """Logs on unless it is told to fail, and notes what it was asked."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.previous: list[int] = []
        self.tried_often = asyncio.Event()
        self.ended: list[int] = []
        self.sessions = 0
        self.trees = 0
        self.tree_failures: list[Exception] = []

    async def log_on(self, previous_session_id: int) -> tuple[AsyncExitStack, Session]:
        self.previous.append(previous_session_id)
        if len(self.previous) == 3:
            self.tried_often.set()
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        self.sessions += 1
        stack = AsyncExitStack()
        stack.callback(self.ended.append, self.sessions)
        session = SimpleNamespace(session_id=self.sessions, host="server", tree=self.tree)
        return stack, cast(Session, session)

    async def tree(self, name: str) -> TreeConnect:
        if self.tree_failures:
            raise self.tree_failures.pop(0)
        self.trees += 1
        connection = SimpleNamespace(closed=True)
        tree = SimpleNamespace(name=name, number=self.trees, connection=connection)
        return cast(TreeConnect, tree)


@pytest.fixture
def server() -> LogonServer:
    return LogonServer()


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(reconnect, "LONGEST_DELAY", 0.002)


@pytest.fixture
async def reconnector(server: LogonServer) -> AsyncIterator[Reconnector]:
    reconnector = Reconnector(server.log_on, 60)
    await reconnector.start()
    yield reconnector
    await reconnector.close()


@pytest.fixture
async def share_tree(reconnector: Reconnector) -> ShareTree:
    session = reconnector.session
    return ShareTree(session, await session.tree("data"), reconnector)


async def test_one_new_session_for_all_who_ask(
    reconnector: Reconnector, server: LogonServer
) -> None:
    lost = reconnector.session
    server.failures = [ConnectError("nobody answers"), LOST, HandshakeError("ends", "refused")]

    renewed = await asyncio.gather(*[reconnector.renew(lost, LOST) for _ in range(10)])

    assert set(map(id, renewed)) == {id(reconnector.session)}
    assert reconnector.session.session_id == 2
    assert server.previous == [0, 1, 1, 1, 1]
    assert server.ended == [1]
    assert await reconnector.renew(lost, LOST) is reconnector.session
    assert server.sessions == 2


async def test_what_another_attempt_would_not_change_is_raised_at_once(
    reconnector: Reconnector, server: LogonServer
) -> None:
    for error in (
        AuthenticationError("the password is wrong"),
        HandshakeError("the certificate has expired", "expired"),
    ):
        server.failures = [error]
        with pytest.raises(type(error)) as caught:
            await reconnector.renew(reconnector.session, LOST)
        assert caught.value is error
    assert server.sessions == 1
    renewed = await reconnector.renew(reconnector.session, LOST)
    assert renewed.session_id == 2


async def test_nobody_waits_for_ever(server: LogonServer) -> None:
    reconnector = Reconnector(server.log_on, 0.005)
    await reconnector.start()
    server.failures = [ConnectError("nobody answers")] * 1000
    with pytest.raises(
        ConnectionClosed, match=r"restarted; no new connection within 0\.005 s: nobody answers"
    ):
        await reconnector.renew(reconnector.session, LOST)
    assert server.sessions == 1
    await reconnector.close()


async def test_a_connection_that_does_not_last_is_made_again_after_a_while(
    server: LogonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnect, "FIRST_DELAY", 100)
    monkeypatch.setattr(reconnect, "LONGEST_DELAY", 300)
    reconnector = Reconnector(server.log_on, 60)
    await reconnector.start()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    # The server's own calls of sleep(0) are in there as well.
    monkeypatch.setattr(asyncio, "sleep", sleep)
    for _ in range(6):
        await reconnector.renew(reconnector.session, LOST)
    assert [each for each in slept if each] == [100, 200, 300, 300, 300]
    monkeypatch.setattr(reconnect, "LONGEST_DELAY", 0)
    slept.clear()
    await reconnector.renew(reconnector.session, LOST)
    assert [each for each in slept if each] == []
    await reconnector.close()


async def test_without_time_nothing_is_tried(server: LogonServer) -> None:
    reconnector = Reconnector(server.log_on, 0)
    await reconnector.start()
    with pytest.raises(ConnectionClosed) as caught:
        await reconnector.renew(reconnector.session, LOST)
    assert caught.value is LOST
    assert server.previous == [0]
    await reconnector.close()
    assert server.ended == [1]


async def test_one_who_gives_up_does_not_stop_the_others(
    reconnector: Reconnector, server: LogonServer
) -> None:
    lost = reconnector.session
    first = asyncio.create_task(reconnector.renew(lost, LOST))
    second = asyncio.create_task(reconnector.renew(lost, LOST))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).session_id == 2
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_closing_ends_an_attempt(server: LogonServer) -> None:
    reconnector = Reconnector(server.log_on, 60)
    await reconnector.start()
    server.failures = [ConnectError("nobody answers")] * 100_000
    waiting = asyncio.create_task(reconnector.renew(reconnector.session, LOST))
    await server.tried_often.wait()
    await reconnector.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


# --- the share ----------------------------------------------------------------------------------


async def test_the_share_is_connected_again(share_tree: ShareTree, server: LogonServer) -> None:
    lost = share_tree.current
    server.tree_failures = [LOST]

    renewed = await asyncio.gather(*[share_tree.renew(lost, LOST) for _ in range(3)])

    assert set(map(id, renewed)) == {id(share_tree.current)}
    assert share_tree.current is not lost
    assert share_tree.current.name == "data"
    assert share_tree.session.session_id == server.sessions == 3
    assert server.trees == 2


async def test_a_session_that_has_other_connections_goes_on(
    share_tree: ShareTree, server: LogonServer
) -> None:
    tree = share_tree.current
    cast(SimpleNamespace, tree.connection).closed = False
    assert await share_tree.renew(tree, LOST) is tree
    assert server.sessions == 1


async def test_without_a_reconnector_what_is_lost_stays_lost(share_tree: ShareTree) -> None:
    alone = ShareTree(share_tree.session, share_tree.current)
    with pytest.raises(ConnectionClosed) as caught:
        await alone.renew(alone.current, LOST)
    assert caught.value is LOST


def lose(times: int, *, sent: bool) -> list[ConnectionClosed]:
    losses: list[ConnectionClosed] = [IdleTimeout("silence") for _ in range(times)]
    for each in losses:
        each.sent = sent
    return losses


@pytest.mark.parametrize(("sent", "repeatable"), [(True, True), (False, True), (False, False)])
async def test_work_begins_again(share_tree: ShareTree, sent: bool, repeatable: bool) -> None:
    losses = lose(LOSSES_ALLOWED, sent=sent)
    trees = []

    async def work(tree: TreeConnect) -> str:
        trees.append(tree)
        if losses:
            raise losses.pop()
        return "done"

    assert await share_tree.repeat(work, repeatable=repeatable) == "done"
    assert len(set(map(id, trees))) == LOSSES_ALLOWED + 1


async def test_what_must_not_be_done_twice_is_not(
    share_tree: ShareTree, server: LogonServer
) -> None:
    async def work(tree: TreeConnect) -> None:
        raise lose(1, sent=True)[0]

    with pytest.raises(IdleTimeout, match="silence; whether the server has done") as caught:
        await share_tree.repeat(work, repeatable=False)
    assert caught.value.sent
    assert server.sessions == 1


async def test_a_request_that_ends_every_connection_is_given_up(
    share_tree: ShareTree, server: LogonServer
) -> None:
    async def work(tree: TreeConnect) -> None:
        raise lose(1, sent=True)[0]

    with pytest.raises(IdleTimeout, match=r"^silence$"):
        await share_tree.repeat(work, repeatable=True)
    assert server.sessions == 1 + LOSSES_ALLOWED


async def test_a_server_that_breaks_the_protocol_is_not_asked_again(
    share_tree: ShareTree, server: LogonServer
) -> None:
    error = ConnectionClosed("a signature is wrong")
    error.__cause__ = SecurityError("a signature is wrong")
    with pytest.raises(ConnectionClosed) as caught:
        await share_tree.renew(share_tree.current, error)
    assert caught.value is error
    assert server.sessions == 1
