from collections.abc import Callable, Iterator

import pytest

from smbquic.client.share import Share
from smbquic.errors import DeniedError, RemoteProtocolError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.header import Command
from smbquic.wire.ioctl import IoctlResponse
from smbquic.wire.ioctl_payloads import (
    SrvCopychunkCopy,
    SrvCopychunkResponse,
    SrvRequestResumeKeyResponse,
)
from smbquic.wire.read import ReadResponse
from tests.unit.client.fakes import Answer, FakeServer, Received, opened

KEY = bytes(range(24))
SIZE = 40 << 20


class Copier:
    """A server that copies, with limits of its own: chunks, bytes of a chunk, bytes in all."""

    def __init__(self, server: FakeServer, limits: tuple[int, int, int], size: int = SIZE) -> None:
        self.limits = limits
        self.asked: list[list[tuple[int, int, int]]] = []
        self.answer: Callable[[int], Answer] | None = None
        server.handlers[Command.CREATE] = lambda request: opened(size)
        server.handlers[Command.IOCTL] = self._control

    def _control(self, request: Received) -> Answer:
        body = request.body
        if body.ctl_code == Fsctl.SRV_REQUEST_RESUME_KEY:
            assert (bytes(body.input), body.max_output_response) == (b"", 32)
            output = SrvRequestResumeKeyResponse(KEY).encode()
            return IoctlResponse(body.ctl_code, body.file_id, output=output)
        assert (body.ctl_code, body.max_output_response) == (Fsctl.SRV_COPYCHUNK_WRITE, 12)
        copying = SrvCopychunkCopy.decode(body.input)
        assert copying.source_key == KEY
        chunks = [(one.source_offset, one.target_offset, one.length) for one in copying.chunks]
        total = sum(length for _, _, length in chunks)
        self.asked.append(chunks)
        if self.answer is not None:
            return self.answer(total)
        most, largest, at_once = self.limits
        if len(chunks) > most or max(one[2] for one in chunks) > largest or total > at_once:
            return NtStatus.INVALID_PARAMETER, self.copied(*self.limits)
        return self.copied(len(chunks), 0, total)

    def copied(self, *counts: int) -> IoctlResponse:
        """An answer with these counts, or limits."""
        output = SrvCopychunkResponse(*counts).encode()
        return IoctlResponse(Fsctl.SRV_COPYCHUNK_WRITE, self._file_id(), output=output)

    def _file_id(self) -> FileId:
        return opened().file_id


@pytest.mark.parametrize(
    ("limits", "refused"),
    [((256, 1 << 20, 16 << 20), 0), ((1, 1 << 19, 1 << 20), 1), ((16, 1 << 20, 4 << 20), 1)],
)
async def test_the_content_does_not_travel(
    share: Share, server: FakeServer, limits: tuple[int, int, int], refused: int
) -> None:
    copier = Copier(server, limits)
    progress: list[tuple[int, int]] = []
    assert await share.copy("x", "y", progress=lambda *done: progress.append(done)) == SIZE
    assert {"READ", "WRITE"}.isdisjoint(server.commands())
    done = copier.asked[refused:]
    pieces = [piece for request in done for piece in request]
    assert [source for source, target, _ in pieces if source == target] == [
        sum(length for _, _, length in pieces[:index]) for index in range(len(pieces))
    ]
    assert sum(length for _, _, length in pieces) == SIZE
    assert progress[-1] == (SIZE, SIZE)
    assert len(progress) == len(done)
    # No request copies less than it may.
    most, largest, at_once = limits
    assert len(done) == -(-SIZE // min(at_once, most * largest))
    assert {length for _, _, length in pieces} == {largest}
    # Its times are kept, and it takes its name at the end.
    assert server.commands()[-5:] == ["CLOSE", "SET_INFO", "FLUSH", "SET_INFO", "CLOSE"]


@pytest.mark.parametrize(
    "status",
    [NtStatus.NOT_SUPPORTED, NtStatus.INVALID_DEVICE_REQUEST, NtStatus.INVALID_PARAMETER],
)
async def test_a_server_that_cannot_copy(
    share: Share, server: FakeServer, status: NtStatus
) -> None:
    copier = Copier(server, (1, 1, 1), size=5)
    copier.answer = lambda total: (status, None)
    server.handlers[Command.READ] = lambda request: ReadResponse(b"bytes")
    assert await share.copy("x", "y") == 5
    assert server.written() == {0: b"bytes"}


async def test_a_server_without_keys(share: Share, server: FakeServer) -> None:
    server.handlers[Command.CREATE] = lambda request: opened(5)
    server.handlers[Command.READ] = lambda request: ReadResponse(b"bytes")
    assert await share.copy("x", "y") == 5
    assert server.written() == {0: b"bytes"}


async def test_an_empty_file(share: Share, server: FakeServer) -> None:
    copier = Copier(server, (1, 1, 1), size=0)
    assert await share.copy("x", "y") == 0
    assert copier.asked == []


@pytest.mark.parametrize("count", [0, 2])
async def test_a_server_that_cannot_count(share: Share, server: FakeServer, count: int) -> None:
    copier = Copier(server, (1, 1, 1))
    copier.answer = lambda total: copier.copied(1, 0, count * total)
    with pytest.raises(RemoteProtocolError, match="the server copied"):
        await share.copy("x", "y")
    assert server.commands()[-2:] == ["CLOSE", "CLOSE"]


async def test_an_error_is_an_error(share: Share, server: FakeServer) -> None:
    copier = Copier(server, (1, 1, 1))
    copier.answer = lambda total: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError, match="IOCTL: y: "):
        await share.copy("x", "y")


async def test_a_server_that_cannot_go_on(share: Share, server: FakeServer) -> None:
    """Nothing that was copied is copied again through this machine."""
    copier = Copier(server, (1, 1, 1))
    answers: Iterator[Answer] = iter(
        [copier.copied(16, 0, 16 << 20), (NtStatus.NOT_SUPPORTED, None)]
    )
    copier.answer = lambda total: next(answers)
    with pytest.raises(StatusError):
        await share.copy("x", "y")
    assert "READ" not in server.commands()
