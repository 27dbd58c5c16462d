"""Addresses of back ends, and whether they are up."""

import asyncio
from pathlib import Path

import pytest

from smbquic.errors import ConnectError, UrlError
from smbquic.gateway.backend import Backend, BackendAddress


@pytest.mark.parametrize(
    ("text", "address", "url"),
    [
        ("tcp://nas", BackendAddress("nas", 445), "tcp://nas:445"),
        ("tcp://nas:1445/", BackendAddress("nas", 1445), "tcp://nas:1445"),
        ("tcp://[::1]", BackendAddress("::1", 445), "tcp://[::1]:445"),
        ("tcp://[::1]:9 weight=0", BackendAddress("::1", 9, weight=0), "tcp://[::1]:9"),
        ("tcp://nas  weight=3 ", BackendAddress("nas", 445, weight=3), "tcp://nas:445"),
        ("unix:///run/smb weight=2", BackendAddress(path="/run/smb", weight=2), "unix:///run/smb"),
    ],
)
def test_addresses(text: str, address: BackendAddress, url: str) -> None:
    assert BackendAddress.parse(text) == address
    assert address.url == url


@pytest.mark.parametrize(
    "text",
    [
        *("", "nas", "quic://nas", "tcp://", "tcp://nas:x", "tcp://nas:0", "tcp://nas:65536"),
        *("tcp://a@b", "tcp://nas/share", "unix://run", "unix:///", "tcp://[::1]x"),
        *("tcp://nas weight", "tcp://nas weight=x", "tcp://nas 3", "tcp://nas weight=-1"),
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(UrlError):
        BackendAddress.parse(text)


def test_it_is_down_after_failures_in_a_row_and_up_after_a_success() -> None:
    asked: list[int] = []
    backend = Backend(BackendAddress("nas"), failures=2)
    backend.on_failure = lambda: asked.append(1)
    backend.check_failed("refused")
    backend.succeeded()
    backend.check_failed("refused")
    assert backend.accepts
    assert not asked
    backend.connection_failed("timed out")
    assert (backend.state, backend.reason, backend.accepts) == ("down", "timed out", False)
    assert asked == [1]
    backend.check_failed("refused")
    backend.succeeded()
    assert (backend.state, backend.reason, backend.accepts) == ("up", "", True)
    backend.on_failure = None
    backend.connection_failed("refused")


def test_the_load_is_for_the_weight() -> None:
    one, two = (Backend(BackendAddress("nas", weight=weight), 2) for weight in (1, 2))
    assert two.load < one.load
    two.connections = two.total = 3
    assert one.load < two.load
    drained = Backend(BackendAddress("nas", weight=0), 2)
    assert (drained.state, drained.accepts) == ("drained", False)
    assert drained.load == (1, 0)


def test_clients_that_are_being_connected_are_part_of_the_load() -> None:
    one, two = (Backend(BackendAddress(name), 2) for name in ("one", "two"))
    with one.chosen():
        assert one.load > two.load
        with two.chosen(), two.chosen():
            assert one.load < two.load
    assert one.load == two.load == (1, 0)


async def test_it_connects_over_both_transports(tmp_path: Path) -> None:
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.put_nowait(await reader.readexactly(3))
        writer.close()
        await writer.wait_closed()

    over_tcp = await asyncio.start_server(serve, "127.0.0.1", 0)
    over_unix = await asyncio.start_unix_server(serve, tmp_path / "socket")
    port = over_tcp.sockets[0].getsockname()[1]
    for address in (BackendAddress("127.0.0.1", port), BackendAddress(path=f"{tmp_path}/socket")):
        transport = await Backend(address, 1).connect(b"hey")
        assert await asyncio.wait_for(received.get(), 20) == b"hey"
        transport.close()
        await transport.wait_closed()
    for server in (over_tcp, over_unix):
        server.close()
        await server.wait_closed()
    with pytest.raises(ConnectError):
        await Backend(BackendAddress("127.0.0.1", port), 1).connect()
