"""Certificates: a small certificate authority, its files, and verification.

`init` writes a whole PKI into a directory. `ensure_private_ca` makes or renews the PKI of a server
that has no certificate from elsewhere. `write_faults` makes certificates that must be refused.
`verify` verifies a chain, and says why it is refused.

A name is imported when it is first used, as in `smbquic`.
"""

from typing import TYPE_CHECKING

from smbquic.errors import PkiError
from smbquic.lazy import lazy_names

if TYPE_CHECKING:
    from smbquic.options.certificate import IdentityFiles
    from smbquic.pki.access import Rules
    from smbquic.pki.acme.errors import AcmeError
    from smbquic.pki.authority import Authority, Credential, KeyType, Validity
    from smbquic.pki.checks import CertificateError, Reason
    from smbquic.pki.directory import CertificateFiles, PkiDirectory, init
    from smbquic.pki.faults import Fault, FaultyPki, write_faults
    from smbquic.pki.files import RevokedError
    from smbquic.pki.logons import Logons
    from smbquic.pki.private import ensure_private_ca, user_data_directory
    from smbquic.pki.subject import Purpose
    from smbquic.pki.verification import Trust, verify
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "smbquic.pki.access": ("Rules",),
            "smbquic.pki.acme.errors": ("AcmeError",),
            "smbquic.pki.authority": ("Authority", "Credential", "KeyType", "Validity"),
            "smbquic.pki.subject": ("Purpose",),
            "smbquic.pki.checks": ("CertificateError", "Reason"),
            "smbquic.pki.directory": ("CertificateFiles", "PkiDirectory", "init"),
            "smbquic.pki.faults": ("Fault", "FaultyPki", "write_faults"),
            "smbquic.pki.files": ("RevokedError",),
            "smbquic.options.certificate": ("IdentityFiles",),
            "smbquic.pki.logons": ("Logons",),
            "smbquic.pki.private": ("ensure_private_ca", "user_data_directory"),
            "smbquic.pki.verification": ("Trust", "verify"),
        },
    )

__all__ = [
    "AcmeError",
    "Authority",
    "CertificateError",
    "CertificateFiles",
    "Credential",
    "Fault",
    "FaultyPki",
    "IdentityFiles",
    "KeyType",
    "Logons",
    "PkiDirectory",
    "PkiError",
    "Purpose",
    "Reason",
    "RevokedError",
    "Rules",
    "Trust",
    "Validity",
    "ensure_private_ca",
    "init",
    "user_data_directory",
    "verify",
    "write_faults",
]
