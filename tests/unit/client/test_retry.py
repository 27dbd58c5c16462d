"""Coming again to a server that is busy."""

from types import SimpleNamespace

import pytest

from smbquic.client import retry
from smbquic.client.retry import retry_while_busy
from smbquic.errors import ConnectionClosed, StatusError
from smbquic.ntstatus import NtStatus

BUSY = StatusError.of(NtStatus.REQUEST_NOT_ACCEPTED, "NEGOTIATE")
GONE = ConnectionClosed("the peer closed the connection")


class Server:
    """Fails so often before it answers."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked = 0

    async def attempt(self) -> str:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return "connected"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(retry, "LONGEST_DELAY", 0.002)


async def test_who_is_busy_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    full = StatusError.of(NtStatus.INSUFFICIENT_RESOURCES, "SESSION_SETUP")
    server = Server(*[BUSY, full] * 10, GONE, GONE, GONE)

    assert await retry_while_busy(server.attempt, 60) == "connected"
    assert server.asked == 24
    assert len(caplog.messages) == 23
    assert caplog.messages[0] == f"the server is asked again in 0.0 s: {BUSY}"


async def test_what_else_fails_is_not_tried_again() -> None:
    denied = StatusError.of(NtStatus.ACCESS_DENIED, "NEGOTIATE")
    server = Server(denied)
    with pytest.raises(StatusError) as caught:
        await retry_while_busy(server.attempt, 60)

    assert caught.value is denied
    assert server.asked == 1


async def test_who_hangs_up_each_time_is_let_be() -> None:
    server = Server(*[GONE] * 10)
    with pytest.raises(ConnectionClosed):
        await retry_while_busy(server.attempt, 60)

    assert server.asked == 1 + retry.CLOSES_ALLOWED


async def test_it_has_an_end() -> None:
    server = Server(*[BUSY] * 100_000)
    with pytest.raises(StatusError) as caught:
        await retry_while_busy(server.attempt, 0.05)

    assert caught.value.status == NtStatus.REQUEST_NOT_ACCEPTED
    assert server.asked > 1


async def test_the_time_between_attempts_doubles_up_to_a_limit_and_varies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chances: list[tuple[float, float]] = []
    waits: list[float] = []

    def uniform(low: float, high: float) -> float:
        chances.append((low, high))
        return 0.5

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(retry, "random", SimpleNamespace(uniform=uniform))
    loop = SimpleNamespace(time=lambda: 0.0)
    monkeypatch.setattr(
        retry, "asyncio", SimpleNamespace(sleep=sleep, get_running_loop=lambda: loop)
    )
    monkeypatch.setattr(retry, "FIRST_DELAY", 1.0)
    monkeypatch.setattr(retry, "LONGEST_DELAY", 5.0)
    server = Server(*[BUSY] * 5)

    await retry_while_busy(server.attempt, 2.5)

    assert waits == [0.5, 1.0, 2.0, 2.5, 2.5]
    assert set(chances) == {(0.5, 1.5)}
    server = Server(BUSY)
    with pytest.raises(StatusError):
        await retry_while_busy(server.attempt, 0.4)
    assert server.asked == 1
