"""Finds out why there is no path from a leaf to a trust anchor.

The `cryptography` library has refused the chain by then, but its error says little about the
reason. So the chain is checked once more for the fault that is nearest to the leaf.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NoReturn

from cryptography import x509
from cryptography.x509.verification import VerificationError

from smbquic.pki.checks import (
    AUTHORITY_CURVES,
    CertificateError,
    Reason,
    check_authority,
    check_dates,
    check_signature,
    check_strength,
    find_extension,
    find_issuer,
    shown,
)
from smbquic.pki.subject import Purpose


def refuse(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    purpose: Purpose,
    at: datetime,
    error: VerificationError,
) -> NoReturn:
    """Raise the most specific `CertificateError` for a path that the library did not find."""
    path = [leaf]
    while path[-1] not in anchors:
        current = path[-1]
        check_signature(current)
        issuer = find_issuer(current, (*anchors, *others))
        if issuer is None:
            _refuse_unknown(current, leaf, others, anchors)
        if issuer in path:
            raise CertificateError(
                Reason.INVALID_CHAIN,
                f"the chain of {shown(leaf.subject)} is a circle without a trusted authority",
            )
        check_dates(issuer, at)
        check_strength(issuer, AUTHORITY_CURVES)
        check_authority(issuer, purpose, below=len(path) - 1)
        path.append(issuer)
    _refuse_names(path, error)
    raise CertificateError(
        Reason.INVALID_CHAIN, f"the chain of {shown(leaf.subject)} does not hold: {error}"
    ) from error


def _refuse_unknown(
    last: x509.Certificate,
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
) -> NoReturn:
    is_root = last.subject == last.issuer
    if is_root and last == leaf:
        raise CertificateError(
            Reason.SELF_SIGNED,
            f"the certificate of {shown(leaf.subject)} is self-signed, and is not itself trusted",
        )
    namesakes = [
        each for each in (*anchors, *others) if each.subject == last.issuer and each != last
    ]
    if any(_names_key_of(last, each) for each in namesakes):
        raise CertificateError(
            Reason.BAD_SIGNATURE,
            f"the signature on the certificate of {shown(last.subject)} is not that of "
            f"{shown(last.issuer)}: it was changed after it was signed",
        )
    hint = ""
    if namesakes:
        hint = "; the known authority of that name has another key"
    elif is_root:
        hint = ", though it was sent along"
    elif not others:
        hint = "; no intermediate was sent along"
    raise CertificateError(
        Reason.UNKNOWN_CA,
        f"the chain of {shown(leaf.subject)} ends at {shown(last.issuer)}, which is not among "
        f"the trusted authorities{hint}",
    )


def _names_key_of(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Return whether a certificate says that this authority's very key signed it."""
    wanted = find_extension(certificate, x509.AuthorityKeyIdentifier)
    own = find_extension(authority, x509.SubjectKeyIdentifier)
    return wanted is not None and own is not None and wanted.key_identifier == own.digest


def _refuse_names(path: Sequence[x509.Certificate], error: VerificationError) -> None:
    """Raise `CertificateError` if the library refused the chain for its name constraints."""
    said = str(error)
    if "name constraint" not in said:
        return
    for authority in path[1:]:
        if find_extension(authority, x509.NameConstraints) is not None:
            verb = "exclude" if "excluded" in said else "do not permit"
            raise CertificateError(
                Reason.NAME_NOT_PERMITTED,
                f"the name constraints of the authority {shown(authority.subject)} {verb} "
                f"a name of {shown(path[0].subject)}",
            ) from error
