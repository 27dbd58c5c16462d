"""Certificates from a real ACME server, obtained and renewed while clients are served."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import sleep
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509

import smbquic
from smbquic import config
from smbquic.api import server as api
from smbquic.api.gateway import gateway
from smbquic.api.serving import Serving
from smbquic.auth.users import UserStore
from smbquic.cli.program import with_sockets
from smbquic.options.acme import AcmeOptions
from smbquic.options.gateway import PoolOptions
from smbquic.pki import PkiDirectory
from smbquic.pki.acme.client import AcmeClient
from smbquic.pki.acme.errors import AcmeError
from smbquic.pki.acme.renewer import AcmeRenewer, obtain_first
from smbquic.pki.acme.store import AcmeAccount, AcmeStore
from smbquic.pki.subject import subject_names
from tests.integration.acme_server import EAB_KEY, AcmeServer, acme_server
from tests.integration.auditing import AuditRecords
from tests.integration.program import environment
from tests.integration.program import smbquic as smbquic_command
from tests.polling import eventually

pytestmark = pytest.mark.debian("pebble", "pebble-challtestsrv")
PASSWORD = "correct horse"
TIMEOUT = 60.0


@pytest.fixture(scope="module")
def pebble(pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcmeServer]:
    """An ACME server, which refuses a third of all nonces."""
    with acme_server(tmp_path_factory.mktemp("pebble"), pki, refused_nonces=33) as server:
        yield server


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library asks for news every second, which tests need not wait for."""
    pauses = SimpleNamespace(sleep=lambda seconds: sleep(min(seconds, 0.05)))
    monkeypatch.setattr("acme.client.time", pauses)


class Time:
    """The time of the renewer: real, or later."""

    def __init__(self) -> None:
        self.later = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0) + self.later


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr("smbquic.pki.acme.renewer.now_utc", time)
    return time


async def obtained(options: AcmeOptions) -> AcmeRenewer:
    """A renewer that has just obtained a certificate, or failed to once."""
    renewer = AcmeRenewer(options)
    renewer.prepare()
    async with renewer.listening():
        outcome, _ = await renewer.attempt()
    if outcome.reason is not None:
        raise AcmeError(outcome.reason)
    return renewer


def certificate_of(renewer: AcmeRenewer) -> x509.Certificate:
    credential = renewer.store.credential()
    assert credential is not None
    return credential.certificate


# --- challenges and accounts ----------------------------------------------------------------------


async def test_http_01_by_our_listener(pebble: AcmeServer, tmp_path: Path) -> None:
    names = ("localhost", "FS.example", "fs.example", "127.0.0.1")
    renewer = await obtained(pebble.options(state=tmp_path / "state", names=names))
    found = subject_names(certificate_of(renewer))
    assert sorted(found) == ["127.0.0.1", "fs.example", "localhost"]
    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".pem", ".json", ""}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert renewer.answers.by_path == {}
    # The account is used again, and the key is not.
    account = renewer.store.account()
    key = certificate_of(renewer).public_key()
    await obtained(renewer.options)
    assert renewer.store.account() == account
    assert certificate_of(renewer).public_key() != key


async def test_http_01_by_a_socket_of_systemd(pebble: AcmeServer, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", pebble.ports.http)) as sock,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        options = pebble.options(state=tmp_path / "state", names=("sock.example",))
        settings = config.Configuration(users=UserStore(), acme=options)
        assert with_sockets(settings, [sock]) == settings
        smb = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        assert with_sockets(settings, [sock, other]).listen == (smb,)

        elsewhere = replace(options, http_listen="nowhere.example:1")
        await obtain_first(elsewhere, sockets=[sock], on_wait=lambda pause: pytest.fail("failed"))
    credential = AcmeStore(options).credential()
    assert credential is not None
    assert subject_names(credential.certificate) == ["sock.example"]


async def test_http_01_by_a_webroot(pebble: AcmeServer, tmp_path: Path) -> None:
    webroot = tmp_path / "www"
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "http.server", "--bind", "127.0.0.1", "-d", str(tmp_path / "www")),
        str(pebble.ports.http),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        await eventually(lambda: _listens(pebble.ports.http))
        await obtained(
            pebble.options(state=tmp_path / "state", names=("web.example",), webroot=webroot)
        )
        assert list((webroot / ".well-known" / "acme-challenge").iterdir()) == []
    finally:
        server.kill()
        await server.communicate()


