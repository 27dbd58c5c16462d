import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from smbquic.pki import PkiDirectory, PkiError
from smbquic.pki.authority import key_pem
from smbquic.pki.files import (
    is_encrypted,
    load_certificates,
    load_crls,
    load_key,
    read_password,
    write_file,
)

PASSWORD = b"secret"


def test_write_file_replaces_and_sets_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_file(path, b"new", 0o600)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_bytes_are_on_the_disk_before_the_name_points_at_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.key"
    seen: list[tuple[bytes, int, bool]] = []

    def fsync(descriptor: int) -> None:
        (staged,) = tmp_path.iterdir()
        assert staged.name.startswith(".a.key.")
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        seen.append((staged.read_bytes(), mode, path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    write_file(path, b"new", 0o600)
    assert seen == [(b"new", 0o600, False)]


def test_write_file_leaves_nothing_behind_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "occupied"
    (path / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="occupied"):
        write_file(path, b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_written_is_read_again(pki: PkiDirectory) -> None:
    leaf, issuer = load_certificates(pki.server.certificate)
    leaf.verify_directly_issued_by(issuer)
    assert load_key(pki.server.key).public_key() == leaf.public_key()
    assert [each.issuer for each in load_crls(pki.crl)] == [
        issuer.subject,
        load_certificates(pki.ca)[0].subject,
    ]


@pytest.mark.parametrize(
    ("load", "content"),
    [
        (load_certificates, "certificate"),
        (load_key, "private key"),
        (load_crls, "revocation list"),
    ],
)
def test_an_error_names_the_file_and_what_it_should_hold(
    load: object, content: str, tmp_path: Path
) -> None:
    assert callable(load)
    missing = tmp_path / "missing.pem"
    with pytest.raises(PkiError, match=f"missing.pem: cannot read the {content}: No such file"):
        load(missing)
    garbage = tmp_path / "garbage.pem"
    garbage.write_bytes(b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
    with pytest.raises(PkiError, match=f"garbage.pem: this is not a PEM file with a {content}"):
        load(garbage)
    garbage.write_bytes(b"\xff\x00")
    with pytest.raises(PkiError, match=f"garbage.pem: this is not a PEM file with a {content}"):
        load(garbage)


def test_an_encrypted_key_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "locked.key"
    path.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(PASSWORD),
        )
    )
    with pytest.raises(PkiError, match=r"locked\.key: the private key is encrypted"):
        load_key(path)


def test_a_key_that_windows_would_not_take_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ed.key"
    path.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    with pytest.raises(PkiError, match=r"ed\.key: the private key is neither ECDSA nor RSA"):
        load_key(path)


def test_a_password_is_on_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes("sécret \r\nmore\n".encode())
    assert read_password(path) == "sécret "
    for data, words in ((b"", "first line is empty"), (b"\nx", "first line"), (b"\xff", "UTF-8")):
        path.write_bytes(data)
        with pytest.raises(PkiError, match=words):
            read_password(path)
    with pytest.raises(PkiError, match="cannot read the password: No such file"):
        read_password(tmp_path / "missing")


def test_a_key_is_opened_with_its_password(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    locked, plain = tmp_path / "locked.key", tmp_path / "plain.key"
    locked.write_bytes(key_pem(key, "secret"))
    plain.write_bytes(key_pem(key))
    assert [is_encrypted(path) for path in (locked, plain)] == [True, False]
    assert load_key(locked, "secret").public_key() == key.public_key()
    assert load_key(plain, "needless").public_key() == key.public_key()
    with pytest.raises(PkiError, match=r"locked\.key: the password is wrong"):
        load_key(locked, "other")
    with pytest.raises(PkiError, match=r"missing\.key: cannot read the private key"):
        is_encrypted(tmp_path / "missing.key")
