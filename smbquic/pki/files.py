"""PEM files: written whole or not at all, read with an error that names the file."""

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from smbquic.errors import PkiError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
"""The kinds of key that Windows, Samba and this package all take in a certificate."""

PRIVATE = 0o600
PUBLIC = 0o644

_CRL_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


class RevokedError(PkiError):
    """A certificate that was revoked, and is renewed only if that is forced."""


def write_file(path: Path, data: bytes, mode: int) -> None:
    """Put `data` at `path` with permissions `mode`: a reader sees the old file or the new one.

    The bytes are on the disk before the name points at them, and a private key is never readable
    by others, not even for a moment. Raises `OSError`.
    """
    staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except BaseException:
        staged.unlink()
        raise


def load_certificates(path: Path) -> list[x509.Certificate]:
    """Return the certificates of a PEM file in their order, at least one. Raises `PkiError`."""
    with _naming(path, "certificate"):
        return x509.load_pem_x509_certificates(path.read_bytes())


def load_key(path: Path, password: str | None = None) -> PrivateKey:
    """Return the private key of a PEM file; `password` is used where the file needs one.

    Raises `PkiError`.
    """
    with _naming(path, "private key"):
        data = path.read_bytes()
        try:
            key = _load_key(data)
        except TypeError:
            if password is None:
                raise
            key = _decrypt(path, data, password)
    if not isinstance(key, PrivateKey):
        raise PkiError(f"{path}: the private key is neither ECDSA nor RSA")
    return key


def read_password(path: Path) -> str:
    """Return the password on the first line of a file. Raises `PkiError`."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise PkiError(f"{path}: cannot read the password: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PkiError(f"{path}: this is not a password in UTF-8 text") from error
    password = text.partition("\n")[0]
    if not password:
        raise PkiError(f"{path}: the first line is empty: write the password on it")
    return password


def is_encrypted(path: Path) -> bool:
    """Return whether the private key of a PEM file needs a password. Raises `PkiError`."""
    with _naming(path, "private key"):
        data = path.read_bytes()
        try:
            _load_key(data)
        except TypeError:
            return True
    return False


def _load_key(data: bytes, password: bytes | None = None) -> "PrivateKeyTypes":
    # Imported here: most clients have no key, and it takes long.
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(data, password)


def _decrypt(path: Path, data: bytes, password: str) -> "PrivateKeyTypes":
    try:
        return _load_key(data, password.encode())
    except ValueError as error:
        raise PkiError(f"{path}: the password is wrong") from error


def load_crls(path: Path) -> list[x509.CertificateRevocationList]:
    """Return the revocation lists of a PEM file, at least one. Raises `PkiError`."""
    with _naming(path, "revocation list"):
        blocks = _CRL_BLOCK.findall(path.read_bytes())
        if not blocks:
            raise ValueError("no PEM block")
        return [x509.load_pem_x509_crl(block) for block in blocks]


@contextlib.contextmanager
def _naming(path: Path, content: str) -> Iterator[None]:
    """Raise an error in one line that names `path` for what goes wrong while it is read."""
    try:
        yield
    except OSError as error:
        raise PkiError(f"{path}: cannot read the {content}: {error.strerror}") from error
    except TypeError as error:
        # The library raises this if a password is needed.
        raise PkiError(f"{path}: the {content} is encrypted, and needs its password") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PkiError(f"{path}: this is not a PEM file with a {content}") from error
