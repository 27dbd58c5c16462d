"""Checks of a single certificate, each with the error that refuses it.

Every check here can only refuse: whether there is a path to a trust anchor is decided in
`verification.py`.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from smbquic.errors import HandshakeError
from smbquic.pki.subject import Purpose

MINIMUM_RSA_BITS = 2048
_MINIMUM_CURVE_BITS = 256
LEAF_CURVES: tuple[type[ec.EllipticCurve], ...] = (ec.SECP256R1, ec.SECP384R1)
"""Those that the QUIC engines can sign a handshake with."""
AUTHORITY_CURVES: tuple[type[ec.EllipticCurve], ...] = (*LEAF_CURVES, ec.SECP521R1)
_WEAK_HASHES = frozenset({"md5", "sha1"})
_NAME_SHOWN = 80
_USAGES_SHOWN = 5
# An extension that is marked critical and is not understood forbids the use of its certificate
# (RFC 5280, 4.2).
_UNDERSTOOD_OF_LEAF = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
)
_UNDERSTOOD_OF_AUTHORITY = (*_UNDERSTOOD_OF_LEAF, x509.NameConstraints)
_USAGE_NAMES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "any",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
}

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
_Name = x509.DNSName | x509.IPAddress


class Reason(StrEnum):
    """The reason for which a chain is refused."""

    NO_CERTIFICATE = "no-certificate"
    MALFORMED = "malformed"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    NOT_A_LEAF = "not-a-leaf"
    WRONG_USAGE = "wrong-usage"
    WRONG_NAME = "wrong-name"
    WEAK_KEY = "weak-key"
    UNSUPPORTED_KEY = "unsupported-key"
    WEAK_SIGNATURE = "weak-signature"
    BAD_SIGNATURE = "bad-signature"
    SELF_SIGNED = "self-signed"
    UNKNOWN_CA = "unknown-ca"
    NOT_AN_AUTHORITY = "not-an-authority"
    PATH_TOO_LONG = "path-too-long"
    NAME_NOT_PERMITTED = "name-not-permitted"
    INVALID_CHAIN = "invalid-chain"
    REVOKED = "revoked"
    NO_REVOCATION_LIST = "no-revocation-list"
    REVOCATION_LIST_EXPIRED = "revocation-list-expired"


class CertificateError(HandshakeError):
    """A certificate chain that is refused. `reason` is a `Reason`, the message a sentence."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message, reason)


def check_dates(certificate: x509.Certificate, at: datetime) -> None:
    """Raise `CertificateError` for a certificate that is not valid at that time."""
    if at > certificate.not_valid_after_utc:
        raise CertificateError(
            Reason.EXPIRED,
            f"the certificate of {shown(certificate.subject)} expired on "
            f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
        )
    if at < certificate.not_valid_before_utc:
        raise CertificateError(
            Reason.NOT_YET_VALID,
            f"the certificate of {shown(certificate.subject)} is valid only from "
            f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on; check the clocks",
        )


