"""`smbquic pki` and its words and exit codes, in process."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from smbquic.cli.failure import ExitCode
from smbquic.cli.main import cli, main
from smbquic.pki import Fault, FaultyPki, PkiDirectory
from smbquic.pki.container import read_credential
from smbquic.pki.files import load_certificates


def pki_command(*arguments: object, code: int = 0, **options: Any) -> str:
    result = CliRunner().invoke(cli, ["pki", *map(str, arguments)], **options)
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


@dataclass(frozen=True)
class Ended:
    """How the program ended, and what it said on both streams."""

    code: int
    said: str


@pytest.fixture
def run_main(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """The whole program, with its exit codes."""

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        code = main(list(arguments))
        captured = capsys.readouterr()
        return Ended(code, captured.out + captured.err)

    return run


def test_the_life_of_a_certificate(tmp_path: Path) -> None:
    place = tmp_path / "pki"
    pki_command("init", place)
    assert "alice.pem" in pki_command("issue", place, "alice", "--for", "client")
    accept = ("--ca", place / "ca.pem", "--crl", place / "crl.pem", "--for", "client")
    assert "accepted" in pki_command("verify", place / "alice.pem", *accept)
    before = load_certificates(place / "alice.pem")[0]
    renewed = json.loads(pki_command("renew", place, "alice", "--json"))
    assert renewed == {
        "renewed": [
            {"certificate": str(place / "alice.pem"), "key": str(place / "alice.key")},
        ],
        "revoked": [],
        "failures": [],
    }
    assert load_certificates(place / "alice.pem")[0] != before
    assert "nothing is due" in pki_command("renew", place)
    assert "revoked" in pki_command("revoke", place, place / "alice.pem")
    assert "before" in pki_command("revoke", place, place / "alice.pem")
    assert json.loads(pki_command("revoke", place, place / "alice.pem", "--json"))["new"] is False
    assert "refused (revoked)" in pki_command("verify", place / "alice.pem", *accept, code=4)
    assert "revoked" in pki_command("revoke", place, place / "intermediate.pem")
    said = pki_command("verify", place / "client.pem", *accept, code=4)
    assert "refused (revoked)" in said
    assert "client.pem" in pki_command("replace-intermediate", place)
    assert "accepted" in pki_command("verify", place / "client.pem", *accept)


def test_an_encrypted_authority(tmp_path: Path) -> None:
    place = tmp_path / "pki"
    secret: Any = {"env": {"SMBQUIC_KEY_PASSWORD": "secret"}}
    assert "no password" in pki_command("init", place, "--encrypt-ca", code=2)
    assert "empty" in pki_command(
        "init", place, "--encrypt-ca", "--password-file", "-", code=2, input="\n"
    )
    pki_command("init", place, "--encrypt-ca", **secret)
    assert "no password" in pki_command("issue", place, "a", "--for", "client", code=2)
    pki_command("issue", place, "a", "--for", "client", **secret)
    pki_command("renew", place, "a", "--password-file", "-", input="secret\n")


def test_what_is_revoked_is_not_renewed_unless_forced(
    tmp_path: Path, run_main: Callable[..., Ended]
) -> None:
    place = tmp_path / "pki"
    pki_command("init", place)
    pki_command("issue", place, "alice", "--for", "client")
    pki_command("revoke", place, place / "alice.pem")
    before = (place / "alice.pem").read_bytes()
    # The daily run: the others are renewed, and this is no failure.
    said = pki_command("renew", place, "--within", "400")
    assert f"renewed {place / 'server.pem'}" in said
    assert f"{place / 'alice.pem'} is revoked, and is not renewed without --force" in said
    assert "nothing is due" not in said
    document = json.loads(pki_command("renew", place, "--within", "400", "--json"))
    assert document["revoked"] == [str(place / "alice.pem")]
    assert len(document["renewed"]) == 2
    # Named, it is one.
    failed = run_main("pki", "renew", str(place), "alice")
    assert failed.code == ExitCode.TRANSPORT
    assert "alice.pem is revoked" in failed.said
    failed = run_main("pki", "renew", str(place), "alice", "server")
    assert failed.code == ExitCode.PARTLY
    assert f"renewed {place / 'server.pem'}" in failed.said
    assert "1 not renewed, 1 renewed" in failed.said
    assert (place / "alice.pem").read_bytes() == before
    assert "alice.pem" in pki_command("renew", place, "alice", "--force", "--new-key")
    accept = ("--ca", place / "ca.pem", "--crl", place / "crl.pem", "--for", "client")
    assert "accepted" in pki_command("verify", place / "alice.pem", *accept)


def test_one_that_cannot_be_renewed_does_not_stop_the_others(
    tmp_path: Path, pki: PkiDirectory, run_main: Callable[..., Ended]
) -> None:
    place = tmp_path / "pki"
    pki_command("init", place)
    for ending in ("pem", "key"):
        source = pki.server.certificate if ending == "pem" else pki.server.key
        (place / f"another.{ending}").write_bytes(source.read_bytes())
    result = run_main("pki", "renew", str(place), "--within", "400")
    assert result.code == ExitCode.PARTLY
    assert "another.pem was not issued by" in result.said
    assert f"renewed {place / 'server.pem'}" in result.said


@pytest.mark.parametrize("stem", ["ca", "a/b"])
def test_names_that_are_none(pki: PkiDirectory, stem: str) -> None:
    for command in (("issue", pki.path, stem, "--for", "server"), ("renew", pki.path, stem)):
        assert "cannot be the name" in pki_command(*command, code=2)


def test_inspect_speaks_of_both_ends(pki: PkiDirectory) -> None:
    said = pki_command("inspect", pki.server.certificate, "--name", "fs.example")
    assert "certificate 2:" in said
    assert "as the certificate of a server: yes" in said
    assert "as the certificate of a client: no" in said
    assert "clientAuth" in said
    document = json.loads(pki_command("inspect", pki.client.certificate, "--json"))
    assert [each["authority"] for each in document["certificates"]] == [False, True]
    assert document["use"]["client"]["usable"] is True
    assert document["use"]["server"]["usable"] is False
    only = json.loads(pki_command("inspect", pki.client.certificate, "--for", "client", "--json"))
    assert list(only["use"]) == ["client"]


@pytest.mark.parametrize("fault", Fault)
def test_verify_says_why_not(pki: PkiDirectory, bad_pki: FaultyPki, fault: Fault) -> None:
    said = json.loads(
        pki_command(
            *("verify", bad_pki.server(fault).certificate, "--ca", pki.ca, "--crl", bad_pki.crl),
            *("--name", "localhost", "--json"),
            code=4,
        )
    )
    reason = "weak-key" if fault is Fault.RSA_1024 else fault.value
    assert (said["accepted"], said["reason"]) == (False, reason)
    assert said["message"]


def test_verify_with_the_systems_trust(pki: PkiDirectory) -> None:
    said = pki_command("verify", pki.server.certificate, code=4)
    assert "refused (unknown-ca)" in said
    said = pki_command("verify", pki.server.certificate, "--crl", pki.crl, code=4)
    assert "refused (unknown-ca)" in said


def test_convert(pki: PkiDirectory, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        pkcs12,
    )

    credential = read_credential(pki.server.certificate, pki.server.key)
    source = tmp_path / "fs.pfx"
    source.write_bytes(
        pkcs12.serialize_key_and_certificates(
            None,
            credential.key,
            credential.certificate,
            credential.chain,
            BestAvailableEncryption(b"secret"),
        )
    )
    secret = tmp_path / "secret"
    secret.write_text("secret\n")
    out = (tmp_path / "fs.pem", tmp_path / "fs.key")
    pki_command("convert", source, *out, "--password-file", secret)
    assert out[0].read_bytes() == pki.server.certificate.read_bytes()
    assert out[1].read_bytes() == pki.server.key.read_bytes()
    assert out[1].stat().st_mode & 0o777 == 0o600


def test_what_is_pem_need_not_be_converted(pki: PkiDirectory, tmp_path: Path) -> None:
    out = (tmp_path / "fs.pem", tmp_path / "fs.key")
    assert "is PEM already" in pki_command("convert", pki.server.certificate, *out, code=2)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_pki_has_nothing_to_renew(tmp_path: Path) -> None:
    assert "is not a PKI; smbquic pki init" in pki_command("renew", tmp_path, code=2)


def test_a_pki_that_cannot_be_made_is_named(run_main: Callable[..., Ended]) -> None:
    failed = run_main("pki", "init", "/proc/smbquic")
    assert failed.code == ExitCode.PARTLY
    assert failed.said.startswith("smbquic: /proc/smbquic: ")
