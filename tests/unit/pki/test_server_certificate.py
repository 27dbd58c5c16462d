import asyncio
import logging
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from smbquic.errors import HandshakeError
from smbquic.options.certificate import IdentityFiles
from smbquic.pki import CertificateFiles, PkiDirectory, PkiError, Purpose
from smbquic.pki import reload as reload_module
from smbquic.pki.authority import Validity, key_pem
from smbquic.pki.container import ders, read_certificates, read_credential
from smbquic.pki.files import load_key, write_file
from smbquic.pki.issuing import issue
from smbquic.pki.reload import ServerCertificates
from smbquic.pki.server_certificate import ServerCertificate
from smbquic.transport.base import Peer
from smbquic.transport.quic.tls import CertificatesByName, ServerTls, pem, source_name


@pytest.fixture
def own(pki: PkiDirectory, tmp_path: Path) -> PkiDirectory:
    return PkiDirectory(Path(shutil.copytree(pki.path, tmp_path / "pki")))


def files(which: CertificateFiles, **more: Any) -> IdentityFiles:
    return IdentityFiles(certificate=which.certificate, key=which.key, **more)


def test_a_pem_file_without_its_key_is_not_about_permissions(own: PkiDirectory) -> None:
    with pytest.raises(
        PkiError, match=r"server\.pem is PEM, .* give that too \(--key FILE"
    ) as error:
        ServerCertificate.load(IdentityFiles(certificate=own.server.certificate))
    assert "chmod" not in str(error.value)


def test_names_come_from_the_certificate_unless_given(own: PkiDirectory) -> None:
    assert ServerCertificate.load(files(own.server)).names == (
        "localhost",
        "fs.example",
        "127.0.0.1",
        "::1",
    )
    given = ServerCertificate.load(files(own.server, names=("FS.example",)))
    assert (given.names, given.issues) == (("fs.example",), ())
    given.check()


def test_a_name_that_the_certificate_lacks_is_found(own: PkiDirectory) -> None:
    wrong = ServerCertificate.load(
        files(own.server, names=("fs.example", "other.example", "*.x.example"))
    )
    with pytest.raises(PkiError, match=r"not for 'other\.example'"):
        wrong.check()


def test_keys_that_others_can_read_are_refused(own: PkiDirectory) -> None:
    own.server.key.chmod(0o640)
    ServerCertificate.load(files(own.server))
    for mode in (0o604, 0o602, 0o620):
        own.server.key.chmod(mode)
        with pytest.raises(PkiError, match="chmod 600"):
            ServerCertificate.load(files(own.server))
    own.server.key.unlink()
    with pytest.raises(PkiError, match="cannot read the private key"):
        ServerCertificate.load(files(own.server))


def test_rules_need_an_authority(own: PkiDirectory) -> None:
    for more in ({"allow": ()}, {"deny": ()}, {"logons": ()}, {"client_crl": own.crl}):
        with pytest.raises(PkiError, match="need client_ca"):
            ServerCertificate.load(files(own.server, **more))


def test_what_is_wrong_is_in_the_log(own: PkiDirectory, caplog: pytest.LogCaptureFixture) -> None:
    short = issue(own, "short.example", Purpose.SERVER, days=5)
    ServerCertificates([files(short)])
    assert caplog.text == ""
    now = datetime.now(UTC).replace(microsecond=0)
    validity = Validity(now - timedelta(days=16), now + timedelta(days=5))
    names = ["short.example"]
    short.write(own.issuer().issue(Purpose.SERVER, names[0], load_key(short.key), validity, names))
    ServerCertificates([files(short)])
    assert "days more only: renew it" in caplog.text


