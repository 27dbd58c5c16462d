"""A PKI in a directory: its files, how they are made, and how they are read."""

import errno
import secrets
import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from smbquic.errors import PkiError
from smbquic.lazy_dataclass import dataclass
from smbquic.pki.authority import (
    Authority,
    Credential,
    KeyType,
    Validity,
    certificate_pem,
    generate_key,
    key_pem,
)
from smbquic.pki.files import (
    PRIVATE,
    PUBLIC,
    PrivateKey,
    is_encrypted,
    load_certificates,
    load_key,
    write_file,
)
from smbquic.pki.subject import Purpose, now_utc

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
"""The names of this machine for itself; every server certificate carries them."""

AUTHORITY_DAYS = 3650
LEAF_DAYS = 397
"""Days that certificates of public authorities may be valid at most; some clients hold every
authority to that."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate (leaf, then intermediates) and its key, as two PEM files."""

    certificate: Path
    key: Path

    def write(self, credential: Credential) -> None:
        """Put both files in place, the key readable by its owner only. Raises `OSError`."""
        write_file(self.key, credential.key_pem, PRIVATE)
        write_file(self.certificate, credential.certificate_pem, PUBLIC)


@dataclass(frozen=True, slots=True)
class PkiDirectory:
    """The folder of a PKI and the paths of its files, which are read when a method needs them."""

    path: Path

    @property
    def ca(self) -> Path:
        """The root's certificate: what the other side trusts."""
        return self.path / "ca.pem"

    @property
    def ca_key(self) -> Path:
        """The root's key, for a new intermediate and to revoke one: better kept elsewhere."""
        return self.path / "ca.key"

    @property
    def intermediate(self) -> Path:
        """The certificate of the authority that issues leaves."""
        return self.path / "intermediate.pem"

    @property
    def intermediate_key(self) -> Path:
        """The key that issues leaves."""
        return self.path / "intermediate.key"

    @property
    def server(self) -> CertificateFiles:
        """The server's certificate and key."""
        return CertificateFiles(self.path / "server.pem", self.path / "server.key")

    @property
    def client(self) -> CertificateFiles:
        """The client's certificate and key."""
        return CertificateFiles(self.path / "client.pem", self.path / "client.key")

    @property
    def crl(self) -> Path:
        """The revocation lists of the intermediate, the root, and former intermediates."""
        return self.path / "crl.pem"

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file of the PKI, the root's certificate last."""
        return (
            self.ca_key,
            self.intermediate_key,
            self.intermediate,
            self.server.key,
            self.server.certificate,
            self.client.key,
            self.client.certificate,
            self.crl,
            self.ca,
        )

    def is_encrypted(self) -> bool:
        """Return whether the key that issues leaves needs a password. Raises `PkiError`."""
        return is_encrypted(self.intermediate_key)

    def root(self, password: str | None = None) -> Authority:
        """Return the authority above that one; `password` opens its key. Raises `PkiError`."""
        certificate = load_certificates(self.ca)[0]
        return Authority(certificate, _key_of(certificate, self.ca, self.ca_key, password))

    def issuer(self, password: str | None = None) -> Authority:
        """Return the authority that issues leaves; `password` opens its key. Raises `PkiError`."""
        certificate = load_certificates(self.intermediate)[0]
        key = _key_of(certificate, self.intermediate, self.intermediate_key, password)
        return Authority(certificate, key, (certificate,))


def _key_of(
    certificate: x509.Certificate, path: Path, key_path: Path, password: str | None
) -> PrivateKey:
    key = load_key(key_path, password)
    if certificate.public_key() != key.public_key():
        raise PkiError(f"{key_path} is not the key of {path}")
    return key


def init(
    directory: Path,
    *,
    names: Iterable[str] = (),
    key_type: KeyType = KeyType.EC_P256,
    password: str | None = None,
    now: datetime | None = None,
) -> PkiDirectory:
    """Make a root, an intermediate, a server and a client certificate, and empty revocation lists.

    The server's certificate names this machine (`LOCAL_NAMES`) and every DNS name and IP address
    in `names`. All files appear, or none; a file that is already there is never replaced. A
    directory that does not exist yet is made, readable by its owner only. With `password` the keys
    of both authorities are encrypted. Raises
    `FileExistsError`, any other `OSError`, and `ValueError` for a name that is none.
    """
    target = PkiDirectory(directory)
    for path in target.files:
        if path.exists():
            raise FileExistsError(
                errno.EEXIST, "there is a PKI here already, and it is kept as it is", str(path)
            )
    # Staged on the same file system, where a finished file only has to get its name.
    place = directory if directory.exists() else directory.parent
    place.mkdir(parents=True, exist_ok=True)
    stage = PkiDirectory(place / f".{secrets.token_hex(4)}.new")
    try:
        stage.path.mkdir(mode=0o700)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(directory)) from error
    try:
        _fill(stage, (*LOCAL_NAMES, *names), key_type, password, now or now_utc())
        if place == directory:
            _link_files(stage, target)
        else:
            _rename_directory(stage, target)
    finally:
        shutil.rmtree(stage.path, ignore_errors=True)
    return target


def _fill(
    pki: PkiDirectory,
    names: tuple[str, ...],
    key_type: KeyType,
    password: str | None,
    now: datetime,
) -> None:
    long_lived = Validity.starting(now, AUTHORITY_DAYS)
    short_lived = Validity.starting(now, LEAF_DAYS)
    # A client may trust two private roots: with one name for both it would try the wrong key.
    mark = secrets.token_hex(4)
    root = Authority.root(f"smbquic root {mark}", generate_key(key_type), long_lived)
    issuer = root.intermediate(f"smbquic issuer {mark}", generate_key(key_type), long_lived)
    # The first name that other machines know it by, if there is one.
    server_name = names[len(LOCAL_NAMES)] if len(names) > len(LOCAL_NAMES) else names[0]
    server = issuer.issue(Purpose.SERVER, server_name, generate_key(key_type), short_lived, names)
    client = issuer.issue(Purpose.CLIENT, "smbquic client", generate_key(key_type), short_lived)

    write_file(pki.ca_key, key_pem(root.key, password), PRIVATE)
    write_file(pki.intermediate_key, key_pem(issuer.key, password), PRIVATE)
    write_file(pki.intermediate, certificate_pem(issuer.certificate), PUBLIC)
    pki.server.write(server)
    pki.client.write(client)
    lists = [authority.revocation_list({}, now) for authority in (issuer, root)]
    write_file(pki.crl, crls_pem(lists), PUBLIC)
    write_file(pki.ca, certificate_pem(root.certificate), PUBLIC)


def crls_pem(lists: Iterable[x509.CertificateRevocationList]) -> bytes:
    """Return revocation lists as the PEM blocks of one file."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in lists)


def _rename_directory(stage: PkiDirectory, target: PkiDirectory) -> None:
    try:
        stage.path.rename(target.path)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        raise FileExistsError(
            errno.EEXIST, "another program has just made a PKI here", str(target.path)
        ) from error


def _link_files(stage: PkiDirectory, target: PkiDirectory) -> None:
    placed: list[Path] = []
    try:
        for source, path in zip(stage.files, target.files, strict=True):
            # A link, unlike a rename, fails if somebody else was faster.
            path.hardlink_to(source)
            placed.append(path)
    except OSError:
        for path in placed:
            path.unlink()
        raise
