"""The certificates of `smbquic serve`."""

import shutil
import socket
from pathlib import Path

import click
import pytest

from smbquic.auth.users import UserStore
from smbquic.cli import server_certificate
from smbquic.cli.server_certificate import (
    authority_beside,
    certificates_of,
    given_certificate,
    has_certificate,
    private_certificate,
)
from smbquic.config import Configuration
from smbquic.options.acme import AcmeOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.pki.acme.store import AcmeStore, with_acme
from smbquic.pki.directory import PkiDirectory, init
from smbquic.pki.files import load_certificates
from smbquic.pki.subject import subject_names


@pytest.fixture(autouse=True)
def data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_certificate, "user_data_directory", lambda: tmp_path)


def call_it(monkeypatch: pytest.MonkeyPatch, host: str, full: str) -> None:
    """Has the machine go by these names."""
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    monkeypatch.setattr(socket, "getfqdn", lambda: full)


def names_of(*given: str) -> list[str]:
    files, _ = private_certificate({}, given)
    assert files.default
    return subject_names(load_certificates(files.certificate)[0])


def test_the_certificate_is_for_the_machine_and_for_what_was_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call_it(monkeypatch, "fs", "fs.home.example")
    assert {"localhost", "fs", "fs.home.example", "files.example"} <= set(names_of("files.example"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("odd", ["Anna's laptop", "", "(none)", "a..b"])
def test_a_machine_whose_name_is_no_dns_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], odd: str
) -> None:
    call_it(monkeypatch, odd, odd)
    names = names_of()
    assert "localhost" in names
    assert odd not in names
    assert "is not a DNS name: add --name NAME" in capsys.readouterr().err
    assert "fs.example" in names_of("fs.example")
    assert capsys.readouterr().err == ""


def test_a_name_that_is_asked_for_has_to_be_one() -> None:
    with pytest.raises(click.UsageError, match="--name not a name: this is neither"):
        names_of("not a name")


def test_a_certificate_that_is_given_is_taken(pki: PkiDirectory) -> None:
    server = pki.server
    for given in (
        {"certificate": server.certificate},
        {"certificate": server.certificate, "key": server.key, "password_file": pki.crl},
        {"certificate": server.certificate, "client_ca": pki.ca, "allow": ("issuer:*",)},
    ):
        assert has_certificate(given)
        assert given_certificate(given) == (IdentityFiles(default=True, **given), pki.ca)


@pytest.mark.parametrize("name", ["key", "password_file"])
def test_a_key_alone_is_about_nothing(name: str) -> None:
    given = {name: Path("x")}
    assert has_certificate(given)
    with pytest.raises(click.UsageError, match="add --cert"):
        given_certificate(given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"allow": ("issuer:*",)}, "--allow, --deny and --client-crl need --client-ca"),
        ({"client_crl": Path("x")}, "--allow, --deny and --client-crl need --client-ca"),
        ({"client_ca": Path("x"), "deny": ("cn:x",)}, "write sha256:HEX"),
    ],
)
def test_rules_that_cannot_be(given: dict[str, object], words: str) -> None:
    assert not has_certificate(given)
    with pytest.raises(click.UsageError, match=words):
        private_certificate(given, ())
    with pytest.raises(click.UsageError, match=words):
        given_certificate({"certificate": Path("x"), **given})


def test_the_authority_is_known_only_where_it_issued_the_certificate(
    pki: PkiDirectory, tmp_path: Path
) -> None:
    assert authority_beside(pki.server.certificate) == pki.ca
    alone = Path(shutil.copy(pki.server.certificate, tmp_path))
    assert authority_beside(alone) is None
    init(tmp_path / "other")
    moved = Path(shutil.copy(alone, tmp_path / "other" / "moved.pem"))
    assert authority_beside(moved) is None


def test_a_certificate_from_an_acme_server(pki: PkiDirectory) -> None:
    acme = AcmeOptions(names=("fs.example",))
    settings = Configuration(users=UserStore(), acme=acme)
    file = AcmeStore(acme).certificate
    rules = {"client_ca": pki.ca, "allow": ("issuer:*",)}
    files = IdentityFiles(certificate=file, key=file, default=True, client_ca=pki.ca)
    assert certificates_of(settings, {"client_ca": pki.ca}, None) == ((files,), None)
    assert certificates_of(settings, rules, None)[0][0].allow == ("issuer:*",)
    with pytest.raises(click.UsageError, match="need --client-ca"):
        certificates_of(settings, {"allow": ("issuer:*",)}, None)
    with pytest.raises(click.UsageError, match="--acme and --cert exclude each other"):
        certificates_of(settings, {"certificate": pki.server.certificate}, None)


def test_the_command_line_comes_before_the_acme_of_the_file(pki: PkiDirectory) -> None:
    acme = AcmeOptions(names=("fs.example",))
    settings = Configuration(users=UserStore(), acme=acme, certificates=with_acme((), acme))
    server = pki.server
    given = {"certificate": server.certificate, "key": server.key}
    (only,), _ = certificates_of(settings, given, Path("smbquic.toml"))
    assert only.certificate == server.certificate
    assert certificates_of(settings, {}, Path("smbquic.toml")) == (settings.certificates, None)