def check_strength(
    certificate: x509.Certificate, curves: tuple[type[ec.EllipticCurve], ...] = LEAF_CURVES
) -> None:
    """Raise `CertificateError` for a key that is too weak, or of an unsupported kind."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        found, weak = f"RSA with {key.key_size} bits", key.key_size < MINIMUM_RSA_BITS
        taken = not weak
    elif isinstance(key, ec.EllipticCurvePublicKey):
        found, weak = f"ECDSA on {key.curve.name}", key.curve.key_size < _MINIMUM_CURVE_BITS
        taken = isinstance(key.curve, curves)
    else:
        found, weak, taken = "neither ECDSA nor RSA", False, False
    if not taken:
        raise CertificateError(
            Reason.WEAK_KEY if weak else Reason.UNSUPPORTED_KEY,
            f"the key of {shown(certificate.subject)} is {found}; ECDSA on P-256 or P-384, or RSA "
            f"with {MINIMUM_RSA_BITS} bits or more, is accepted",
        )


def check_leaf(certificate: x509.Certificate) -> None:
    """Raise `CertificateError` if the first certificate is an authority's and not a leaf."""
    constraints = find_extension(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise CertificateError(
            Reason.NOT_A_LEAF,
            f"the first certificate, that of {shown(certificate.subject)}, is an authority's: "
            "the one of this end has to come first",
        )


def check_usage(leaf: x509.Certificate, purpose: Purpose) -> None:
    """Raise `CertificateError` for a leaf that is not meant for that end."""
    usages = usage_names(leaf)
    if f"{purpose}Auth" not in usages:
        has = f"is {_listed(usages)}, and" if usages else "is missing: it"
        raise CertificateError(
            Reason.WRONG_USAGE,
            f"the certificate of {shown(leaf.subject)} is not meant for a {purpose}: its "
            f"extended key usage {has} lacks {purpose}Auth",
        )
    usage = find_extension(leaf, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise CertificateError(
            Reason.WRONG_USAGE,
            f"the key of {shown(leaf.subject)} may not sign: its key usage lacks digitalSignature",
        )
    _check_critical(leaf, _UNDERSTOOD_OF_LEAF)


def check_authority(authority: x509.Certificate, purpose: Purpose, below: int) -> None:
    """Raise `CertificateError` for one that may not issue for that end.

    `below` is how many other authorities are between it and the leaf.
    """
    who = shown(authority.subject)
    constraints = find_extension(authority, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise CertificateError(
            Reason.NOT_AN_AUTHORITY,
            f"{who} signed a certificate and is not an authority, by its basic constraints",
        )
    usage = find_extension(authority, x509.KeyUsage)
    if usage is None or not usage.key_cert_sign:
        raise CertificateError(
            Reason.NOT_AN_AUTHORITY,
            f"the authority {who} may not sign certificates: its key usage lacks keyCertSign",
        )
    if constraints.path_length is not None and below > constraints.path_length:
        raise CertificateError(
            Reason.PATH_TOO_LONG,
            f"the authority {who} may have {constraints.path_length} authorities below itself "
            f"(path length), and has {below}",
        )
    usages = usage_names(authority)
    if usages and f"{purpose}Auth" not in usages and "any" not in usages:
        raise CertificateError(
            Reason.WRONG_USAGE,
            f"the authority {who} may not issue for a {purpose}: its extended key usage is "
            f"{_listed(usages)}",
        )
    _check_critical(authority, _UNDERSTOOD_OF_AUTHORITY)


def _check_critical(
    certificate: x509.Certificate, understood: tuple[type[x509.ExtensionType], ...]
) -> None:
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, understood):
            raise CertificateError(
                Reason.WRONG_USAGE,
                f"the certificate of {shown(certificate.subject)} has a critical extension that "
                f"is not understood: {extension.oid.dotted_string}",
            )


def check_signature(certificate: x509.Certificate) -> None:
    """Raise `CertificateError` for a signature over a weak hash."""
    algorithm = certificate.signature_hash_algorithm
    if algorithm is not None and algorithm.name in _WEAK_HASHES:
        raise CertificateError(
            Reason.WEAK_SIGNATURE,
            f"the certificate of {shown(certificate.subject)} is signed with "
            f"{algorithm.name.upper()}; SHA-256 is the least that is accepted",
        )


def check_name(leaf: x509.Certificate, wanted: _Name | None) -> _Name:
    """Return the name that the leaf answers for: the wanted one, or its first if none is wanted.

    Raises `CertificateError`.
    """
    names = find_extension(leaf, x509.SubjectAlternativeName)
    known = [each for each in names or () if isinstance(each, x509.DNSName | x509.IPAddress)]
    if not known:
        nothing = "its common name" if names is None else "what else it carries"
        raise CertificateError(
            Reason.WRONG_NAME,
            f"the certificate of {shown(leaf.subject)} carries no DNS name and no address; "
            f"{nothing} does not count",
        )
    if wanted is None:
        return known[0]
    if not any(_matches(each, wanted) for each in known):
        listed = ", ".join(str(each.value)[:_NAME_SHOWN] for each in known[:5])
        raise CertificateError(
            Reason.WRONG_NAME,
            f"the certificate is not for '{wanted.value}' but for {listed!r}"
            f"{_misunderstanding(known, wanted)}",
        )
    return wanted


def _matches(pattern: _Name, wanted: _Name) -> bool:
    if isinstance(pattern, x509.IPAddress) or isinstance(wanted, x509.IPAddress):
        return pattern == wanted
    lowered = pattern.value.lower()
    if lowered.startswith("*."):
        # It stands for one label, the first (RFC 9525, 6.3), and never for a whole domain.
        return _is_narrow(lowered) and lowered[1:] == wanted.value[wanted.value.find(".") :]
    return lowered == wanted.value


def _is_narrow(wildcard: str) -> bool:
    return wildcard.count(".") > 1


def _misunderstanding(known: Sequence[_Name], wanted: _Name) -> str:
    """Return an explanation of why a name does not match, for common mistakes; else nothing."""
    texts = [each.value.lower() for each in known if isinstance(each, x509.DNSName)]
    if isinstance(wanted, x509.IPAddress):
        as_name = str(wanted.value) in texts
        return "; an address has to be there as an address, not as a DNS name" if as_name else ""
    for text in texts:
        if "*" in text.removeprefix("*."):
            return "; a wildcard has to be the whole first label"
        if text.startswith("*.") and not _is_narrow(text):
            return "; a wildcard has to have two labels behind it"
        if text.startswith("*.") and f".{wanted.value}".endswith(text[1:]):
            return "; a wildcard stands for one label, no more and no less"
    return ""


def find_issuer(
    certificate: x509.Certificate, candidates: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """Return the certificate among `candidates` whose key signed another one.

    None if there is none.
    """
    for candidate in candidates:
        if candidate.subject == certificate.issuer and candidate != certificate:
            try:
                certificate.verify_directly_issued_by(candidate)
            except (InvalidSignature, TypeError, ValueError):
                # The same name, but not the same key.
                continue
            return candidate
    return None


def _listed(usages: Sequence[str]) -> str:
    return " and ".join(usages[:_USAGES_SHOWN])


def usage_names(certificate: x509.Certificate) -> list[str]:
    """Return the names of the extended key usages; empty without the extension."""
    usages = find_extension(certificate, x509.ExtendedKeyUsage)
    return [_USAGE_NAMES.get(each, each.dotted_string) for each in usages or ()]


def find_extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """Return the extension of that kind; None if the certificate has none."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def shown(name: x509.Name) -> str:
    """Return a name for a message: short, quoted, and without control characters."""
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = str(common[0].value) if common else name.rfc4514_string()
    return repr(text[:_NAME_SHOWN])