def test_decisions_by_name(own: PkiDirectory) -> None:
    client = ders(read_certificates(own.client.certificate))
    shown = ServerCertificates(
        [
            files(own.server, names=("fs.example",), client_ca=own.ca, allow=()),
            files(own.server, names=("localhost",)),
        ]
    )
    denied = shown.decide("fs.example", client)
    assert denied is not None
    assert not denied.granted
    assert shown.decide("localhost", client) is None
    gone = shown.decide("other.example", client)
    assert gone is not None
    assert "no certificate for the name 'other.example' any more" in gone.reason


async def test_a_reminder_comes_once_a_day(
    own: PkiDirectory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = ServerCertificates([files(own.server)])
    start = datetime.now(UTC) + timedelta(days=390)
    day = timedelta(days=1)
    told: list[int] = []
    # What the clock says each time that it is looked at, and how often was reminded by then.
    times = [start, start, start + day - timedelta(seconds=1), start + day, start + day]
    asked = iter(times)
    finished = asyncio.Event()

    def now() -> datetime:
        told.append(len(caplog.records))
        try:
            return next(asked)
        except StopIteration:
            finished.set()
            return times[-1]

    monkeypatch.setattr(reload_module, "now_utc", now)
    watching = asyncio.create_task(shown.watch(lambda: None, interval=0.001))
    await asyncio.wait_for(finished.wait(), 60)
    watching.cancel()
    assert told[: len(times) + 1] == [0, 1, 1, 1, 2, 2]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert [text.rpartition(" expires")[2] for text in caplog.messages] == [
        " in 6 days",
        " in 5 days",
    ]


async def test_changed_files_are_read_when_two_polls_find_them_the_same(
    own: PkiDirectory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the files look like at each poll; "d" and after it, they cannot be used.
    polls = iter("aabccccdddeec" + "c" * 1000)
    state, count = "a", 0
    read: list[int] = []
    finished = asyncio.Event()

    def remind(shown: ServerCertificates) -> None:
        nonlocal state, count
        state, count = next(polls), count + 1
        if state == "d":
            own.server.certificate.write_bytes(b"garbage")
        if count > 13:
            finished.set()

    monkeypatch.setattr(reload_module, "_signature", lambda files: state)
    monkeypatch.setattr(ServerCertificates, "_remind", remind)
    shown = ServerCertificates([files(own.server)])
    before = shown.find("fs.example")
    watching = asyncio.create_task(shown.watch(lambda: read.append(count), interval=0.001))
    await asyncio.wait_for(finished.wait(), 60)
    watching.cancel()
    assert read == [5]
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(errors) == 2
    assert "server.pem: " in errors[0].getMessage()
    assert before is not None
    assert shown.find("fs.example") is not None


def test_whom_a_client_may_log_on_as_by_name(own: PkiDirectory) -> None:
    client = ders(read_certificates(own.client.certificate))
    logons = ["issuer:* -> alice"]
    shown = ServerCertificates(
        [
            files(own.server, names=("fs.example",), client_ca=own.ca, logons=logons, pipes=True),
            files(own.server, names=("localhost",), client_ca=own.ca),
        ]
    )
    decisions = [shown.decide_logon("fs.example", client, user) for user in ("alice", "bob")]
    assert [each.granted for each in decisions if each is not None] == [True, False]
    assert shown.users("fs.example", client) == ["alice"]
    assert shown.decide_logon("localhost", client, "bob") is None
    assert shown.users("localhost", client) is None
    gone = shown.decide_logon("other.example", client, "alice")
    assert gone is not None
    assert not gone.granted
    with pytest.raises(HandshakeError):
        shown.decide_logon("fs.example", ders(read_certificates(own.ca)), "alice")
    assert [shown.allows_pipes(name) for name in ("fs.example", "localhost", "x")] == [
        True,
        None,
        None,
    ]


def test_when_the_certificate_of_a_client_ends(own: PkiDirectory) -> None:
    chain = read_certificates(own.client.certificate)
    client = ders(chain)
    shown = ServerCertificates(
        [
            files(own.server, names=("fs.example",), client_ca=own.ca),
            files(own.server, names=("localhost",)),
        ]
    )

    assert shown.ends("fs.example", client) == chain[0].not_valid_after_utc
    assert chain[0].not_valid_after_utc != chain[1].not_valid_after_utc
    assert shown.ends("fs.example", []) is None
    assert shown.ends("localhost", client) is None
    assert shown.ends("other.example", client) is None


def test_why_a_client_or_a_user_of_it_is_refused(own: PkiDirectory) -> None:
    client = tuple(ders(read_certificates(own.client.certificate)))
    shown = ServerCertificates(
        [
            files(
                own.server,
                names=("fs.example",),
                client_ca=own.ca,
                logons=["issuer:* -> alice"],
            ),
            files(own.server, names=("localhost",)),
        ]
    )

    def refusal(name: str, *users: str, certificates: tuple[bytes, ...] = client) -> str | None:
        peer = Peer(
            "quic", ("::1", 443), ("::1", 50000), server_name=name, certificates=certificates
        )
        found = shown.refusal(peer, users)
        return None if found is None else found.reason

    assert refusal("fs.example") is refusal("fs.example", "alice") is None
    assert refusal("localhost", "anybody") is None
    assert refusal("fs.example", "alice", "bob") is not None
    assert "no certificate for the name" in (refusal("other.example") or "")
    assert refusal("fs.example", certificates=client[1:]) is not None


def test_a_name_is_one_of_those_of_the_certificates(own: PkiDirectory) -> None:
    wild = issue(own, "wild", Purpose.SERVER, names=["*.wild.example"])
    shown = ServerCertificates([files(own.server, names=("fs.example",)), files(wild)])

    names = ("fs.example", "a.wild.example", "a.b.wild.example", "wild.example", "x", "")
    assert [shown.is_name(name) for name in names] == [True, True, False, False, False, False]


def password_file(folder: Path, password: str) -> Path:
    path = folder / "password"
    path.write_text(f"{password}\nwhatever else\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("kind", ["pkcs12", "pem"])
def test_keys_with_a_password(own: PkiDirectory, tmp_path: Path, kind: str) -> None:
    credential = read_credential(own.server.certificate, own.server.key)
    container, key = own.server.certificate, None
    if kind == "pkcs12":
        container = tmp_path / "fs.p12"
        write_file(
            container,
            pkcs12.serialize_key_and_certificates(
                None,
                credential.key,
                credential.certificate,
                credential.chain,
                BestAvailableEncryption("pässword".encode()),
            ),
            0o600,
        )
    else:
        key = tmp_path / "fs.key"
        write_file(key, key_pem(credential.key, "pässword"), 0o600)
    secret = password_file(tmp_path, "pässword")
    identity = IdentityFiles(certificate=container, key=key, password_file=secret)
    assert ServerCertificate.load(identity).credential.key_pem == credential.key_pem
    assert secret in identity.watched
    password_file(tmp_path, "wrong")
    with pytest.raises(PkiError, match="the password is wrong") as no:
        ServerCertificate.load(identity)
    assert "\n" not in str(no.value)
    with pytest.raises(PkiError, match="password"):
        ServerCertificate.load(IdentityFiles(certificate=container, key=key))
    secret.chmod(0o644)
    with pytest.raises(PkiError, match="others can read or change this password"):
        ServerCertificate.load(identity)


def test_finding_a_name() -> None:
    plain, wild, default = (ServerTls(name.encode(), b"key") for name in ("a", "b", "c"))
    names = CertificatesByName({"fs.example": plain, "*.example": wild})
    assert names.find("FS.example.") is plain
    assert names.find("other.example") is wild
    assert names.find("a.b.example") is None
    assert names.find("") is None
    assert names.all == (plain, wild)
    assert CertificatesByName({}, default).find("x") is default
    assert "key" not in repr(plain).replace("key=", "")
    assert pem(b"x") == b"x"
    assert source_name(b"x", "key") == "the key"
    assert source_name(Path("x"), "key") == "x"
