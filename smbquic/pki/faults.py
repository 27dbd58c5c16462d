"""Certificates that nobody should accept, each wrong in one way, made by the code that makes the
good ones. Tests of this package use them, and so may anybody who tests a peer of it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from smbquic.lazy_dataclass import dataclass
from smbquic.pki.authority import (
    Authority,
    Credential,
    KeyType,
    Validity,
    generate_key,
    self_signed,
)
from smbquic.pki.directory import (
    AUTHORITY_DAYS,
    LEAF_DAYS,
    LOCAL_NAMES,
    CertificateFiles,
    PkiDirectory,
    crls_pem,
)
from smbquic.pki.files import PUBLIC, write_file
from smbquic.pki.subject import Purpose, now_utc

WRONG_NAME = "elsewhere.invalid"


class Fault(StrEnum):
    """Faults that a certificate can be made with."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    WRONG_NAME = "wrong-name"
    UNKNOWN_CA = "unknown-ca"
    SELF_SIGNED = "self-signed"
    WRONG_USAGE = "wrong-usage"
    """No serverAuth on a server's certificate, no clientAuth on a client's."""
    RSA_1024 = "rsa-1024"
    REVOKED = "revoked"
    """Good in itself, but listed in `FaultyPki.crl`."""


@dataclass(frozen=True, slots=True)
class FaultyPki:
    """The bad set in its directory; all but two of its certificates come from the CA in `ca`."""

    path: Path
    ca: Path

    @property
    def crl(self) -> Path:
        """The revocation list with the revoked certificates."""
        return self.path / "crl.pem"

    def server(self, fault: Fault) -> CertificateFiles:
        """Return the server's certificate with that fault."""
        return self.files(Purpose.SERVER, fault)

    def client(self, fault: Fault) -> CertificateFiles:
        """Return the client's certificate with that fault; there is none with a wrong name."""
        return self.files(Purpose.CLIENT, fault)

    def files(self, purpose: Purpose, fault: Fault) -> CertificateFiles:
        """Return the certificate for `purpose` with that fault."""
        stem = f"{purpose}-{fault}"
        return CertificateFiles(self.path / f"{stem}.pem", self.path / f"{stem}.key")


def write_faults(
    directory: Path,
    pki: PkiDirectory,
    *,
    names: Iterable[str] = LOCAL_NAMES,
    now: datetime | None = None,
) -> FaultyPki:
    """Fill `directory` with one certificate of each `Fault` for each end, issued by `pki`.

    `names` are what the server's certificates are valid for, but for the one with a wrong name.
    Raises `PkiError` if `pki` cannot be read, and `OSError`.
    """
    now = now or now_utc()
    directory.mkdir(parents=True, exist_ok=True)
    faulty = FaultyPki(directory, pki.ca)
    issuer = pki.issuer()
    names = tuple(names)
    revoked: dict[int, datetime] = {}
    for purpose in Purpose:
        for fault in Fault:
            if purpose is Purpose.SERVER or fault is not Fault.WRONG_NAME:
                credential = _make(fault, purpose, issuer, names, now)
                faulty.files(purpose, fault).write(credential)
                if fault is Fault.REVOKED:
                    revoked[credential.certificate.serial_number] = now
    write_file(faulty.crl, crls_pem([issuer.revocation_list(revoked, now)]), PUBLIC)
    return faulty


def _make(
    fault: Fault, purpose: Purpose, issuer: Authority, names: tuple[str, ...], now: datetime
) -> Credential:
    validity = Validity.starting(now, LEAF_DAYS)
    if fault is Fault.EXPIRED:
        validity = Validity(now - timedelta(days=30), now - timedelta(days=1))
    elif fault is Fault.NOT_YET_VALID:
        validity = Validity(now + timedelta(days=1), now + timedelta(days=30))
    elif fault is Fault.WRONG_NAME:
        names = (WRONG_NAME,)
    elif fault is Fault.WRONG_USAGE:
        purpose = Purpose.CLIENT if purpose is Purpose.SERVER else Purpose.SERVER
    elif fault is Fault.UNKNOWN_CA:
        issuer = _unknown_authority(now)
    key = generate_key(KeyType.EC_P256)
    if fault is Fault.RSA_1024:
        key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - weak on purpose
    if fault is Fault.SELF_SIGNED:
        return self_signed(purpose, fault, key, validity, names)
    return issuer.issue(purpose, fault, key, validity, names)


def _unknown_authority(now: datetime) -> Authority:
    """Return an authority below a root that nobody trusts."""
    validity = Validity.starting(now, AUTHORITY_DAYS)
    root = Authority.root("a root that nobody trusts", generate_key(KeyType.EC_P256), validity)
    return root.intermediate("an unknown issuer", generate_key(KeyType.EC_P256), validity)
