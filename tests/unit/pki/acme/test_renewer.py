"""When a certificate is obtained and renewed, with a client that does what the test says."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smbquic.options.acme import AcmeOptions
from smbquic.pki import Authority, PkiDirectory, PkiError, Purpose, Validity
from smbquic.pki.acme import renewer as module
from smbquic.pki.acme.errors import AcmeError
from smbquic.pki.acme.renewer import AcmeRenewer, RenewalOutcome, obtain_first
from smbquic.pki.acme.store import AcmeStore
from smbquic.pki.subject import now_utc
from tests.polling import eventually

DAYS = timedelta(days=1)
NOW = now_utc()


class FakeAcmeServer:
    """What the ACME server does, as its clients see it."""

    def __init__(self, pki: PkiDirectory) -> None:
        self.pki = pki
        self.now = NOW
        self.failures: list[Exception] = []
        self.proposal: tuple[datetime | None, float] | Exception = (None, 6 * 3600.0)
        self.obtained = 0
        self.asked = 0

    def __call__(self, options: AcmeOptions, store: AcmeStore, publisher: object) -> "FakeClient":
        return FakeClient(self, options, store)

    def issue(self, store: AcmeStore, names: tuple[str, ...], days: float = 90) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        authority: Authority = self.pki.issuer()
        key = ec.generate_private_key(ec.SECP256R1())
        validity = Validity(self.now, self.now + days * DAYS)
        issued = authority.issue(Purpose.SERVER, "fs.example", key, validity, names)
        store.save(issued.key_pem, issued.certificate_pem)


class FakeClient:
    """A client of it."""

    def __init__(self, server: FakeAcmeServer, options: AcmeOptions, store: AcmeStore) -> None:
        self._server, self._options, self._store = server, options, store

    def obtain(self) -> None:
        if self._server.failures:
            raise self._server.failures.pop(0)
        self._server.obtained += 1
        self._server.issue(self._store, tuple(self._options.names))

    def renewal_time(self) -> tuple[datetime | None, float]:
        self._server.asked += 1
        if isinstance(self._server.proposal, Exception):
            raise self._server.proposal
        return self._server.proposal

    def end(self) -> None:
        raise AssertionError("nothing lasts")


@pytest.fixture
def server(pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch) -> FakeAcmeServer:
    server = FakeAcmeServer(pki)
    monkeypatch.setattr(module, "now_utc", lambda: server.now)
    monkeypatch.setattr("smbquic.pki.acme.renewer.random.random", lambda: 0.0)
    return server


@pytest.fixture
def renewer(server: FakeAcmeServer, tmp_path: Path) -> AcmeRenewer:
    renewer = AcmeRenewer(AcmeOptions(names=("fs.example",), state=tmp_path / "state"), server)
    renewer.prepare()
    return renewer


class RenewalRun:
    """A renewer that runs: its outcomes, and how long it waits for each next thing to do."""

    def __init__(self, renewer: AcmeRenewer) -> None:
        self.outcomes: list[RenewalOutcome] = []
        self.pauses: list[timedelta] = []
        self._renewer = renewer
        self._wait: Callable[[timedelta], Awaitable[None]] = renewer._wait
        renewer._wait = self._noted  # type: ignore[method-assign]

    async def _noted(self, pause: timedelta) -> None:
        self.pauses.append(pause)
        await self._wait(pause)

    async def next(self) -> timedelta:
        """Have it look once more; how long it waits then."""
        count = len(self.pauses)
        self._renewer.retry()
        await eventually(lambda: len(self.pauses) > count)
        return self.pauses[-1]


@asynccontextmanager
async def running(renewer: AcmeRenewer) -> AsyncIterator[RenewalRun]:
    run = RenewalRun(renewer)
    task = asyncio.create_task(renewer.run(run.outcomes.append))
    await eventually(lambda: bool(run.pauses))
    yield run
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_first_certificate(renewer: AcmeRenewer, server: FakeAcmeServer) -> None:
    server.failures = [AcmeError("no"), AcmeError("never", retry_after=7200.0)]
    waits: list[timedelta] = []

    def on_wait(pause: timedelta) -> None:
        waits.append(pause)
        renewer.retry()

    await renewer.obtain_first(on_wait)
    assert server.obtained == 1
    assert [each.total_seconds() for each in waits] == [60.0, 7200.0]
    await renewer.obtain_first(on_wait)
    assert server.obtained == 1


async def test_nothing_is_due(renewer: AcmeRenewer, server: FakeAcmeServer) -> None:
    server.issue(renewer.store, ("fs.example",))
    async with running(renewer) as run:
        assert run.pauses == [timedelta(seconds=module.CLOCK_CHECK)]
        server.now = NOW + 59.999 * DAYS
        assert await run.next() == server_due(90) - server.now
        assert renewer.status()["next"] == server_due(90).isoformat()
    assert (server.obtained, run.outcomes) == (0, [])


def server_due(days: int) -> datetime:
    return NOW + days * DAYS * 2 / 3


async def test_a_renewal(renewer: AcmeRenewer, server: FakeAcmeServer) -> None:
    server.issue(renewer.store, ("fs.example",))
    server.now = NOW + 61 * DAYS
    async with running(renewer) as run:
        # It is kept for a while, whatever happens.
        assert run.pauses == [timedelta(hours=1)]
    [outcome] = run.outcomes
    assert outcome.names == ("fs.example",)
    assert outcome.reason is None
    assert outcome.not_after == server.now + 90 * DAYS
    assert renewer.status()["failures"] == 0


@pytest.mark.parametrize("names", [("other.example",), ("a.fs.example",)])
async def test_other_names_than_before(
    renewer: AcmeRenewer, server: FakeAcmeServer, names: tuple[str, ...]
) -> None:
    server.issue(renewer.store, names)
    async with running(renewer):
        assert server.obtained == 1


async def test_a_damaged_certificate(
    renewer: AcmeRenewer, server: FakeAcmeServer, caplog: pytest.LogCaptureFixture
) -> None:
    renewer.store.certificate.write_text("nothing")
    async with running(renewer):
        assert server.obtained == 1
    assert "the former certificate cannot be used" in caplog.text


async def test_failures(
    renewer: AcmeRenewer, server: FakeAcmeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.issue(renewer.store, ("fs.example",))
    server.now = NOW + 61 * DAYS
    server.failures = [AcmeError("no"), PkiError("a hook"), OSError("a disk"), TimeoutError()]
    async with running(renewer) as run:
        await run.next()
        assert renewer.status()["reason"] == "a hook"
        assert renewer.status()["failures"] == 2
        await run.next()
        assert "an error of this program: OSError('a disk')" in str(renewer.status()["reason"])
        assert (await run.next()).total_seconds() == 480
        assert run.outcomes[-1].reason == "it took longer than 30 minutes"
        await run.next()
        assert renewer.status()["reason"] is None
    assert [each.reason is None for each in run.outcomes] == [*[False] * 4, True]
    assert [each.total_seconds() for each in run.pauses[:3]] == [60, 120, 240]
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "no certificate for fs.example: no; the next attempt is at" in errors[0].getMessage()
    assert errors[0].getMessage().endswith("the former one is valid for 29 days more")


async def test_the_former_certificate_has_expired(
    renewer: AcmeRenewer, server: FakeAcmeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.issue(renewer.store, ("fs.example",), days=1)
    server.now = NOW + 2 * DAYS
    server.failures = [AcmeError("no")]
    async with running(renewer):
        pass
    assert f"the former one expired on {NOW + DAYS:%Y-%m-%d}" in caplog.text


async def test_the_server_proposes_a_time(
    renewer: AcmeRenewer, server: FakeAcmeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.issue(renewer.store, ("fs.example",))
    server.proposal = (NOW + 30 * DAYS, 1.0)
    async with running(renewer) as run:
        assert renewer.status()["next"] == (NOW + 30 * DAYS).isoformat()
        # It is not asked more often than once an hour,
        await run.next()
        assert server.asked == 1
        server.now = NOW + timedelta(hours=1)
        server.proposal = (NOW + 29 * DAYS, 1e12)
        await run.next()
        assert renewer.status()["next"] == (NOW + 29 * DAYS).isoformat()
        # nor less often than once a day; what it has said last counts if it says nothing.
        server.now = NOW + timedelta(hours=25)
        server.proposal = RuntimeError("it does not answer")
        await run.next()
        assert server.asked == 3
        assert "does not say when to renew: RuntimeError('it does not answer')" in caplog.text
        assert renewer.status()["next"] == (NOW + 29 * DAYS).isoformat()
    assert server.obtained == 0


async def test_the_proposal_was_for_the_former_certificate(
    renewer: AcmeRenewer, server: FakeAcmeServer
) -> None:
    server.issue(renewer.store, ("fs.example",))
    server.proposal = (NOW, 6 * 3600.0)
    async with running(renewer) as run:
        assert server.obtained == 1
        server.proposal = (None, 6 * 3600.0)
        await run.next()
        assert server.obtained == 1
        assert renewer.status()["next"] == server_due(90).isoformat()


async def test_a_bug_does_not_end_the_renewals(
    renewer: AcmeRenewer, server: FakeAcmeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.issue(renewer.store, ("fs.example",))
    server.now = NOW + 61 * DAYS

    def record(outcome: RenewalOutcome) -> None:
        raise ZeroDivisionError

    run = RenewalRun(renewer)
    task = asyncio.create_task(renewer.run(record))
    await eventually(lambda: run.pauses == [timedelta(seconds=module.CLOCK_CHECK)])
    assert "ZeroDivisionError" in caplog.text
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_listener(server: FakeAcmeServer, tmp_path: Path) -> None:
    options = AcmeOptions(names=("fs.example",), state=tmp_path, http_listen="127.0.0.1:0")
    renewer = AcmeRenewer(options, server)
    async with renewer.listening():
        pass
    elsewhere = AcmeOptions(names=("fs.example",), webroot=tmp_path, http_listen="nowhere:1")
    async with AcmeRenewer(elsewhere, server).listening():
        pass


def test_a_hook_that_cannot_be_run(server: FakeAcmeServer, tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.touch()
    options = AcmeOptions(names=("fs.example",), state=tmp_path, hook=hook)
    with pytest.raises(PkiError, match=f"chmod \\+x {hook}"):
        AcmeRenewer(options, server).prepare()


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smbquic.pki.acme.client", None)
    with pytest.raises(PkiError, match=r"pip install 'smbquic\[acme\]'"):
        AcmeRenewer(AcmeOptions(names=("fs.example",), state=tmp_path))


async def test_with_the_rights_of_another_user(
    server: FakeAcmeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port is bound before the rights are taken on."""
    order: list[str] = []
    monkeypatch.setattr(module, "_client_class", lambda: server)

    class Rights:
        def __enter__(self) -> None:
            order.append("taken on")

        def __exit__(self, *error: Any) -> None:
            order.append("given back")

    async def opened(self: Any, address: str, sockets: object) -> None:
        order.append("bound")

    monkeypatch.setattr("smbquic.pki.acme.http_listener.HttpListener.open", opened)
    options = AcmeOptions(names=("fs.example",), state=tmp_path / "state")
    await obtain_first(options, rights=Rights(), on_wait=lambda pause: None)
    assert order == ["bound", "taken on", "given back"]
    assert server.obtained == 1
