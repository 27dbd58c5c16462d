"""Checks of back ends, which the test plays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from smbquic.errors import RemoteProtocolError, SmbError
from smbquic.gateway import health as module
from smbquic.gateway.backend import Backend, BackendAddress
from smbquic.gateway.health import HealthMonitor, check
from smbquic.gateway.pool import Pool
from smbquic.gateway.proxy_protocol import header_for_check
from smbquic.ntstatus import NtStatus
from smbquic.options.gateway import BackendOptions, PoolOptions
from smbquic.wire.header import Command
from smbquic.wire.negotiate import Dialect, NegotiateRequest
from tests.polling import eventually
from tests.unit.gateway.messages import failed, negotiated, request


@asynccontextmanager
async def answering(answer: bytes | None, received: list[bytes]) -> AsyncIterator[Backend]:
    """A back end that answers each check with these bytes, or never."""
    stop = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(4096))
        if answer is None:
            await stop.wait()
        else:
            writer.write(len(answer).to_bytes(4, "big") + answer)
            await writer.drain()
            await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield Backend(BackendAddress("127.0.0.1", server.sockets[0].getsockname()[1]), failures=1)
    stop.set()
    server.close()
    await server.wait_closed()


async def test_a_server_that_answers_a_negotiate_is_there() -> None:
    received: list[bytes] = []
    async with answering(bytes(negotiated()), received) as backend:
        await check(backend, seconds=20)
        await check(backend, preamble=header_for_check(), seconds=20)
    plain, with_header = received
    sent = NegotiateRequest.decode(memoryview(plain)[4:])
    assert Dialect.SMB_3_1_1 in sent.dialects
    assert with_header.startswith(header_for_check())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"SSH-2.0", "cannot be read"),
        (bytes(request(Command.NEGOTIATE, b"")), "no response to a NEGOTIATE"),
        (bytes(negotiated())[:-4], "cannot be read"),
        (
            bytes(failed(Command.NEGOTIATE, NtStatus.INSUFFICIENT_RESOURCES)),
            "refused a NEGOTIATE with the status 0xc000009a",
        ),
    ],
)
async def test_any_other_answer_is_a_failure(answer: bytes, error: str) -> None:
    async with answering(answer, []) as backend:
        with pytest.raises(RemoteProtocolError, match=error):
            await check(backend, seconds=20)


async def test_so_is_none() -> None:
    async with answering(None, []) as backend:
        with pytest.raises(SmbError, match=r"did not answer a NEGOTIATE within 0\.05 s"):
            await check(backend, seconds=0.05)


async def test_a_back_end_is_checked_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes: list[Exception | None] = [None, SmbError("gone"), OSError("gone"), None]
    preambles: list[bytes] = []

    async def checked(_: Backend, *, preamble: bytes, seconds: float) -> None:
        assert seconds == 2.0
        preambles.append(preamble)
        outcome = outcomes.pop(0) if outcomes else None
        states.append(backend.state)
        if outcome is not None:
            raise outcome

    states: list[str] = []
    down: list[Backend] = []
    monkeypatch.setattr(module, "check", checked)
    backend = Backend(BackendAddress("nas"), failures=2)
    monitor = HealthMonitor(down.append, spread=lambda: -1.0)
    pool = Pool(PoolOptions(backends=["tcp://nas"], proxy_protocol=True), [backend])
    monitor.watch([pool], BackendOptions(health_interval=0.1))
    await eventually(lambda: len(states) >= 5)
    assert states[:5] == ["up", "up", "up", "down", "up"]
    assert down == [backend]
    assert set(preambles) == {header_for_check()}
    monitor.stop()
    assert backend.on_failure is None


async def test_a_connection_that_fails_has_its_back_end_checked_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checks: list[int] = []

    async def checked(*_: object, **__: object) -> None:
        checks.append(1)

    monkeypatch.setattr(module, "check", checked)
    monkeypatch.setattr(module, "SOON", 0.0)
    backend = Backend(BackendAddress("nas"), failures=2)
    monitor = HealthMonitor()
    options = BackendOptions(health_interval=3600)
    monitor.watch([Pool(PoolOptions(backends=["tcp://nas"]), [backend])], options)
    await eventually(lambda: len(checks) == 1)
    await asyncio.sleep(0)
    backend.connection_failed("refused")
    await eventually(lambda: len(checks) == 2)
    assert backend.failed == 0
    monitor.stop()