def _listens(port: int) -> bool:
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", port)) == 0


async def test_dns_01_by_a_hook(pebble: AcmeServer, tmp_path: Path) -> None:
    renewer = await obtained(
        pebble.options(
            state=tmp_path / "state",
            names=("*.wild.example", "other.example"),
            challenge="dns-01",
            hook=pebble.dns_hook(),
        )
    )
    assert set(subject_names(certificate_of(renewer))) == {"*.wild.example", "other.example"}
    calls = sorted((pebble.folder / "calls").read_text().split("\n")[:-1])
    assert calls == [
        f"{what}_challenge {name}"
        for what in ("clean", "deploy")
        for name in ("other.example", "wild.example")
    ]


async def test_a_challenge_that_fails(pebble: AcmeServer, tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o700)
    with pytest.raises(AcmeError, match=r"none.example: http-01 failed: .*refused"):
        await obtained(pebble.options(names=("none.example",), hook=hook))


async def test_a_hook_that_fails(pebble: AcmeServer, tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.write_text("#!/bin/sh\nexit 3\n")
    hook.chmod(0o700)
    with pytest.raises(
        AcmeError, match=r"deploy_challenge none.example: it ended with exit code 3"
    ):
        await obtained(pebble.options(names=("none.example",), hook=hook))


async def test_an_account_that_the_server_has_forgotten(pebble: AcmeServer, tmp_path: Path) -> None:
    renewer = await obtained(pebble.options(state=tmp_path / "state"))
    account = renewer.store.account()
    assert account is not None
    gone = f"{account.url}0"
    renewer.store.save_account(AcmeAccount(account.key_pem, gone))
    await obtained(renewer.options)
    # The server finds the account of the key.
    assert renewer.store.account() == account


async def test_external_accounts(pki: PkiDirectory, tmp_path: Path) -> None:
    key_file = tmp_path / "eab"
    key_file.write_text(EAB_KEY + "\n")
    key_file.chmod(0o600)
    with acme_server(tmp_path, pki, external_accounts=True) as server:
        with pytest.raises(AcmeError, match="externalAccountRequired"):
            await obtained(server.options())
        await obtained(server.options(eab_key_id="kid-1", eab_key_file=key_file))


async def test_a_server_that_nobody_trusts(pebble: AcmeServer, tmp_path: Path) -> None:
    with pytest.raises(AcmeError, match=r"no answer: .*certificate verify failed"):
        await obtained(pebble.options(state=tmp_path / "state", ca=None))


async def test_the_server_says_when_to_renew(pebble: AcmeServer, tmp_path: Path) -> None:
    renewer = await obtained(pebble.options(state=tmp_path / "state"))
    client = AcmeClient(renewer.options, renewer.store, renewer.answers)
    at, again = await asyncio.to_thread(client.renewal_time)
    certificate = certificate_of(renewer)
    assert at is not None
    assert certificate.not_valid_before_utc < at < certificate.not_valid_after_utc
    assert 0 < again <= 24 * 3600


# --- servers --------------------------------------------------------------------------------------


class ClientLoad:
    """Clients at work until the end: some on one connection each, some on a new one each time."""

    def __init__(self, running: Serving, root: Path) -> None:
        self._port = running.listeners[0].rpartition(":")[2]
        self._root = root
        self.operations = 0
        self.connections = 0

    def _connect(self) -> Any:
        url = f"smb+quic://alice@localhost:{self._port}/data"
        # A connection that was lost would be an error, and not be made again.
        return smbquic.connect(
            url, password=PASSWORD, ca=self._root, reconnect_timeout=0, timeout=TIMEOUT
        )

    async def stay(self, number: int, stop: asyncio.Event) -> None:
        async with self._connect() as share:
            while not stop.is_set():
                await share.write_bytes(f"file{number}", os.urandom(70_000))
                assert len(await share.read_bytes(f"file{number}")) == 70_000
                self.operations += 2

    async def come_and_go(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            async with self._connect() as share:
                await share.stat("")
            self.connections += 1

    def is_beyond(self, operations: int, connections: int) -> bool:
        return self.operations > operations and self.connections > connections

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(self.stay(number, stop))
                group.create_task(self.come_and_go(stop))
            yield
            stop.set()


@pytest.mark.parametrize(("workers", "renewals"), [(0, 5), (2, 2)])
async def test_renewals_under_load(
    pebble: AcmeServer, tmp_path: Path, time: Time, workers: int, renewals: int
) -> None:
    audit = AuditRecords()
    async with api.serve(
        {"data": "memory:"},
        {"alice": PASSWORD},
        ["quic://127.0.0.1:0"],
        acme=pebble.options(state=tmp_path / "state"),
        audit=audit,
        workers=workers,
    ) as running:
        assert running.certificates is not None
        assert running.acme is not None
        load = ClientLoad(running, pebble.root())
        async with load.going_on():
            for _ in range(renewals):
                before = _served(running)
                time.later = timedelta(days=80)
                running.acme.retry()
                await eventually(partial(_differs, running, before))
                time.later = timedelta(0)
                # Clients of both kinds go on with the new certificate.
                await eventually(partial(load.is_beyond, load.operations + 4, load.connections + 4))
        [status] = running.status()["certificates"]
        assert status["acme"]["failures"] == 0
        assert status["acme"]["reason"] is None
    records = [each for each in audit.records if each["event"] == "certificate"]
    assert [each["renewed"] for each in records] == [True] * renewals
    assert records[0]["names"] == ["localhost", "fs.example"]


def _differs(running: Serving, before: int) -> bool:
    return _served(running) != before


def _served(running: Serving) -> int:
    assert running.certificates is not None
    return running.certificates.identities[0].credential.certificate.serial_number


async def test_a_failed_renewal_is_told_and_the_old_certificate_stays(
    pki: PkiDirectory, tmp_path: Path, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    audit = AuditRecords()
    with acme_server(tmp_path, pki) as server:
        await obtained(server.options())
    # The server is gone.
    async with api.serve(
        {"data": "memory:"},
        {"alice": PASSWORD},
        ["quic://127.0.0.1:0"],
        acme=server.options(),
        audit=audit,
    ) as running:
        assert running.acme is not None
        time.later = timedelta(days=80)
        running.acme.retry()
        await eventually(lambda: any(each["event"] == "certificate" for each in audit.records))
        [status] = running.status()["certificates"]
        assert status["acme"]["failures"] == 1
        assert "no answer" in status["acme"]["reason"]
    [record] = [each for each in audit.records if each["event"] == "certificate"]
    assert record["renewed"] is False
    assert record["not_after"]
    [error] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "no certificate for localhost, fs.example" in error.getMessage()
    assert "the former one is valid for" in error.getMessage()


async def test_a_gateway_with_such_a_certificate(pebble: AcmeServer, tmp_path: Path) -> None:
    async with gateway(
        [PoolOptions(backends=["tcp://127.0.0.1:1"])],
        listen=["quic://127.0.0.1:0"],
        acme=pebble.options(state=tmp_path / "state"),
    ) as running:
        [status] = running.status()["certificates"]
        assert status["acme"]["directory"] == pebble.directory
        running.reload()


def test_the_program(pebble: AcmeServer, tmp_path: Path) -> None:
    """From nothing to a served share, by the command line alone."""
    folders = {"XDG_DATA_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    command = [
        *(sys.executable, "-m", "smbquic", "serve", "--share", "data=memory:", "--user", "alice"),
        *("--acme", "localhost", "--acme-directory", pebble.directory, "--json"),
        *("--acme-ca", str(pebble.pki.ca), "--acme-listen", pebble.http),
        *("--listen", "quic://127.0.0.1:0", "--workers", "0"),
    ]
    with subprocess.Popen(
        command,
        env=environment(SMBQUIC_PASSWORD=PASSWORD, **folders),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            url = ready["urls"][0].replace("127.0.0.1", "localhost")
            listing = smbquic_command("ls", url, SMBQUIC_CA=str(pebble.root()))
            status = smbquic_command("status", XDG_RUNTIME_DIR=str(tmp_path))
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
    assert listing.returncode == 0, listing.stderr
    assert f"from {pebble.directory}, renewed at 20" in status.stdout
    assert "there is no certificate yet: one for localhost is obtained" in log
    assert process.returncode == 0
