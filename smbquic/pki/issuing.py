"""Issues, renews and revokes the certificates of a PKI in a directory."""

import errno
import secrets
from collections.abc import Sequence
from dataclasses import KW_ONLY
from datetime import datetime, timedelta
from typing import Annotated

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from smbquic.errors import PkiError
from smbquic.lazy_dataclass import dataclass
from smbquic.options.keywords import keywords
from smbquic.options.model import Option, Options
from smbquic.pki.authority import (
    Authority,
    Credential,
    KeyType,
    Validity,
    certificate_pem,
    generate_key,
    key_pem,
)
from smbquic.pki.directory import (
    AUTHORITY_DAYS,
    LEAF_DAYS,
    CertificateFiles,
    PkiDirectory,
    crls_pem,
)
from smbquic.pki.files import (
    PRIVATE,
    PUBLIC,
    PrivateKey,
    RevokedError,
    load_certificates,
    load_crls,
    load_key,
    write_file,
)
from smbquic.pki.subject import Purpose, mail_addresses, now_utc, subject_names

RENEW_WITHIN_DAYS = 30
"""How many days before its end a certificate is due, unless somebody says otherwise."""

_RESERVED = frozenset({"ca", "intermediate", "crl"})


@dataclass(frozen=True)
class IssueOptions(Options):
    """The options of a new certificate. `password` opens the issuer's key, `now` is the time."""

    purpose: Purpose
    names: Annotated[
        Sequence[str],
        Option(
            "A DNS name or address; for a client, an e-mail address too."
            "\n\nA server without any gets its stem for one.",
            flag="--name",
            metavar="NAME",
        ),
    ] = ()
    _: KW_ONLY
    common_name: Annotated[
        str | None,
        Option("The common name.", flag="--subject", metavar="NAME", default="the first name"),
    ] = None
    days: Annotated[int, Option("How long it is valid.", unit="days", minimum=1, flag="--days")] = (
        LEAF_DAYS
    )
    key_type: Annotated[KeyType, Option("The kind of key.", flag="--key-type")] = KeyType.EC_P256
    password: str | None = None
    now: datetime | None = None


@keywords(IssueOptions)
def issue(pki: PkiDirectory, stem: str, options: IssueOptions) -> CertificateFiles:
    """Issue a certificate with a new key, as ``STEM.pem`` and ``STEM.key`` in the directory.

    Raises `FileExistsError` rather than replace a file, `RevokedError` where that one is revoked,
    `ValueError` for a name that is none, `PkiError`, and `OSError`.
    """
    files = files_of(pki, stem)
    if files.certificate.exists():
        _refuse_revoked(pki, files, load_certificates(files.certificate)[0])
    for path in (files.certificate, files.key):
        if path.exists():
            raise FileExistsError(errno.EEXIST, "it is there already; renew it instead", str(path))
    names = tuple(options.names)
    if options.purpose is Purpose.SERVER and not names:
        names = (stem,)
    issuer = _open_issuer(pki, options.password)
    start = options.now or now_utc()
    validity = Validity.starting(start, options.days).within(issuer.certificate)
    subject = options.common_name or (names[0] if names else stem)
    key = generate_key(options.key_type)
    files.write(issuer.issue(options.purpose, subject, key, validity, names))
    return files


def renew(
    pki: PkiDirectory,
    stem: str,
    *,
    days: int = LEAF_DAYS,
    new_key: bool = False,
    force: bool = False,
    password: str | None = None,
    now: datetime | None = None,
) -> CertificateFiles:
    """Issue a certificate anew, with the same subject, names and purposes, in the same files.

    The key stays unless `new_key` asks for another of its kind. Raises `RevokedError` for a
    certificate that is revoked, unless `force` is set, `PkiError` and `OSError`.
    """
    files = files_of(pki, stem)
    current = load_certificates(files.certificate)[0]
    if not force:
        _refuse_revoked(pki, files, current)
    key = load_key(files.key)
    if current.public_key() != key.public_key():
        raise PkiError(f"{files.key} is not the key of {files.certificate}")
    issuer = _open_issuer(pki, password)
    if not _issued_by(current, issuer.certificate):
        raise PkiError(f"{files.certificate} was not issued by {pki.intermediate}")
    if new_key:
        key = generate_key(KeyType.of(key))
    validity = Validity.starting(now or now_utc(), days).within(issuer.certificate)
    files.write(_anew(current, key, issuer, validity))
    return files


def due(
    pki: PkiDirectory, *, within: int = RENEW_WITHIN_DAYS, now: datetime | None = None
) -> list[str]:
    """Return the stems of the certificates in the directory that end within so many days."""
    limit = (now or now_utc()) + timedelta(days=within)
    return [
        files.certificate.stem
        for files in _issued_files(pki)
        if load_certificates(files.certificate)[0].not_valid_after_utc <= limit
    ]


def is_revoked(pki: PkiDirectory, certificate: x509.Certificate) -> bool:
    """Return whether a certificate is on the list of its issuer.

    Raises `PkiError` without the lists.
    """
    serial = certificate.serial_number
    return any(
        each.issuer == certificate.issuer
        and each.get_revoked_certificate_by_serial_number(serial) is not None
        for each in load_crls(pki.crl)
    )


