"""`smbquic serve`: what it makes of its options, in process."""

import socket
from pathlib import Path

import click
import pytest

from smbquic.cli import serve
from smbquic.config import AuditOptions
from smbquic.pki.authority import subject_names
from smbquic.pki.directory import PkiDirectory
from smbquic.pki.files import load_certificates
from smbquic.pki.identities import IdentityFiles


@pytest.fixture(autouse=True)
def data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "user_data_directory", lambda: tmp_path)


def call_it(monkeypatch: pytest.MonkeyPatch, host: str, full: str) -> None:
    """Has the machine go by these names."""
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    monkeypatch.setattr(socket, "getfqdn", lambda: full)


def names_of(*given: str) -> list[str]:
    files, ca = serve._certificate(None, None, None, given, quic=True)
    assert files is not None
    assert ca is not None
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
    assert "no DNS name: add --name NAME" in capsys.readouterr().err
    assert "fs.example" in names_of("fs.example")
    assert capsys.readouterr().err == ""


def test_a_name_that_is_asked_for_has_to_be_one() -> None:
    with pytest.raises(click.UsageError, match="--name not a name: this is neither"):
        names_of("not a name")


def test_a_certificate_that_is_given_is_taken(pki: PkiDirectory) -> None:
    cert, key, secret = pki.server.certificate, pki.server.key, pki.path / "secret"
    files = IdentityFiles(certificate=cert, key=key, password_file=secret)
    assert serve._certificate(cert, key, secret, (), quic=True) == (files, None)
    container = IdentityFiles(certificate=cert)
    assert serve._certificate(cert, None, None, (), quic=True) == (container, None)
    for one, other in ((key, None), (None, secret)):
        with pytest.raises(click.UsageError, match="add --cert"):
            serve._certificate(None, one, other, (), quic=True)


def test_an_audit_file_that_cannot_be_written(tmp_path: Path) -> None:
    options = AuditOptions(file=tmp_path / "nowhere" / "audit")
    with pytest.raises(click.UsageError, match="audit: cannot be written to: No such file"):
        serve._open(options)
