"""Certificates by name, replaced while the server runs, and clients kept in or out by rules."""

import asyncio
import json
import logging
import random
import shutil
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

import smbquic
from smbquic.api import server as api
from smbquic.api.serving import Serving
from smbquic.client.share import Share
from smbquic.errors import (
    AuthenticationError,
    ConnectionClosed,
    DeniedError,
    HandshakeError,
    NotFoundError,
)
from smbquic.ntstatus import NtStatus
from smbquic.options.certificate import IdentityFiles
from smbquic.options.limits import Limits
from smbquic.pki import CertificateFiles, Fault, FaultyPki, PkiDirectory, PkiError, Purpose
from smbquic.pki.container import read_certificates
from smbquic.pki.explain import fingerprint
from smbquic.pki.files import load_certificates
from smbquic.pki.issuing import issue, renew, replace_intermediate, revoke
from smbquic.pki.reload import ServerCertificates
from smbquic.transport import quic
from tests.engines import ENGINES
from tests.integration.auditing import AuditRecords
from tests.polling import eventually

PASSWORD = "correct horse"


@pytest.fixture
def own(pki: PkiDirectory, tmp_path: Path) -> PkiDirectory:
    """The PKI of all, copied, so that this test may change it."""
    return PkiDirectory(Path(shutil.copytree(pki.path, tmp_path / "pki")))


def identity(files: CertificateFiles, **more: Any) -> IdentityFiles:
    return IdentityFiles(certificate=files.certificate, key=files.key, **more)


def serving(
    tmp_path: Path, *certificates: IdentityFiles, **more: Any
) -> AbstractAsyncContextManager[Serving]:
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    return api.serve(
        {"data": folder},
        {"alice": PASSWORD},
        ["quic://127.0.0.1:0"],
        certificates=certificates,
        **more,
    )


def port(running: Serving) -> int:
    return int(running.listeners[0].rpartition(":")[2])


def connect(
    running: Serving,
    own: PkiDirectory,
    certificate: CertificateFiles | None = None,
    *,
    share: str = "data",
    password: str = PASSWORD,
    crl: Path | None = None,
) -> AbstractAsyncContextManager[Share]:
    return smbquic.connect(
        f"smb+quic://alice@localhost:{port(running)}/{share}",
        password=password,
        ca=own.ca,
        crl=crl,
        client_certificate=certificate.certificate if certificate else None,
        client_key=certificate.key if certificate else None,
    )


async def shown(running: Serving, own: PkiDirectory, name: str) -> str:
    """The fingerprint of what the server shows to a client that asks for `name`."""
    chains: list[list[bytes]] = []

    def look(chain: list[bytes], asked: str) -> None:
        chains.append(chain)

    trust = quic.ClientTls(verify=look)
    transport = await quic.connect("127.0.0.1", port(running), trust=trust, server_name=name)
    transport.close()
    await transport.wait_closed()
    return fingerprint(x509.load_der_x509_certificate(chains[0][0]))


def print_of(files: CertificateFiles) -> str:
    return fingerprint(read_certificates(files.certificate)[0])


def shows(certificates: ServerCertificates, leaf: x509.Certificate) -> bool:
    return certificates.identities[0].credential.certificate == leaf


async def until_it_ends(share: Share) -> None:
    """Use the connection of a share until it is gone; the share itself would connect again."""
    connection = share.session.connection
    while True:
        await connection.echo()
        await asyncio.sleep(0.01)


async def test_each_name_has_its_certificate(own: PkiDirectory, tmp_path: Path) -> None:
    second = issue(own, "second.example", Purpose.SERVER)
    wild = issue(own, "wild", Purpose.SERVER, ["*.wild.example"])
    async with serving(tmp_path, identity(own.server), identity(second), identity(wild)) as running:
        assert await shown(running, own, "fs.example") == print_of(own.server)
        assert await shown(running, own, "localhost") == print_of(own.server)
        assert await shown(running, own, "SECOND.example") == print_of(second)
        assert await shown(running, own, "a.wild.example") == print_of(wild)
        for unknown in ("other.example", "wild.example", "a.b.wild.example"):
            with pytest.raises(HandshakeError) as refused:
                await shown(running, own, unknown)
            assert refused.value.reason == "unrecognized-name"
        async with connect(running, own) as share:
            assert await share.listdir("") == []


async def test_a_default_is_for_everybody_else(own: PkiDirectory, tmp_path: Path) -> None:
    second = issue(own, "second.example", Purpose.SERVER)
    async with serving(tmp_path, identity(own.server), identity(second, default=True)) as running:
        assert await shown(running, own, "other.example") == print_of(second)
        assert await shown(running, own, "fs.example") == print_of(own.server)


