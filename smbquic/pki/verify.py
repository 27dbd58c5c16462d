"""Whether a certificate chain holds for one end of a connection, and if not, why not.

The path from the leaf to a trust anchor is decided by the `cryptography` library; what is checked
here besides can only refuse. Every refusal is a `CertificateError` with a word for programs and a
sentence for people.
"""

import itertools
import re
import ssl
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NoReturn, Self, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from smbquic.errors import HandshakeError
from smbquic.pki.authority import Purpose, general_name, now_utc
from smbquic.pki.files import load_certificates, load_crls

MINIMUM_RSA_BITS = 2048
# A chain is leaf, issuer, root here, and rarely one more elsewhere; a peer that sends hundreds
# wants to keep us busy.
_MAXIMUM_CHAIN = 16
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_WEAK_HASHES = frozenset({"md5", "sha1"})
_NAME_SHOWN = 80
_PEM_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
# What the parser raises, now or when a part is looked at, for bytes that are no certificate.
_UNPARSABLE = (
    ValueError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)
# What the checks of the leaf here make use of. An extension that is marked critical and is not
# understood forbids the use of its certificate (RFC 5280, 4.2).
_UNDERSTOOD = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
)

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class Reason(StrEnum):
    """Why a chain is refused, in a word."""

    NO_CERTIFICATE = "no-certificate"
    MALFORMED = "malformed"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    WRONG_USAGE = "wrong-usage"
    WRONG_NAME = "wrong-name"
    WEAK_KEY = "weak-key"
    WEAK_SIGNATURE = "weak-signature"
    SELF_SIGNED = "self-signed"
    UNKNOWN_CA = "unknown-ca"
    INVALID_CHAIN = "invalid-chain"
    REVOKED = "revoked"
    NO_REVOCATION_LIST = "no-revocation-list"
    REVOCATION_LIST_EXPIRED = "revocation-list-expired"


class CertificateError(HandshakeError):
    """A certificate chain that is refused. `reason` is a `Reason`, the message a sentence."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message, reason)


@dataclass(frozen=True, slots=True)
class Trust:
    """What a chain is held against: trust anchors, and revocation lists if there are any.

    With revocation lists, the leaf's issuer must have one; other authorities may.
    """

    anchors: tuple[x509.Certificate, ...]
    revocation_lists: tuple[x509.CertificateRevocationList, ...] = ()

    @classmethod
    def load(cls, ca: Path, crl: Path | None = None) -> Self:
        """Anchors and lists from PEM files. Raises `PkiError`."""
        return cls(tuple(load_certificates(ca)), tuple(load_crls(crl)) if crl is not None else ())

    @classmethod
    def system(cls) -> Self:
        """The anchors that this machine trusts, from where OpenSSL looks; there may be none."""
        found = ssl.create_default_context().get_ca_certs(binary_form=True)
        folder = ssl.get_default_verify_paths().capath
        if not found and folder is not None:
            # OpenSSL looks into it when it needs an anchor, by names that are hashes.
            for path in sorted(Path(folder).glob("*.[0-9]")):
                found += [
                    ssl.PEM_cert_to_DER_cert(block.decode())
                    for block in _PEM_BLOCK.findall(path.read_bytes())
                ]
        return cls(tuple(filter(None, map(_parse_anchor, dict.fromkeys(found)))))

    @classmethod
    def of_system(cls, crl: Path | None = None) -> Self:
        """As `system`, with the revocation lists of a PEM file. Raises `PkiError`."""
        lists = tuple(load_crls(crl)) if crl is not None else ()
        return cls(cls.system().anchors, lists)


def parse_der(certificate: bytes) -> x509.Certificate:
    """A certificate from DER. Raises one of `_UNPARSABLE`.

    What is unusual about one, a serial number of zero say, is news for who made it, not for who
    happens to see it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return x509.load_der_x509_certificate(certificate)


def _parse_anchor(anchor: bytes) -> x509.Certificate | None:
    """A certificate of the system's; None for one that cannot be read and helps nobody."""
    try:
        return parse_der(anchor)
    except ValueError:
        return None


