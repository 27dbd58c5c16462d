"""One certificate of a server, with its names, access rules and logon rules.

A certificate is found by name, never by thumbprint, so that a renewed one replaces the old one in
the same file. [MS-SMB2] 3.3.1.17
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from cryptography import x509

from smbquic.auth.secret_files import exposure
from smbquic.errors import PkiError
from smbquic.lazy_dataclass import dataclass
from smbquic.options.certificate import IdentityFiles
from smbquic.pki.access import ClientAccess, Rules
from smbquic.pki.authority import Credential
from smbquic.pki.container import read_credential
from smbquic.pki.explain import VerificationResult, VerificationStatus, explain, reasons_for_refusal
from smbquic.pki.files import read_password
from smbquic.pki.logons import Logons
from smbquic.pki.subject import Purpose, general_name, subject_names
from smbquic.pki.verification import Trust


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """The content of `IdentityFiles`. `issues` are results that are not OK."""

    files: IdentityFiles
    names: tuple[str, ...]
    credential: Credential
    access: ClientAccess | None
    logons: Logons | None
    issues: tuple[VerificationResult, ...]

    @classmethod
    def load(cls, files: IdentityFiles) -> Self:
        """Read the files. Raises `PkiError` for what cannot be used."""
        credential = read_credential(files.certificate, files.key, _password(files))
        _check_permissions(files.key or files.certificate, "private key")
        about_clients = (files.allow, files.deny, files.logons, files.client_crl)
        if files.client_ca is None and any(each is not None for each in about_clients):
            raise PkiError(
                f"{files.certificate}: access rules and revocation lists need client_ca, the"
                " authorities of the clients' certificates"
            )
        access = None
        rules, logons = _rules(files)
        if files.client_ca is not None:
            access = ClientAccess(Trust.load(files.client_ca, files.client_crl), rules)
        names = _names(files, credential.certificate)
        chain = (credential.certificate, *credential.chain)
        wrong = [
            result
            for result in explain(chain, Purpose.SERVER)
            if result.status is not VerificationStatus.OK
        ]
        wrong += _missing_names(credential.certificate, names)
        return cls(files, names, credential, access, logons, tuple(wrong))

    def check(self) -> None:
        """Raise `PkiError` if clients will refuse the certificate."""
        problems = reasons_for_refusal(self.issues)
        if problems:
            raise PkiError(f"{self.files.certificate}: {'; '.join(problems)}")


def check_distinct(identities: Iterable[ServerCertificate]) -> None:
    """Raise `PkiError` where two certificates are for one name, or two are the default."""
    seen: dict[str, Path] = {}
    default: Path | None = None
    for identity in identities:
        path = identity.files.certificate
        for name in identity.names:
            if name in seen:
                raise PkiError(f"{seen[name]} and {path} are both for {name}: set names for one")
            seen[name] = path
        if identity.files.default:
            if default is not None:
                raise PkiError(f"{default} and {path} cannot both be the default")
            default = path


def _rules(files: IdentityFiles) -> tuple[Rules | None, Logons | None]:
    """Return the access rules and the logon rules; None for those that were not given."""
    given = files.allow is not None or files.deny is not None
    try:
        rules = Rules.parse(files.allow or (), files.deny or ()) if given else None
        logons = None if files.logons is None else Logons.parse(files.logons)
    except ValueError as error:
        raise PkiError(f"{files.certificate}: {error}") from error
    return rules, logons


def _names(files: IdentityFiles, certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the names that it is for, each once and in one spelling."""
    names = files.names or subject_names(certificate)
    try:
        return tuple(dict.fromkeys(str(general_name(name).value) for name in names))
    except ValueError as error:
        raise PkiError(f"{files.certificate}: {error}") from error


def _missing_names(certificate: x509.Certificate, names: Iterable[str]) -> list[VerificationResult]:
    found = []
    for name in names:
        if name.startswith("*."):
            continue
        results = explain([certificate], Purpose.SERVER, name=name)
        found += [
            each
            for each in results
            if each.check == "names" and each.status is VerificationStatus.PROBLEM
        ]
    return found


def _password(files: IdentityFiles) -> str | None:
    if files.password_file is None:
        return None
    _check_permissions(files.password_file, "password")
    return read_password(files.password_file)


def _check_permissions(path: Path, what: str) -> None:
    """Refuse a secret that every user of the machine can read; a group may read it."""
    try:
        problem = exposure(path, what)
    except OSError as error:
        raise PkiError(f"{path}: cannot be read: {error.strerror}") from error
    if problem is not None:
        raise PkiError(problem)