async def test_only_one_name_asks_for_client_certificates(
    own: PkiDirectory, tmp_path: Path
) -> None:
    second = issue(own, "second.example", Purpose.SERVER)
    async with serving(
        tmp_path, identity(own.server, client_ca=own.ca), identity(second)
    ) as running:
        assert await shown(running, own, "second.example") == print_of(second)
        with pytest.raises(HandshakeError) as refused:
            await shown(running, own, "fs.example")
        assert refused.value.reason == "no-certificate"
        async with connect(running, own, own.client) as share:
            assert await share.listdir("") == []


async def test_a_renewed_certificate_is_taken_up_and_sessions_go_on(
    own: PkiDirectory, tmp_path: Path
) -> None:
    async with serving(tmp_path, identity(own.server, default=True)) as running:
        certificates = running.certificates
        assert certificates is not None
        async with connect(running, own) as share:
            for number in range(3):
                await share.write_bytes(f"{number}", b"x")
                renew(own, "server", new_key=True)
                new = load_certificates(own.server.certificate)[0]
                await eventually(partial(shows, certificates, new))
                assert await shown(running, own, "localhost") == fingerprint(new)
            assert len(await share.listdir("")) == 3


async def test_twenty_renewals_during_a_transfer(own: PkiDirectory, tmp_path: Path) -> None:
    seen = set()

    async def replace(running: Serving) -> None:
        renew(own, "server", new_key=True)
        running.reload()
        seen.add(await shown(running, own, "localhost"))
        assert print_of(own.server) in seen

    piece = random.Random(6).randbytes(10_000_000)
    async with (
        serving(tmp_path, identity(own.server, default=True)) as running,
        connect(running, own) as share,
    ):
        async with share.open("large", "wb") as file:
            for _ in range(20):
                await asyncio.gather(file.write(piece), replace(running))
        assert len(seen) == 20
    with (tmp_path / "data" / "large").open("rb") as written:
        for _ in range(20):
            assert written.read(len(piece)) == piece
        assert written.read() == b""


