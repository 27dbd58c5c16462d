"""Verifies a certificate chain for one end of a connection.

The `cryptography` library finds the path from the leaf to a trust anchor; the further checks here
can only refuse. Every refusal is a `CertificateError` with a reason for programs and a sentence for
people.
"""

import itertools
import re
import ssl
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

# The first verification imports it otherwise, while somebody waits for its result.
from cryptography.hazmat.backends import openssl  # noqa: F401
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from smbquic.lazy_dataclass import dataclass
from smbquic.pki.checks import (
    CertificateError,
    Reason,
    check_dates,
    check_leaf,
    check_name,
    check_strength,
    check_usage,
    shown,
)
from smbquic.pki.files import load_certificates, load_crls
from smbquic.pki.refusal import refuse
from smbquic.pki.subject import Purpose, general_name, now_utc

# A chain is leaf, issuer and root here, and rarely one more elsewhere; a peer that sends hundreds
# of certificates wastes our processor time.
_MAXIMUM_CHAIN = 16
_PEM_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
# Exceptions of the parser, at once or when a part is read, for bytes that are no certificate.
_UNPARSABLE = (
    ValueError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)


@dataclass(frozen=True, slots=True)
class Trust:
    """The trust anchors, and the revocation lists, if there are any, for a verification.

    If there are any, the leaf's issuer must have one; other authorities may.
    """

    anchors: tuple[x509.Certificate, ...]
    revocation_lists: tuple[x509.CertificateRevocationList, ...] = ()

    @classmethod
    def load(cls, ca: Path, crl: Path | None = None) -> Self:
        """Return anchors and lists from PEM files. Raises `PkiError`."""
        return cls(tuple(load_certificates(ca)), tuple(load_crls(crl)) if crl is not None else ())

    @classmethod
    def system(cls) -> Self:
        """Return the anchors that this machine trusts, from where OpenSSL looks.

        There may be none.
        """
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
        """Return the anchors of the system with the revocation lists of a PEM file.

        Raises `PkiError`.
        """
        lists = tuple(load_crls(crl)) if crl is not None else ()
        return cls(cls.system().anchors, lists)

    def prepare(self) -> None:
        """Parse an anchor and verify its own signature, whatever comes of it.

        The first certificate that a process verifies takes 2 ms longer than the next ones, most of
        it in OpenSSL: time that a client has while a server has not answered yet.
        """
        for anchor in self.anchors[:1]:
            _verify_by_itself(anchor)


# A program that connects again trusts the same authority, and has OpenSSL ready.
@lru_cache(1)
def _verify_by_itself(anchor: x509.Certificate) -> None:
    with suppress(TypeError, InvalidSignature, *_UNPARSABLE):
        [parsed] = _parse_all([anchor.public_bytes(Encoding.DER)])
        parsed.verify_directly_issued_by(parsed)


def parse_der(certificate: bytes) -> x509.Certificate:
    """Parse a certificate from DER. Raises one of `_UNPARSABLE`.

    No warning is logged for an unusual one, such as one with a serial number of zero: only its
    issuer can change it.
    """
    [parsed] = _parse_all([certificate])
    return parsed


def _parse_all(chain: Iterable[bytes]) -> list[x509.Certificate]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        parsed = [x509.load_der_x509_certificate(each) for each in chain]
    try:
        for each in parsed:
            _ = each.subject, each.issuer
    except TypeError as error:
        raise ValueError(f"a name in it is of no known form: {error}") from error
    return parsed


def _parse_anchor(anchor: bytes) -> x509.Certificate | None:
    """Parse an anchor of the system; None for one that cannot be read."""
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
    """Return the path of a valid chain from the leaf to a trust anchor, both included.

    `chain` is DER, the leaf first, the rest in any order, as TLS hands it over. `name` is the DNS
    name or address that a server was reached by; without it no name is checked. `at` is when the
    chain must be valid, by default now. Raises `CertificateError`.
    """
    if not chain:
        raise CertificateError(Reason.NO_CERTIFICATE, f"the {purpose} showed no certificate")
    if len(chain) > _MAXIMUM_CHAIN:
        raise CertificateError(
            Reason.INVALID_CHAIN,
            f"the {purpose} sent {len(chain)} certificates; at most {_MAXIMUM_CHAIN} are accepted",
        )
    at = at or now_utc()
    try:
        wanted = general_name(name) if name is not None else None
    except ValueError as error:
        raise CertificateError(Reason.WRONG_NAME, f"no certificate can be for {error}") from error
    try:
        leaf, *others = _parse_all(map(bytes, chain))
        check_leaf(leaf)
        check_dates(leaf, at)
        check_strength(leaf)
        check_usage(leaf, purpose)
        subject = check_name(leaf, wanted) if purpose is Purpose.SERVER else None
        path = _build_path(leaf, others, purpose, subject, trust, at)
        _check_revocation(path, trust, at)
    except _UNPARSABLE as error:
        raise CertificateError(
            Reason.MALFORMED, f"the {purpose} sent a certificate that cannot be read: {error}"
        ) from error
    return path


def _build_path(
    leaf: x509.Certificate,
    others: list[x509.Certificate],
    purpose: Purpose,
    subject: x509.DNSName | x509.IPAddress | None,
    trust: Trust,
    at: datetime,
) -> list[x509.Certificate]:
    if not trust.anchors:
        raise CertificateError(
            Reason.UNKNOWN_CA, "there is no trusted certificate authority; give one with --ca"
        )
    # The leaf's extensions are checked above, by which the reason is known.
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
        refuse(leaf, others, trust.anchors, purpose, at, error)


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
                    f"{shown(certificate.subject)}, but none of the revocation lists is from it",
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
                f"the revocation list of {shown(issuer.subject)} expired on "
                f"{newest.next_update_utc:%Y-%m-%d %H:%M} UTC; get a newer one",
            )


def _newest_list(issuer: x509.Certificate, trust: Trust) -> x509.CertificateRevocationList | None:
    key = issuer.public_key()
    # The library accepts no path that a key of another kind has signed.
    assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    lists = [
        each
        for each in trust.revocation_lists
        if each.issuer == issuer.subject and each.is_signature_valid(key)
    ]
    return max(lists, key=lambda each: each.last_update_utc, default=None)
