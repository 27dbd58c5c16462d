"""Records between messages, on one end of a socket."""

import asyncio
import socket

import pytest

from smbquic.errors import ConnectionClosed, RemoteProtocolError
from smbquic.workers.records import MAX_RECORD, RecordKind, record
from smbquic.workers.stream import RecordStream


class Noting(RecordStream):
    """A stream that keeps the records."""

    def __init__(self) -> None:
        super().__init__(1 << 20)
        self.records: list[tuple[RecordKind, bytes]] = []

    def record_received(self, kind: RecordKind, body: bytes) -> None:
        self.records.append((kind, body))


async def opened(made: type[RecordStream]) -> tuple[RecordStream, socket.socket]:
    here, there = socket.socketpair()
    _, stream = await asyncio.get_running_loop().create_unix_connection(
        lambda: made() if made is Noting else made(1 << 20), sock=here
    )
    return stream, there


async def test_records_stand_between_messages() -> None:
    stream, other = await opened(Noting)
    assert isinstance(stream, Noting)
    with other:
        large = bytes(100_000)
        other.sendall(
            record(RecordKind.AUTHENTICATED)
            + record(RecordKind.MESSAGE, b"one")
            + record(RecordKind.CLOSE, b"why")
            + record(RecordKind.MESSAGE, large)
        )
        assert bytes(await stream.receive()) == b"one"
        assert bytes(await stream.receive()) == large
        assert stream.records == [(RecordKind.AUTHENTICATED, b""), (RecordKind.CLOSE, b"why")]
        stream.write_record(RecordKind.KEEP_ALIVE, b"\1")
        assert other.recv(100) == b"\x03\0\0\1\1"
        stream.close()
        stream.write_record(RecordKind.KEEP_ALIVE, b"\1")
    await stream.wait_closed()


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(record(RecordKind.CLOSE, bytes(MAX_RECORD + 1)), id="too long"),
        pytest.param(b"\x63\0\0\0", id="unknown"),
    ],
)
async def test_what_is_no_record_ends_the_connection(what: bytes) -> None:
    stream, other = await opened(Noting)
    with other:
        other.sendall(what)
        with pytest.raises(RemoteProtocolError):
            await stream.receive()
    await stream.wait_closed()


async def test_a_record_that_this_end_does_not_take() -> None:
    stream, other = await opened(RecordStream)
    with other:
        other.sendall(record(RecordKind.CLOSE))
        with pytest.raises(RemoteProtocolError, match="CLOSE"):
            await stream.receive()
    await stream.wait_closed()


async def test_nobody_is_there() -> None:
    stream, other = await opened(Noting)
    assert stream.peer.kind == "unix"
    other.close()
    with pytest.raises(ConnectionClosed):
        await stream.receive()
    await stream.wait_closed()