async def test_a_bad_new_file_is_refused_and_the_old_one_stays(
    own: PkiDirectory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = print_of(own.server)
    good, key = own.server.certificate.read_bytes(), own.server.key.read_bytes()
    async with serving(tmp_path, identity(own.server, default=True)) as running:
        with caplog.at_level(logging.ERROR):
            own.server.certificate.write_bytes(own.client.certificate.read_bytes())
            await eventually(lambda: "are not used" in caplog.text)
        assert await shown(running, own, "localhost") == before
        with pytest.raises(PkiError, match="is not the key of"):
            running.reload()
        own.server.key.write_bytes(own.client.key.read_bytes())
        with pytest.raises(PkiError, match="not meant for a server"):
            running.reload()
        assert await shown(running, own, "localhost") == before
        own.server.certificate.write_bytes(good)
        own.server.key.write_bytes(key)
        own.server.key.chmod(0o644)
        with pytest.raises(PkiError, match="chmod 600"):
            running.reload()
        assert await shown(running, own, "localhost") == before


async def test_a_new_deny_rule_ends_connections(own: PkiDirectory, tmp_path: Path) -> None:
    bob = issue(own, "bob", Purpose.CLIENT)
    allow = ["issuer:smbquic issuer *"]
    files = identity(own.server, default=True, client_ca=own.ca, allow=allow)
    async with serving(tmp_path, files) as running:
        async with connect(running, own, own.client) as alices, connect(running, own, bob) as bobs:
            await bobs.write_bytes("x", b"x")
            deny = [f"sha256:{print_of(bob)}"]
            rules = {"allow": allow, "deny": deny}
            running.reload([identity(own.server, default=True, client_ca=own.ca, **rules)])
            async with asyncio.timeout(60):
                with pytest.raises(ConnectionClosed):
                    await until_it_ends(bobs)
            assert len(await alices.listdir("")) == 1
        with pytest.raises(HandshakeError) as refused:
            async with connect(running, own, bob):
                pass
        assert refused.value.reason == "access-denied"


async def test_a_new_revocation_ends_connections(own: PkiDirectory, tmp_path: Path) -> None:
    bob = issue(own, "bob", Purpose.CLIENT)
    files = identity(own.server, default=True, client_ca=own.ca, client_crl=own.crl)
    async with serving(tmp_path, files) as running, connect(running, own, bob) as bobs:
        await bobs.listdir("")
        revoke(own, load_certificates(bob.certificate)[0])
        async with asyncio.timeout(60):
            with pytest.raises(ConnectionClosed):
                await until_it_ends(bobs)


async def test_another_intermediate_takes_over_while_the_server_runs(
    own: PkiDirectory, tmp_path: Path
) -> None:
    stolen = issue(own, "stolen", Purpose.CLIENT)
    stolen = CertificateFiles(
        stolen.certificate.rename(tmp_path / "stolen.pem"),
        stolen.key.rename(tmp_path / "stolen.key"),
    )
    files = identity(own.server, default=True, client_ca=own.ca, client_crl=own.crl)
    async with serving(tmp_path, files) as running:
        certificates = running.certificates
        assert certificates is not None
        async with connect(running, own, stolen) as share:
            replace_intermediate(own)
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(until_it_ends(share), 60)
        await eventually(partial(shows, certificates, load_certificates(own.server.certificate)[0]))
        async with connect(running, own, own.client, crl=own.crl) as share:
            await share.listdir("")
        with pytest.raises(HandshakeError, match="was revoked"):
            async with connect(running, own, stolen):
                pass


async def test_a_revoked_intermediate_ends_connections_and_allows_none(
    own: PkiDirectory, tmp_path: Path
) -> None:
    files = identity(own.server, default=True, client_ca=own.ca, client_crl=own.crl)
    async with serving(tmp_path, files) as running:
        async with connect(running, own, own.client, crl=own.crl) as share:
            await share.listdir("")
            revoke(own, load_certificates(own.intermediate)[0])
            async with asyncio.timeout(60):
                with pytest.raises(ConnectionClosed):
                    await until_it_ends(share)
        for crl, whose in ((None, "client"), (own.crl, "server")):
            with pytest.raises(HandshakeError, match=r"'smbquic issuer .*' was revoked") as refused:
                async with connect(running, own, own.client, crl=crl):
                    pass
            assert refused.value.reason == "revoked", whose


@pytest.mark.parametrize("name", ["other", "both"])
async def test_certificates_that_contradict_each_other(
    own: PkiDirectory, tmp_path: Path, name: str
) -> None:
    second = issue(own, "second.example", Purpose.SERVER)
    pair = {
        "other": (identity(own.server), identity(own.server)),
        "both": (identity(own.server, default=True), identity(second, default=True)),
    }[name]
    with pytest.raises(PkiError, match=r"are both for localhost|both be the default"):
        async with serving(tmp_path, *pair):
            pass


async def test_the_audit_tells_it_all(own: PkiDirectory, tmp_path: Path) -> None:
    sink = AuditRecords()
    bob = issue(own, "bob", Purpose.CLIENT)
    rules = {"allow": ["issuer:*"], "deny": [f"sha256:{print_of(bob)}"]}
    files = identity(own.server, default=True, client_ca=own.ca, **rules)
    limits = Limits(failed_logon_delay=0)
    async with serving(tmp_path, files, audit=sink, limits=limits) as running:
        async with connect(running, own, own.client) as share:
            await share.listdir("")
        with pytest.raises(NotFoundError):
            async with connect(running, own, own.client, share="nothing") as share:
                pass
        with pytest.raises(AuthenticationError):
            async with connect(running, own, own.client, password="wrong"):
                pass
        with pytest.raises(HandshakeError):
            async with connect(running, own, bob):
                pass
    connection = sink.of("connection")[0]
    assert connection["client_certificate"] == print_of(own.client)
    assert connection["server_name"] == "localhost"
    granted = sink.of("access-decision")[0]
    assert (granted["granted"], granted["connection"]) == (True, connection["connection"])
    assert sink.of("access-decision")[-1]["rule"] == f"deny sha256:{print_of(bob)}"
    assert sink.of("handshake-failure")[0]["reason"] == "access-denied"
    assert [record["user"] for record in sink.of("logon")] == ["alice", "alice"]
    assert sink.of("logon-failure")[0]["status"] == "STATUS_LOGON_FAILURE"
    assert sink.of("share-access")[0]["path"].endswith("\\data")
    denial = sink.of("share-denial")[0]
    assert (denial["status"], denial["user"]) == ("STATUS_BAD_NETWORK_NAME", "alice")
    assert len(sink.of("disconnection")) == 3
    assert PASSWORD not in json.dumps(sink.records)


async def test_a_client_logs_on_as_whom_its_certificate_is_for(
    own: PkiDirectory, tmp_path: Path
) -> None:
    sink = AuditRecords()
    alices, bobs = (issue(own, name, Purpose.CLIENT) for name in ("alice", "bob"))
    logons = ["subject:* -> {}"]
    files = identity(own.server, default=True, client_ca=own.ca, logons=logons)
    limits = Limits(failed_logon_delay=0, failed_logons=1)
    async with serving(tmp_path, files, audit=sink, limits=limits) as running:
        for _ in range(2):
            with pytest.raises(AuthenticationError) as refused:
                async with connect(running, own, bobs):
                    pass
            assert refused.value.status is NtStatus.ACCESS_DENIED
        async with connect(running, own, alices) as share:
            assert await share.listdir("") == []
    decisions = [each for each in sink.of("access-decision") if "user" in each]
    assert [(each["user"], each["granted"], each["rule"]) for each in decisions] == [
        ("alice", False, "subject:* -> {}"),
        ("alice", False, "subject:* -> {}"),
        ("alice", True, "subject:* -> {}"),
    ]
    assert "may log on as bob, but not as alice" in decisions[0]["message"]
    assert decisions[0]["matched_certificate"] == print_of(bobs)
    failure = sink.of("logon-failure")[0]
    assert failure["status"] == "STATUS_ACCESS_DENIED"
    assert failure["connection"] == decisions[0]["connection"]


async def test_a_certificate_that_is_for_others_now_ends_connections(
    own: PkiDirectory, tmp_path: Path
) -> None:
    def files(*rules: str) -> IdentityFiles:
        return identity(own.server, default=True, client_ca=own.ca, logons=rules)

    async with (
        serving(tmp_path, files("issuer:* -> alice, bob")) as running,
        connect(running, own, own.client) as share,
    ):
        await share.listdir("")
        running.reload([files("issuer:* -> Alice")])
        await share.listdir("")
        running.reload([files("issuer:* -> bob")])
        async with asyncio.timeout(60):
            with pytest.raises(ConnectionClosed):
                await until_it_ends(share)


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_handshake_that_fails_is_recorded_with_the_name_asked_for(
    own: PkiDirectory, tmp_path: Path, engine: str
) -> None:
    sink = AuditRecords()
    files = identity(own.server, default=True)
    async with serving(tmp_path, files, audit=sink, engine=engine) as running:
        with pytest.raises(HandshakeError):
            await quic.connect(
                "127.0.0.1", port(running), trust=quic.ClientTls(), server_name="fs.example"
            )
        await eventually(lambda: bool(sink.of("handshake-failure")))
    (failure,) = sink.of("handshake-failure")
    assert (failure["server_name"], failure["reason"]) == ("fs.example", "unknown-ca")
    assert "client_certificate" not in failure


async def test_a_certificate_that_is_refused_is_in_the_record(
    own: PkiDirectory, bad_pki: FaultyPki, tmp_path: Path
) -> None:
    sink = AuditRecords()
    files = bad_pki.client(Fault.EXPIRED)
    required = identity(own.server, client_ca=own.ca)
    async with serving(tmp_path, required, audit=sink) as running:
        with pytest.raises(HandshakeError):
            async with connect(running, own, files):
                pass
        with pytest.raises(HandshakeError):
            await shown(running, own, "other.example")
        await eventually(lambda: len(sink.of("handshake-failure")) == 2)
    expired, unknown = sink.of("handshake-failure")
    assert (expired["reason"], expired["server_name"]) == ("expired", "localhost")
    assert expired["client_certificate"] == expired["chain"][0] == print_of(files)
    assert (unknown["reason"], unknown["server_name"]) == ("unrecognized-name", "other.example")
    assert "chain" not in unknown


async def test_pipes_are_a_matter_of_the_name(own: PkiDirectory, tmp_path: Path) -> None:
    second = issue(own, "second.example", Purpose.SERVER, ["127.0.0.1"])
    files = (identity(own.server, names=("localhost",)), identity(second, default=True, pipes=True))
    async with serving(tmp_path, *files) as running:
        assert await shares_at(running, own, "127.0.0.1") == ["data"]
        with pytest.raises(DeniedError):
            await shares_at(running, own, "localhost")


async def shares_at(running: Serving, own: PkiDirectory, host: str) -> list[str]:
    """The disk shares that a server lists to who comes by this name."""
    url = f"smb+quic://alice@{host}:{port(running)}"
    async with smbquic.open_session(url, password=PASSWORD, ca=own.ca) as session:
        return [each.name for each in await session.shares() if not each.name.endswith("$")]


async def test_files_are_in_the_audit_where_asked_for(own: PkiDirectory, tmp_path: Path) -> None:
    sink = AuditRecords()
    files = identity(own.server, default=True)
    async with (
        serving(tmp_path, files, audit=sink, audit_files=True) as running,
        connect(running, own) as share,
    ):
        await share.write_bytes("a", b"x")
        await share.rename("a", "b")
        await share.remove("b")
    renamed = sink.of("rename")[-1]
    assert (renamed["path"], renamed["new_path"]) == ("a", "b")
    (deleted,) = sink.of("delete")
    assert (deleted["path"], deleted["status"]) == ("b", "STATUS_SUCCESS")
    opened = sink.of("open")
    assert {each["share"] for each in opened} == {"data"}
    assert {each["user"] for each in (*opened, renamed, deleted)} == {"alice"}
    assert len({each["connection"] for each in (*opened, renamed, deleted)}) == 1