def verify(
    chain: Sequence[bytes],
    purpose: Purpose,
    trust: Trust,
    *,
    name: str | None = None,
    at: datetime | None = None,
) -> list[x509.Certificate]:
    """The path from the leaf to a trust anchor, both included, of a chain that holds.

    `chain` is DER, the leaf first, the rest in any order, as TLS hands it over. `name` is the DNS
    name or address that a server was reached by; without it no name is checked. `at` is when the
    chain must hold, now if it is not given. Raises `CertificateError`.
    """
    if not chain:
        raise CertificateError(Reason.NO_CERTIFICATE, f"the {purpose} showed no certificate")
    if len(chain) > _MAXIMUM_CHAIN:
        raise CertificateError(
            Reason.INVALID_CHAIN, f"the {purpose} sent {len(chain)} certificates, which is absurd"
        )
    at = at or now_utc()
    try:
        wanted = general_name(name) if name is not None else None
    except ValueError as error:
        raise CertificateError(Reason.WRONG_NAME, f"no certificate can be for {error}") from error
    try:
        leaf, *others = [parse_der(bytes(each)) for each in chain]
        check_dates(leaf, at)
        check_strength(leaf)
        check_usage(leaf, purpose)
        subject = check_name(leaf, wanted) if purpose is Purpose.SERVER else None
        path = _build_path(leaf, others, subject, trust, at)
        _check_revocation(path, trust, at)
    except _UNPARSABLE as error:
        raise CertificateError(
            Reason.MALFORMED, f"the {purpose} sent a certificate that cannot be read: {error}"
        ) from error
    return path


def check_dates(certificate: x509.Certificate, at: datetime) -> None:
    """Raises `CertificateError` for a certificate that is not valid at that time."""
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
            f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on",
        )


