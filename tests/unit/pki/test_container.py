from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import pkcs12

from smbquic.pki import PkiDirectory, PkiError
from smbquic.pki.container import ders, order_chain, read_certificates, read_credential
from smbquic.pki.files import load_certificates, load_key


@pytest.fixture
def pfx(pki: PkiDirectory, tmp_path: Path) -> Path:
    """Make a container as Windows exports it: root and intermediate in an unhelpful order."""
    leaf, intermediate = load_certificates(pki.client.certificate)
    (root,) = load_certificates(pki.ca)
    path = tmp_path / "client.pfx"
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"alice",
            load_key(pki.client.key),
            leaf,
            [root, intermediate],
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    return path


def test_pem_der_and_pkcs12_hold_the_same_leaf(
    pki: PkiDirectory, pfx: Path, tmp_path: Path
) -> None:
    chain = load_certificates(pki.client.certificate)
    der = tmp_path / "leaf.cer"
    der.write_bytes(ders(chain)[0])
    assert read_certificates(pki.client.certificate) == chain
    assert read_certificates(der) == chain[:1]
    assert read_certificates(pfx, "secret")[0] == chain[0]


def test_a_pkcs12_credential_is_in_the_order_of_tls(pki: PkiDirectory, pfx: Path) -> None:
    leaf, intermediate = load_certificates(pki.client.certificate)
    credential = read_credential(pfx, password="secret")
    assert credential.certificate == leaf
    assert credential.chain == (intermediate,)
    assert credential.key.private_numbers() == load_key(pki.client.key).private_numbers()


def test_a_pem_credential(pki: PkiDirectory) -> None:
    credential = read_credential(pki.server.certificate, pki.server.key)
    assert credential.certificate_pem == pki.server.certificate.read_bytes()
    assert credential.key_pem == pki.server.key.read_bytes()


def test_what_is_refused_is_named(pki: PkiDirectory, pfx: Path, tmp_path: Path) -> None:
    junk = tmp_path / "junk"
    for data in (b"", b"hello", b"-----BEGIN RUBBISH-----\n"):
        junk.write_bytes(data)
        with pytest.raises(PkiError, match="there is no certificate in it"):
            read_certificates(junk)
    junk.write_bytes(b"0\x03abc")
    with pytest.raises(PkiError, match="it may need a password"):
        read_certificates(junk)
    with pytest.raises(PkiError, match="it may need a password"):
        read_certificates(pfx)
    with pytest.raises(PkiError, match="the password is wrong"):
        read_credential(pfx, password="wrong")
    with pytest.raises(PkiError, match="cannot be read"):
        read_certificates(tmp_path / "missing")
    with pytest.raises(PkiError, match=r"PEM, and its key is in another file"):
        read_credential(pki.server.certificate)
    with pytest.raises(PkiError, match="is not the key of the first certificate"):
        read_credential(pki.server.certificate, pki.client.key)


def test_pkcs12_without_what_is_needed(pki: PkiDirectory, tmp_path: Path) -> None:
    leaf, _ = load_certificates(pki.client.certificate)
    path = tmp_path / "odd.p12"
    none = serialization.NoEncryption()
    key = load_key(pki.client.key)
    path.write_bytes(pkcs12.serialize_key_and_certificates(None, key, None, None, none))
    with pytest.raises(PkiError, match="there is no certificate in it"):
        read_certificates(path)
    with pytest.raises(PkiError, match="no certificate with its key"):
        read_credential(path)
    path.write_bytes(pkcs12.serialize_key_and_certificates(None, None, None, [leaf], none))
    assert read_certificates(path) == [leaf]
    other = ed25519.Ed25519PrivateKey.generate()
    path.write_bytes(pkcs12.serialize_key_and_certificates(None, other, None, None, none))
    with pytest.raises(PkiError, match="neither ECDSA nor RSA"):
        read_credential(path)


def test_the_order_of_a_chain(pki: PkiDirectory) -> None:
    leaf, intermediate = load_certificates(pki.server.certificate)
    (root,) = load_certificates(pki.ca)
    assert order_chain(leaf, [root, intermediate]) == [intermediate]
    assert order_chain(leaf, [root]) == []
    assert order_chain(root, [root]) == []


def test_files_that_were_put_together_the_wrong_way_round(
    pki: PkiDirectory, tmp_path: Path
) -> None:
    reversed_chain = tmp_path / "reversed.pem"
    leaf, intermediate = load_certificates(pki.client.certificate)
    encoded = [each.public_bytes(serialization.Encoding.PEM) for each in (intermediate, leaf)]
    reversed_chain.write_bytes(b"".join(encoded))
    with pytest.raises(PkiError, match="but of a later one: put that first"):
        read_credential(reversed_chain, pki.client.key)
    with pytest.raises(PkiError, match=r"is not the key of the first certificate in \S+$"):
        read_credential(pki.client.certificate, pki.server.key)