def _refuse_revoked(
    pki: PkiDirectory, files: CertificateFiles, certificate: x509.Certificate
) -> None:
    if is_revoked(pki, certificate):
        raise RevokedError(
            f"{files.certificate} is revoked, and is not renewed; to renew it nevertheless, run:"
            f" smbquic pki renew {pki.path} {files.certificate.stem} --new-key --force"
        )


def _issued_files(pki: PkiDirectory) -> list[CertificateFiles]:
    """Return the certificates in the directory that have their keys there."""
    return [
        CertificateFiles(path, path.with_suffix(".key"))
        for path in sorted(pki.path.glob("*.pem"))
        if path.stem not in _RESERVED and path.with_suffix(".key").exists()
    ]


def revoke(
    pki: PkiDirectory,
    certificate: x509.Certificate,
    *,
    password: str | None = None,
    now: datetime | None = None,
) -> bool:
    """Put a certificate on its issuer's revocation list; False if it was there already.

    Revoking the intermediate, for which the root's key has to be there, revokes all that it
    issued. The list of the other authority in the same file stays as it is. `password` opens the
    issuer's key. Raises `PkiError` for a certificate that this PKI did not issue, and `OSError`.
    """
    issuer = _issuer_of(pki, certificate, password)
    lists = load_crls(pki.crl)
    revoked = {
        entry.serial_number: entry.revocation_date_utc
        for each in lists
        if each.issuer == issuer.certificate.subject
        for entry in list(each)
    }
    if certificate.serial_number in revoked:
        return False
    now = now or now_utc()
    revoked[certificate.serial_number] = now
    new = {each.issuer: each for each in [*lists, issuer.revocation_list(revoked, now)]}
    write_file(pki.crl, crls_pem(new.values()), PUBLIC)
    return True


def replace_intermediate(
    pki: PkiDirectory, *, password: str | None = None, now: datetime | None = None
) -> list[CertificateFiles]:
    """Replace the intermediate; renew or revoke the certificates that it issued.

    Certificates that are in the directory with their keys and are not revoked are renewed with the
    same keys. The old intermediate is revoked last, and with it all others that it issued. So no
    server shows a certificate meanwhile that its clients refuse. `password` opens the keys of both
    authorities, and encrypts the new one. Raises `PkiError`, `OSError`.
    """
    now = now or now_utc()
    root, old = pki.root(password), load_certificates(pki.intermediate)[0]
    affected = [
        (files, current, load_key(files.key))
        for files in _issued_files(pki)
        if _issued_by(current := load_certificates(files.certificate)[0], old)
        and not is_revoked(pki, current)
    ]
    validity = Validity.starting(now, AUTHORITY_DAYS).within(root.certificate)
    name = f"smbquic issuer {secrets.token_hex(4)}"
    new = root.intermediate(name, generate_key(KeyType.of(root.key)), validity)
    lists = [new.revocation_list({}, now), *load_crls(pki.crl)]
    encrypted_with = password if pki.is_encrypted() else None
    write_file(pki.crl, crls_pem(lists), PUBLIC)
    write_file(pki.intermediate_key, key_pem(new.key, encrypted_with), PRIVATE)
    write_file(pki.intermediate, certificate_pem(new.certificate), PUBLIC)
    short_lived = Validity.starting(now, LEAF_DAYS).within(new.certificate)
    for files, current, key in affected:
        files.write(_anew(current, key, new, short_lived))
    revoke(pki, old, password=password, now=now)
    return [files for files, _, _ in affected]


def files_of(pki: PkiDirectory, stem: str) -> CertificateFiles:
    """Return where the certificate of that stem is, or would be. Raises `ValueError`."""
    if stem in _RESERVED or stem.startswith(".") or "/" in stem or "\\" in stem or not stem:
        raise ValueError(f"{stem!r} cannot be the name of a certificate's files")
    return CertificateFiles(pki.path / f"{stem}.pem", pki.path / f"{stem}.key")


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def _anew(
    current: x509.Certificate, key: PrivateKey, issuer: Authority, validity: Validity
) -> Credential:
    """Return the certificate again, with the same subject, names and purpose."""
    common_name = current.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    names = (*subject_names(current), *mail_addresses(current))
    return issuer.issue(_purpose(current), str(common_name), key, validity, names)


def _purpose(certificate: x509.Certificate) -> Purpose:
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return next(purpose for purpose in Purpose if purpose.usage in usages)


def _open_issuer(pki: PkiDirectory, password: str | None) -> Authority:
    """Return the authority that issues leaves, unless it is revoked."""
    issuer = pki.issuer(password)
    if is_revoked(pki, issuer.certificate):
        raise PkiError(
            f"{pki.intermediate} is revoked, and so is every certificate that it issues;"
            f" run: smbquic pki replace-intermediate {pki.path}"
        )
    return issuer


def _issuer_of(pki: PkiDirectory, certificate: x509.Certificate, password: str | None) -> Authority:
    intermediate, root = (load_certificates(path)[0] for path in (pki.intermediate, pki.ca))
    if certificate == root:
        raise PkiError(f"{pki.ca} is the root and cannot be revoked: remove it where it is trusted")
    if _issued_by(certificate, intermediate):
        return pki.issuer(password)
    if _issued_by(certificate, root):
        return pki.root(password)
    raise PkiError(
        f"the certificate with serial number {certificate.serial_number:x} was not issued by "
        f"{pki.intermediate} or {pki.ca}; only its issuer can revoke it"
    )