def check_strength(certificate: x509.Certificate) -> None:
    """Raises `CertificateError` for a key that is too weak, or of a kind nobody takes."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        found, strong = f"RSA with {key.key_size} bits", key.key_size >= MINIMUM_RSA_BITS
    elif isinstance(key, ec.EllipticCurvePublicKey):
        found, strong = f"ECDSA on {key.curve.name}", isinstance(key.curve, _CURVES)
    else:
        found, strong = "neither ECDSA nor RSA", False
    if not strong:
        raise CertificateError(
            Reason.WEAK_KEY,
            f"the key of {shown(certificate.subject)} is {found}; ECDSA on P-256 or RSA with "
            f"{MINIMUM_RSA_BITS} bits is the least that is accepted",
        )


def check_usage(leaf: x509.Certificate, purpose: Purpose) -> None:
    """Raises `CertificateError` for a leaf that is not meant for that end."""
    usages = find_extension(leaf, x509.ExtendedKeyUsage)
    if usages is None or purpose.usage not in usages:
        raise CertificateError(
            Reason.WRONG_USAGE,
            f"the certificate of {shown(leaf.subject)} is not meant for a {purpose}: its "
            f"extended key usage lacks {purpose}Auth",
        )
    usage = find_extension(leaf, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise CertificateError(
            Reason.WRONG_USAGE,
            f"the key of {shown(leaf.subject)} may not sign: its key usage lacks digitalSignature",
        )
    for extension in leaf.extensions:
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            raise CertificateError(
                Reason.WRONG_USAGE,
                f"the certificate of {shown(leaf.subject)} has a critical extension that is not "
                f"understood: {extension.oid.dotted_string}",
            )


def check_name(
    leaf: x509.Certificate, wanted: x509.DNSName | x509.IPAddress | None
) -> x509.DNSName | x509.IPAddress:
    """The name that the leaf answers for: the wanted one, or its first if none is wanted.

    Raises `CertificateError`.
    """
    names = find_extension(leaf, x509.SubjectAlternativeName)
    known = [each for each in names or () if isinstance(each, x509.DNSName | x509.IPAddress)]
    if not known:
        raise CertificateError(
            Reason.WRONG_NAME,
            f"the certificate of {shown(leaf.subject)} carries no DNS name and no address",
        )
    if wanted is None:
        return known[0]
    if not any(_matches(each, wanted) for each in known):
        listed = ", ".join(str(each.value)[:_NAME_SHOWN] for each in known[:5])
        raise CertificateError(
            Reason.WRONG_NAME, f"the certificate is not for '{wanted.value}' but for {listed!r}"
        )
    return wanted


def _matches(pattern: x509.DNSName | x509.IPAddress, wanted: x509.DNSName | x509.IPAddress) -> bool:
    if isinstance(pattern, x509.IPAddress) or isinstance(wanted, x509.IPAddress):
        return pattern == wanted
    lowered = pattern.value.lower()
    if lowered.startswith("*."):
        # It stands for one label, the first (RFC 9525, 6.3).
        return lowered[1:] == wanted.value[wanted.value.find(".") :]
    return lowered == wanted.value


def _build_path(
    leaf: x509.Certificate,
    others: list[x509.Certificate],
    subject: x509.DNSName | x509.IPAddress | None,
    trust: Trust,
    at: datetime,
) -> list[x509.Certificate]:
    if not trust.anchors:
        raise CertificateError(Reason.UNKNOWN_CA, "there is no certificate authority to trust")
    # The leaf's extensions are checked above, where the reason is told.
    leaf_policy = ExtensionPolicy.permit_all()
    if subject is not None:
        leaf_policy = leaf_policy.require_present(
            x509.SubjectAlternativeName, Criticality.AGNOSTIC, None
        )
    builder = (
        PolicyBuilder()
        .store(Store(list(trust.anchors)))
        .time(at)
        .extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=leaf_policy)
    )
    try:
        if subject is None:
            return builder.build_client_verifier().verify(leaf, others).chain
        return builder.build_server_verifier(subject).verify(leaf, others)
    except VerificationError as error:
        _explain(leaf, others, trust, at, error)


def _explain(
    leaf: x509.Certificate,
    others: list[x509.Certificate],
    trust: Trust,
    at: datetime,
    error: VerificationError,
) -> NoReturn:
    """Raise the most telling `CertificateError` for a path that the library did not find."""
    current = leaf
    for _ in range(len(others) + 1):
        check_signature(current)
        issuer = find_issuer(current, (*trust.anchors, *others))
        if issuer is None:
            _refuse_unknown(current, leaf)
        check_dates(issuer, at)
        check_strength(issuer)
        if issuer in trust.anchors:
            break
        current = issuer
    raise CertificateError(
        Reason.INVALID_CHAIN, f"the chain of {shown(leaf.subject)} does not hold: {error}"
    ) from error


def _refuse_unknown(last: x509.Certificate, leaf: x509.Certificate) -> NoReturn:
    if last == leaf and leaf.subject == leaf.issuer:
        raise CertificateError(
            Reason.SELF_SIGNED,
            f"the certificate of {shown(leaf.subject)} is signed by nobody but itself, "
            "and is not trusted as such",
        )
    raise CertificateError(
        Reason.UNKNOWN_CA,
        f"the chain of {shown(leaf.subject)} ends at {shown(last.issuer)}, which is not among "
        "the trusted authorities",
    )


def find_issuer(
    certificate: x509.Certificate, candidates: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """The certificate among `candidates` whose key signed another one; None if there is none."""
    for candidate in candidates:
        if candidate.subject == certificate.issuer and candidate != certificate:
            try:
                certificate.verify_directly_issued_by(candidate)
            except (InvalidSignature, TypeError, ValueError):
                # The same name, but not the same key.
                continue
            return candidate
    return None


def check_signature(certificate: x509.Certificate) -> None:
    """Raises `CertificateError` for a signature over a weak hash."""
    algorithm = certificate.signature_hash_algorithm
    if algorithm is not None and algorithm.name in _WEAK_HASHES:
        raise CertificateError(
            Reason.WEAK_SIGNATURE,
            f"the certificate of {shown(certificate.subject)} is signed with "
            f"{algorithm.name.upper()}; SHA-256 is the least that is accepted",
        )


def _check_revocation(path: list[x509.Certificate], trust: Trust, at: datetime) -> None:
    if not trust.revocation_lists:
        return
    for position, (certificate, issuer) in enumerate(itertools.pairwise(path)):
        newest = _newest_list(issuer, trust)
        if newest is None:
            if position == 0:
                raise CertificateError(
                    Reason.NO_REVOCATION_LIST,
                    f"{shown(issuer.subject)} issued the certificate of "
                    f"{shown(certificate.subject)}, but none of the revocation lists is its",
                )
            continue
        revoked = newest.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if revoked is not None:
            raise CertificateError(
                Reason.REVOKED,
                f"the certificate of {shown(certificate.subject)} was revoked on "
                f"{revoked.revocation_date_utc:%Y-%m-%d %H:%M} UTC",
            )
        if newest.next_update_utc is not None and at > newest.next_update_utc:
            raise CertificateError(
                Reason.REVOCATION_LIST_EXPIRED,
                f"the revocation list of {shown(issuer.subject)} ended on "
                f"{newest.next_update_utc:%Y-%m-%d %H:%M} UTC; get a newer one",
            )


def _newest_list(issuer: x509.Certificate, trust: Trust) -> x509.CertificateRevocationList | None:
    key = issuer.public_key()
    # What else a certificate's key may be cannot sign a path that the library accepts.
    assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    lists = [
        each
        for each in trust.revocation_lists
        if each.issuer == issuer.subject and each.is_signature_valid(key)
    ]
    return max(lists, key=lambda each: each.last_update_utc, default=None)


def find_extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """The extension of that kind; None if the certificate has none."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def shown(name: x509.Name) -> str:
    """A name as a message may show it: short, quoted, and with nothing that moves a cursor."""
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = str(common[0].value) if common else name.rfc4514_string()
    return repr(text[:_NAME_SHOWN])
