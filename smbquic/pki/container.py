"""Certificates and keys from elsewhere: PEM, DER, and PKCS #12 (``.p12``, ``.pfx``).

What Windows exports is PKCS #12, what ACME clients and step-ca write is PEM. Both are recognised
by what is in the file, not by its name.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from smbquic.errors import PkiError
from smbquic.pki.authority import Credential
from smbquic.pki.checks import find_issuer
from smbquic.pki.files import PrivateKey, load_key

_PEM = b"-----BEGIN "
_DER_SEQUENCE = b"\x30"


def read_certificates(path: Path, password: str | None = None) -> list[x509.Certificate]:
    """Return the certificates of a file of any of the kinds, the leaf first if the file says which.

    `password` is for PKCS #12. Raises `PkiError`.
    """
    data = _read(path)
    try:
        if _PEM in data:
            return x509.load_pem_x509_certificates(data)
        if not data.startswith(_DER_SEQUENCE):
            raise ValueError("no such structure")
        try:
            return [x509.load_der_x509_certificate(data)]
        except ValueError:
            pass
    except ValueError as error:
        raise PkiError(f"{path}: there is no certificate in it, in PEM, DER or PKCS #12") from error
    _, certificate, others = _open_pkcs12(path, data, password)
    found = [*([certificate] if certificate is not None else []), *others]
    if not found:
        raise PkiError(f"{path}: there is no certificate in it")
    return found


def read_credential(
    certificate: Path, key: Path | None = None, password: str | None = None
) -> Credential:
    """Return a leaf with its key and intermediates; without `key`, `certificate` is PKCS #12.

    The intermediates of a PKCS #12 file come in any order, and are put into that of TLS.
    `password` is for the file that is encrypted. Raises `PkiError`.
    """
    if key is not None:
        leaf, *chain = read_certificates(certificate, password)
        private_key = load_key(key, password)
        if leaf.public_key() != private_key.public_key():
            is_later = any(each.public_key() == private_key.public_key() for each in chain)
            raise PkiError(
                f"{key} is not the key of the first certificate in {certificate}"
                + (", but of a later one: put that first" if is_later else "")
            )
        return Credential(leaf, private_key, tuple(chain))
    data = _read(certificate)
    if _PEM in data:
        raise PkiError(
            f"{certificate} is PEM, and its key is in another file: give that too"
            " (--key FILE, or key in the configuration)"
        )
    found_key, found, others = _open_pkcs12(certificate, data, password)
    if found_key is None or found is None:
        raise PkiError(f"{certificate}: there is no certificate with its key in it")
    return Credential(found, found_key, tuple(order_chain(found, others)))


def is_pem(path: Path) -> bool:
    """Return whether a file is PEM. Raises `PkiError`."""
    return _PEM in _read(path)


def ders(chain: Sequence[x509.Certificate]) -> list[bytes]:
    """Return the certificates as TLS hands them over."""
    return [each.public_bytes(Encoding.DER) for each in chain]


def order_chain(
    leaf: x509.Certificate, others: Sequence[x509.Certificate]
) -> list[x509.Certificate]:
    """Return the issuers of `leaf` among `others`, nearest first, without the root."""
    chain: list[x509.Certificate] = []
    current = leaf
    while (issuer := find_issuer(current, others)) is not None and issuer not in chain:
        if issuer.subject == issuer.issuer:
            break
        chain.append(issuer)
        current = issuer
    return chain


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PkiError(f"{path}: cannot be read: {error.strerror}") from error


def _open_pkcs12(
    path: Path, data: bytes, password: str | None
) -> tuple[PrivateKey | None, x509.Certificate | None, list[x509.Certificate]]:
    secret = password.encode() if password is not None else None
    try:
        with warnings.catch_warnings():
            # Windows and others write BER where cryptography would rather have DER.
            warnings.simplefilter("ignore", UserWarning)
            key, certificate, others = pkcs12.load_key_and_certificates(data, secret)
    except ValueError as error:
        hint = "the password is wrong" if password else "it may need a password"
        raise PkiError(f"{path}: cannot be opened: {hint}, or it is not PKCS #12") from error
    if key is not None and not isinstance(key, PrivateKey):
        raise PkiError(f"{path}: the private key is neither ECDSA nor RSA")
    return key, certificate, others
