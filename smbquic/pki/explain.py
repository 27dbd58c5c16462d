"""Describes a certificate, and checks whether SMB over QUIC can use it, and for which end.

Windows, Samba and this package require: an extended key usage for the end, digitalSignature, a
subject, for a server every DNS name by which clients reach it, ECDSA P-256 or RSA with 2048 bits,
and SHA-256.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from smbquic.lazy_dataclass import dataclass
from smbquic.pki.checks import (
    AUTHORITY_CURVES,
    CertificateError,
    check_authority,
    check_dates,
    check_leaf,
    check_name,
    check_signature,
    check_strength,
    check_usage,
    find_extension,
    usage_names,
)
from smbquic.pki.subject import Purpose, general_name, mail_addresses, now_utc, subject_names

EXPIRY_WARNING = timedelta(days=30)
"""How long before its end a certificate is warned about, unless its life is short."""
_LAST_PART = 1 / 4
"""The part of a short life in which it is warned about."""


class VerificationStatus(StrEnum):
    """The outcome of one check."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """One requirement, whether it is met, and a sentence that says so and what to do."""

    check: str
    status: VerificationStatus
    text: str


def reasons_for_refusal(results: Iterable[VerificationResult]) -> list[str]:
    """Return the problems for which clients refuse a certificate.

    An empty subject is none: only Windows refuses it, and public authorities leave the subject out.
    """
    return [
        each.text
        for each in results
        if each.status is VerificationStatus.PROBLEM and each.check != "subject"
    ]


def describe(certificate: x509.Certificate) -> dict[str, Any]:
    """Return what a certificate says about itself, as plain values for people and programs."""
    constraints = find_extension(certificate, x509.BasicConstraints)
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "sha256": fingerprint(certificate),
        "not_before": f"{certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
        "not_after": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        "key": describe_key(certificate),
        "signature": (
            certificate.signature_hash_algorithm.name
            if certificate.signature_hash_algorithm
            else certificate.signature_algorithm_oid.dotted_string
        ),
        "names": [*subject_names(certificate), *mail_addresses(certificate)],
        "usages": usage_names(certificate),
        "authority": constraints is not None and constraints.ca,
    }


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the whole certificate, in lower-case hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def days_left(certificate: x509.Certificate, at: datetime | None = None) -> int:
    """Return whole days until the certificate ends; below zero once it has."""
    return (certificate.not_valid_after_utc - (at or now_utc())).days


def expires_soon(certificate: x509.Certificate, at: datetime) -> bool:
    """Return whether a certificate ends so soon that it should have been renewed."""
    end = certificate.not_valid_after_utc
    life = end - certificate.not_valid_before_utc
    return end - at < min(EXPIRY_WARNING, life * _LAST_PART)


def describe_key(certificate: x509.Certificate) -> str:
    """Return the kind and size of the certificate's key."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return type(key).__name__.removeprefix("_").removesuffix("PublicKey")


def explain(
    chain: Sequence[x509.Certificate],
    purpose: Purpose,
    *,
    name: str | None = None,
    at: datetime | None = None,
) -> list[VerificationResult]:
    """Check a chain against every requirement of SMB over QUIC for one end.

    All of them are checked, whereas `verify` stops at the first that is not met. Trust anchors are
    not used. `name` is the name by which clients reach a server.
    """
    at = at or now_utc()
    leaf = chain[0]
    results = [_dates(leaf, at)]
    results.append(_held("key", lambda: check_strength(leaf), f"{describe_key(leaf)}: strong"))
    results.append(
        _held("signature", lambda: check_signature(leaf), "signed with SHA-256 or better")
    )
    results.append(
        _held("usage", lambda: check_usage(leaf, purpose), f"meant for a {purpose} ({purpose}Auth)")
    )
    results.append(_subject(leaf))
    if purpose is Purpose.SERVER:
        results.append(_names(leaf, name))
    results.append(
        _held("leaf", lambda: check_leaf(leaf), "the first certificate is not an authority's")
    )
    results.append(_chain(chain, purpose, at))
    return results


