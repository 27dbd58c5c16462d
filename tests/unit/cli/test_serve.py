"""`smbquic serve`: what it makes of its options, in process."""

import re
import shutil
import socket
from pathlib import Path

import click
import pytest

from smbquic.cli import announcement, serve
from smbquic.cli.shares import parse_share, share_of
from smbquic.options.audit import AuditOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.pki.authority import subject_names
from smbquic.pki.directory import PkiDirectory, init
from smbquic.pki.files import load_certificates
from smbquic.storage.local import LocalStorage


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
    assert serve._certificate(cert, key, secret, (), quic=True) == (files, pki.ca)
    container = IdentityFiles(certificate=cert)
    assert serve._certificate(cert, None, None, (), quic=True) == (container, pki.ca)
    for one, other in ((key, None), (None, secret)):
        with pytest.raises(click.UsageError, match="add --cert"):
            serve._certificate(None, one, other, (), quic=True)


def test_an_audit_file_that_cannot_be_written(tmp_path: Path) -> None:
    options = AuditOptions(file=tmp_path / "nowhere" / "audit")
    with pytest.raises(click.UsageError, match="audit: cannot be written to: No such file"):
        serve._open(options)


def test_the_authority_is_known_only_where_it_issued_the_certificate(
    pki: PkiDirectory, tmp_path: Path
) -> None:
    assert serve._authority_beside(pki.server.certificate) == pki.ca
    alone = Path(shutil.copy(pki.server.certificate, tmp_path))
    assert serve._authority_beside(alone) is None
    init(tmp_path / "other")
    stranger = Path(shutil.copy(alone, tmp_path / "other" / "stranger.pem"))
    assert serve._authority_beside(stranger) is None


def test_folders_are_shares_of_their_own_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    monkeypatch.chdir(papers)
    share = share_of(Path())
    assert (share.name, share.read_only) == ("papers", False)
    assert isinstance(share.storage, LocalStorage)
    share.storage.close()


def test_a_folder_whose_name_no_share_can_have(tmp_path: Path) -> None:
    odd = tmp_path / "a;b"
    odd.mkdir()
    for folder in (odd, Path("/")):
        with pytest.raises(click.UsageError, match="use --share NAME="):
            share_of(folder)


@pytest.mark.parametrize("text", ["data", "=x", "da/ta=.", "IPC$=.", "data=none"])
def test_shares_that_are_none(text: str) -> None:
    with pytest.raises(click.UsageError, match=f"^--share {re.escape(text)}: "):
        parse_share(text)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_machine_without_a_network_has_no_outside_address(
    family: socket.AddressFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        announcement._ELSEWHERE, family, "127.0.0.1" if family == socket.AF_INET else "::1"
    )
    assert announcement.outside_address(family) is None


@pytest.mark.parametrize("known", [True, False])
def test_a_machine_that_does_not_find_itself_is_localhost(
    monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    def resolve(name: str, port: None) -> list[str]:
        if not known:
            raise socket.gaierror("unknown")
        return [name]

    monkeypatch.setattr(socket, "gethostname", lambda: "fs")
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert announcement.machine_name() == ("fs" if known else "localhost")
