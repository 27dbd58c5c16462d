"""When a client's certificate is checked again, and what becomes of the client."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.pki import certificate_watch
from smbquic.pki.certificate_watch import CertificateWatch

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class WatchedClient:
    """A client whose certificate ends at `ends`, and is `granted` access after that or not."""

    def __init__(self, ends: datetime | None, *, granted: bool) -> None:
        self.decided: list[Any] = []
        self.closed: list[str] = []
        refusal = None if granted else SimpleNamespace(reason="expired")
        rules: Any = SimpleNamespace(ends=lambda *_: ends, refusal=lambda _: refusal)
        peer = SimpleNamespace(server_name="", certificates=())
        transport: Any = SimpleNamespace(peer=peer, close=self.closed.append)
        self.watch = CertificateWatch("a client", rules, transport, self.decided.append)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate_watch, "now_utc", lambda: NOW)


async def test_a_certificate_is_checked_again_after_its_end() -> None:
    client = WatchedClient(NOW + timedelta(seconds=1000), granted=False)
    before = asyncio.get_running_loop().time()
    client.watch.check()

    assert client.watch.timer is not None
    after = asyncio.get_running_loop().time()
    assert before + 1001 <= client.watch.timer.when() <= after + 1001
    assert client.closed == []
    client.watch.stop()
    assert client.watch.timer.cancelled()


@pytest.mark.parametrize(("granted", "closed"), [(False, True), (True, False)])
async def test_a_certificate_that_has_expired(granted: bool, closed: bool) -> None:
    client = WatchedClient(NOW - timedelta(seconds=1), granted=granted)
    client.watch.check()

    assert client.closed == (["access denied"] if closed else [])
    assert len(client.decided) == closed
    assert client.watch.timer is None


async def test_a_client_without_a_certificate_is_not_watched() -> None:
    client = WatchedClient(None, granted=False)
    client.watch.check()
    client.watch.stop()

    assert client.watch.timer is None
    assert client.closed == []


async def test_a_certificate_that_ends_now_is_checked_once_more_in_a_second() -> None:
    client = WatchedClient(NOW, granted=False)
    client.watch.check()
    assert client.watch.timer is not None
    assert client.watch.timer.when() <= asyncio.get_running_loop().time() + 1
    assert client.closed == []
    client.watch.stop()


async def test_without_certificates_nothing_is_watched() -> None:
    client = WatchedClient(NOW - timedelta(seconds=1), granted=False)
    watch = CertificateWatch("a client", None, client.watch._transport, client.decided.append)
    watch.check()
    watch.stop()
    assert (watch.timer, client.closed, client.decided) == (None, [], [])


async def test_why_a_client_is_disconnected_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    client = WatchedClient(NOW - timedelta(seconds=1), granted=False)
    client.watch.check()
    assert [decision.reason for decision in client.decided] == ["expired"]
    assert caplog.messages == ["a client: closed: expired"]