def usable(results: Sequence[VerificationResult]) -> bool:
    """Return whether there is no problem among them."""
    return all(result.status is not VerificationStatus.PROBLEM for result in results)


def _held(check: str, test: Callable[[], object], fine: str) -> VerificationResult:
    try:
        test()
    except CertificateError as error:
        return VerificationResult(check, VerificationStatus.PROBLEM, str(error))
    return VerificationResult(check, VerificationStatus.OK, fine)


def _dates(leaf: x509.Certificate, at: datetime) -> VerificationResult:
    left = leaf.not_valid_after_utc - at
    found = _held("dates", lambda: check_dates(leaf, at), f"valid for {left.days} days more")
    if found.status is VerificationStatus.OK and expires_soon(leaf, at):
        return VerificationResult(
            "dates", VerificationStatus.WARNING, f"{found.text} only: renew it"
        )
    return found


def _subject(leaf: x509.Certificate) -> VerificationResult:
    if not list(leaf.subject):
        return VerificationResult(
            "subject",
            VerificationStatus.PROBLEM,
            "the subject is empty, which Windows refuses: give it a CN",
        )
    return VerificationResult("subject", VerificationStatus.OK, "the subject is not empty")


def _names(leaf: x509.Certificate, name: str | None) -> VerificationResult:
    try:
        wanted = general_name(name) if name is not None else None
    except ValueError as error:
        return VerificationResult("names", VerificationStatus.PROBLEM, str(error))
    names = subject_names(leaf)
    found = _held("names", lambda: check_name(leaf, wanted), "for " + ", ".join(names[:5]))
    only_addresses = not any(
        isinstance(each, x509.DNSName)
        for each in find_extension(leaf, x509.SubjectAlternativeName) or ()
    )
    if found.status is VerificationStatus.OK and only_addresses:
        return VerificationResult(
            "names",
            VerificationStatus.WARNING,
            f"{found.text}: no DNS name; Windows and Samba refuse SMB over QUIC to an address",
        )
    return found


def _chain(chain: Sequence[x509.Certificate], purpose: Purpose, at: datetime) -> VerificationResult:
    """Check that each certificate may sign and signs the one before it, up to a root."""
    leaf = chain[0]
    if leaf.subject == leaf.issuer:
        return VerificationResult(
            "chain",
            VerificationStatus.WARNING,
            "self-signed: the other end has to trust this very certificate",
        )
    for below, (lower, upper) in enumerate(itertools.pairwise(chain)):
        try:
            lower.verify_directly_issued_by(upper)
            _check_above(upper, purpose, below, at)
        except CertificateError as error:
            return VerificationResult("chain", VerificationStatus.PROBLEM, str(error))
        except (InvalidSignature, TypeError, ValueError):
            return VerificationResult(
                "chain",
                VerificationStatus.PROBLEM,
                f"{upper.subject.rfc4514_string()!r} does not sign the certificate before it: "
                "order them leaf, its issuer, and so on",
            )
    last = chain[-1]
    if last.subject == last.issuer:
        return VerificationResult(
            "chain", VerificationStatus.OK, "complete up to a root (the root need not be sent)"
        )
    end = repr(last.issuer.rfc4514_string())
    if len(chain) == 1:
        return VerificationResult(
            "chain",
            VerificationStatus.WARNING,
            f"no intermediate: right only if the other end trusts {end} itself",
        )
    return VerificationResult(
        "chain", VerificationStatus.OK, f"{len(chain)} certificates in order, up to {end}"
    )


def _check_above(authority: x509.Certificate, purpose: Purpose, below: int, at: datetime) -> None:
    """Raise `CertificateError` for an authority whose chain nobody will accept."""
    check_dates(authority, at)
    check_strength(authority, AUTHORITY_CURVES)
    check_authority(authority, purpose, below)
    if authority.subject != authority.issuer:
        check_signature(authority)
