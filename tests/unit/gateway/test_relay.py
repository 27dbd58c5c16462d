"""The relay between two transports that the test plays itself."""

import asyncio
import logging
from typing import NoReturn

import pytest

from smbquic.errors import ConnectError, ConnectionClosed, RemoteProtocolError
from smbquic.gateway import relay as module
from smbquic.gateway.relay import Relay, connect_first
from smbquic.transport.framing import LARGEST_MESSAGE
from tests.unit.gateway.ends import End


@pytest.fixture
def local() -> End:
    return End(50000)


@pytest.fixture
def upstream() -> End:
    return End(443)


@pytest.fixture
def relay(upstream: End) -> Relay:
    async def connect() -> End:
        return upstream

    return Relay(connect)


@pytest.mark.parametrize("first", ["local", "upstream"])
async def test_the_end_of_either_is_the_end_of_both(
    relay: Relay, local: End, upstream: End, first: str
) -> None:
    ends = {"local": local, "upstream": upstream}
    ends[first].say(b"one", b"two", ConnectionClosed("that was all"))
    await asyncio.wait_for(relay.serve(local), 20)
    other = upstream if first == "local" else local

    assert other.sent == [b"one", b"two"]
    assert local.reasons == ["that was all"]
    assert upstream.reasons == [""]


async def test_what_breaks_the_protocol_ends_it(relay: Relay, local: End, upstream: End) -> None:
    upstream.say(RemoteProtocolError("not a message"))
    await asyncio.wait_for(relay.serve(local), 20)

    assert local.reasons == ["not a message"]


async def test_the_last_words_of_an_end_that_is_gone_are_passed_on(
    relay: Relay, local: End, upstream: End
) -> None:
    upstream.send_error = ConnectionClosed("gone")
    local.say(b"anybody there?")
    serving = asyncio.create_task(relay.serve(local))
    for _ in range(20):
        await asyncio.sleep(0)
    upstream.say(b"access denied", ConnectionClosed("gone"))
    await asyncio.wait_for(serving, 20)

    assert local.sent == [b"access denied"]
    assert local.reasons == ["gone"]


async def test_both_ends_gone_at_once(relay: Relay, local: End, upstream: End) -> None:
    local.send_error = upstream.send_error = ConnectionClosed("gone")
    local.say(b"one")
    upstream.say(b"two")
    await asyncio.wait_for(relay.serve(local), 20)

    assert local.reasons == upstream.reasons == [""]


async def test_a_slow_end_slows_the_other(relay: Relay, local: End, upstream: End) -> None:
    upstream.stuck.clear()
    local.say(*(b"%d" % index for index in range(10)))
    serving = asyncio.create_task(relay.serve(local))
    for _ in range(20):
        await asyncio.sleep(0)

    assert len(local._coming) == 9
    upstream.stuck.set()
    local.say(ConnectionClosed("done"))
    await asyncio.wait_for(serving, 20)
    assert len(upstream.sent) == 10


async def test_quiet_connections_are_kept_and_sizes_left_to_the_ends(
    relay: Relay, local: End, upstream: End
) -> None:
    local.say(ConnectionClosed("done"))
    await asyncio.wait_for(relay.serve(local), 20)

    assert local.keep_alive
    assert upstream.keep_alive
    assert local.max_message_size == upstream.max_message_size == LARGEST_MESSAGE


@pytest.mark.parametrize(
    "error", [ConnectError("fs.example: nobody home"), FileNotFoundError(2, "nobody home", "ca")]
)
async def test_a_server_out_of_reach_is_one_line_in_the_log(
    local: End, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def connect() -> NoReturn:
        raise error

    with caplog.at_level(logging.INFO):
        await Relay(connect).serve(local)
    (record,) = caplog.records

    assert record.levelname == "ERROR"
    assert "no connection to the server for 127.0.0.1:50000" in record.getMessage()
    assert "nobody home" in record.getMessage()
    assert record.exc_info is None


async def test_cancelling_ends_both(relay: Relay, local: End, upstream: End) -> None:
    serving = asyncio.create_task(relay.serve(local))
    for _ in range(20):
        await asyncio.sleep(0)
    assert upstream.keep_alive
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving

    assert upstream.reasons == [""]


async def test_it_says_when_the_server_is_gone(upstream: End, local: End) -> None:
    lost: list[str] = []

    async def connect() -> End:
        if not lost:
            return upstream
        raise ConnectError("nobody home")

    relay = Relay(connect, lost.append)
    upstream.say(ConnectionClosed("that was all"))
    await asyncio.wait_for(relay.serve(local), 20)
    await asyncio.wait_for(relay.serve(local), 20)
    assert lost == [
        "the server has ended a connection: that was all",
        "no connection to the server: nobody home",
    ]


async def test_a_client_that_leaves_is_no_news(upstream: End, local: End) -> None:
    lost: list[str] = []

    async def connect() -> End:
        return upstream

    local.say(ConnectionClosed("that was all"))
    await asyncio.wait_for(Relay(connect, lost.append).serve(local), 20)
    assert lost == []


async def test_the_first_server_that_answers(
    local: End, upstream: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NEXT_SERVER", 0.01)

    async def refuses() -> End:
        raise ConnectError("refused")

    async def never() -> End:
        await asyncio.Event().wait()
        raise AssertionError

    async def answers() -> End:
        return upstream

    async def late() -> End:
        return local

    assert await connect_first([answers, late]) is upstream
    assert await connect_first([refuses, answers, late]) is upstream
    assert await connect_first([never, refuses, answers]) is upstream
    for servers in ([refuses], [refuses, refuses]):
        with pytest.raises(ConnectError, match="refused"):
            await connect_first(servers)
