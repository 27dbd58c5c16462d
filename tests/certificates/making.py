"""Authorities and certificates that are right, and the means to make them wrong.

All keys of one name are the same for as long as the program runs: what takes time is made once.
"""

import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import cache, cached_property
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from smbquic.pki import Authority, CertificateFiles, KeyType, Purpose, Trust, Validity
from smbquic.pki.authority import generate_key, key_pem, self_signed
from smbquic.pki.directory import crls_pem
from smbquic.pki.files import PRIVATE, PUBLIC, PrivateKey, write_file
from smbquic.pki.subject import now_utc

NAME = "fs.example"
NOW = now_utc()
DAY = timedelta(days=1)
YEAR = Validity.starting(NOW, 365)
PAST = Validity(NOW - 30 * DAY, NOW - DAY)
FUTURE = Validity(NOW + DAY, NOW + 30 * DAY)

Extensions = Iterable[tuple[x509.ExtensionType, bool]]
Kinds = tuple[type[x509.ExtensionType], ...]

_SHA256_WITH_RSA = bytes.fromhex("06092a864886f70d01010b")
_WEAK = {"sha1": (hashes.SHA1(), 0x05), "md5": (hashes.MD5(), 0x04)}


class RevocationLists(Enum):
    """Which revocation lists the other end has."""

    NONE = "none"
    ALL = "of every authority"
    NOT_OF_ISSUER = "none of the leaf's issuer"
    ENDED = "one of the leaf's issuer that has ended"


@dataclass(frozen=True)
class Shown:
    """Certificates in DER that an end shows, the leaf first, and the key that it uses."""

    chain: tuple[bytes, ...]
    key: PrivateKey

    @property
    def pem(self) -> bytes:
        """The certificates as in a file."""
        return pem(self.chain)

    def write(self, directory: Path, stem: str) -> CertificateFiles:
        """Both as files."""
        files = CertificateFiles(directory / f"{stem}.pem", directory / f"{stem}.key")
        write_file(files.certificate, self.pem, PUBLIC)
        write_file(files.key, key_pem(self.key), PRIVATE)
        return files


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    """The P-256 key of that name."""
    key = generate_key(KeyType.EC_P256)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


@cache
def rsa_key(bits: int, name: str = "leaf") -> rsa.RSAPrivateKey:
    """The RSA key of that size and name."""
    return rsa.generate_private_key(65537, bits)


@cache
def ed25519_key() -> PrivateKey:
    """A good key that is not for SMB over QUIC, and so none of the types of `PrivateKey`."""
    return cast(PrivateKey, ed25519.Ed25519PrivateKey.generate())


@cache
def curve_key(curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
    """A key on another curve."""
    return ec.generate_private_key(curve)


def der(*certificates: x509.Certificate) -> tuple[bytes, ...]:
    """Certificates as TLS hands them over."""
    return tuple(each.public_bytes(Encoding.DER) for each in certificates)


def pem(chain: Iterable[bytes]) -> bytes:
    """Certificates in DER as the text of a file."""
    return "".join(map(ssl.DER_cert_to_PEM_cert, chain)).encode()


def altered(
    certificate: x509.Certificate,
    signer: PrivateKey,
    *,
    without: Kinds = (),
    adding: Extensions = (),
    algorithm: hashes.SHA256 | hashes.SHA384 = hashes.SHA256(),  # noqa: B008 (it is immutable)
) -> x509.Certificate:
    """The certificate with other extensions, signed again with the key of its issuer."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(certificate.issuer)
        .public_key(certificate.public_key())
        .serial_number(certificate.serial_number)
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
    )
    for extension in certificate.extensions:
        if not isinstance(extension.value, without):
            builder = builder.add_extension(extension.value, extension.critical)
    for value, critical in adding:
        builder = builder.add_extension(value, critical)
    return builder.sign(signer, algorithm)


def weakly_signed(
    certificate: x509.Certificate, signer: rsa.RSAPrivateKey, weak: str
) -> x509.Certificate:
    """The certificate with a signature over SHA-1 or MD5, which the library does not make."""
    algorithm, number = _WEAK[weak]
    weak_with_rsa = _SHA256_WITH_RSA[:-1] + bytes([number])
    signed = certificate.tbs_certificate_bytes
    weaker = signed.replace(_SHA256_WITH_RSA, weak_with_rsa)
    signature = signer.sign(weaker, padding.PKCS1v15(), algorithm)
    whole = certificate.public_bytes(Encoding.DER).replace(signed, weaker)
    whole = whole.replace(_SHA256_WITH_RSA, weak_with_rsa)
    return x509.load_der_x509_certificate(whole.replace(certificate.signature, signature))


def key_usage(**allowed: bool) -> x509.KeyUsage:
    """A key usage that allows what is named."""
    nothing = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment"),
            *("data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"),
            *("encipher_only", "decipher_only"),
        ),
        False,
    )
    return x509.KeyUsage(**{**nothing, **allowed})


class World:
    """The authorities, whom the ends trust, and what is revoked."""

    def __init__(self) -> None:
        self.root = Authority.root("root", ec_key("root"), YEAR)
        self.issuer = self.root.intermediate("issuer", ec_key("issuer"), YEAR)
        self.rsa_root = Authority.root("RSA root", rsa_key(2048, "root"), YEAR)
        self.ended_root = Authority.root("ended root", ec_key("ended root"), PAST)
        self.strange_root = Authority.root("strange root", ec_key("strange root"), YEAR)
        tall = Authority.root("tall root", ec_key("tall root"), YEAR)
        free = altered(
            tall.certificate,
            tall.key,
            without=(x509.BasicConstraints,),
            adding=[(x509.BasicConstraints(ca=True, path_length=None), True)],
        )
        self.tall_root = Authority(free, tall.key)
        self.compromised = self.authority("compromised")

    @cached_property
    def revoked(self) -> dict[Purpose, Shown]:
        """A certificate for each end that its issuer has revoked."""
        return {purpose: self.leaf(purpose) for purpose in Purpose}

    @cached_property
    def alone(self) -> dict[Purpose, Shown]:
        """A self-signed certificate for each end that the other end trusts as such."""
        return {purpose: self.self_signed(purpose, f"alone {purpose}") for purpose in Purpose}

    def self_signed(self, purpose: Purpose, name: str) -> Shown:
        """A certificate that nobody else signed."""
        names = (NAME,) if purpose is Purpose.SERVER else ()
        made = self_signed(purpose, name, ec_key(name), YEAR, names)
        return Shown(der(made.certificate), made.key)

    def authority(
        self,
        name: str,
        above: Authority | None = None,
        *,
        key: PrivateKey | None = None,
        validity: Validity = YEAR,
        without: Kinds = (),
        adding: Extensions = (),
    ) -> Authority:
        """An authority below the root or another one, with these extensions changed."""
        above = above or self.root
        made = above.intermediate(name, key or ec_key(name), validity)
        certificate = altered(made.certificate, above.key, without=without, adding=adding)
        return Authority(certificate, made.key, (certificate, *above.chain))

    def leaf(
        self,
        purpose: Purpose,
        under: Authority | None = None,
        *,
        names: Sequence[str] | None = None,
        key: PrivateKey | None = None,
        validity: Validity = YEAR,
        without: Kinds = (),
        adding: Extensions = (),
    ) -> Shown:
        """A certificate for that end, with these changes, and all that leads to its root.

        A server's is for `NAME` unless `names` says for what.
        """
        under, key = under or self.issuer, key or ec_key(purpose)
        if names is None:
            names = (NAME,) if purpose is Purpose.SERVER else ()
        made = under.issue(purpose, NAME, key, validity, names)
        certificate = altered(made.certificate, under.key, without=without, adding=adding)
        return Shown(der(certificate, *made.chain), key)

    @property
    def anchors(self) -> list[x509.Certificate]:
        """Whom both ends trust."""
        roots = (self.root, self.rsa_root, self.ended_root, self.tall_root)
        alone = [x509.load_der_x509_certificate(each.chain[0]) for each in self.alone.values()]
        return [*(each.certificate for each in roots), *alone]

    def revocation_lists(self, lists: RevocationLists) -> list[x509.CertificateRevocationList]:
        """The lists of that kind."""
        of_root = self.root.revocation_list({self.compromised.certificate.serial_number: NOW}, NOW)
        match lists:
            case RevocationLists.NONE:
                return []
            case RevocationLists.NOT_OF_ISSUER:
                return [of_root]
            case RevocationLists.ENDED:
                return [of_root, self._ended_list()]
        certificates = [
            x509.load_der_x509_certificate(each.chain[0]) for each in self.revoked.values()
        ]
        revoked = {each.serial_number: NOW for each in certificates}
        return [
            of_root,
            self.issuer.revocation_list(revoked, NOW),
            self.compromised.revocation_list({}, NOW),
        ]

    def _ended_list(self) -> x509.CertificateRevocationList:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.issuer.certificate.subject)
            .last_update(NOW - 2 * DAY)
            .next_update(NOW - DAY)
        )
        return builder.sign(ec_key("issuer"), hashes.SHA256())

    def trust(self, lists: RevocationLists) -> Trust:
        """Return the anchors and revocation lists that a chain is verified against."""
        return Trust(tuple(self.anchors), tuple(self.revocation_lists(lists)))

    def write_trust(self, directory: Path, lists: RevocationLists) -> tuple[Path, Path | None]:
        """The same as files: authorities, and revocation lists if there are any."""
        ca, crl = directory / "ca.pem", directory / "crl.pem"
        write_file(ca, pem(der(*self.anchors)), PUBLIC)
        found = self.revocation_lists(lists)
        if not found:
            return ca, None
        write_file(crl, crls_pem(found), PUBLIC)
        return ca, crl


@cache
def world() -> World:
    """The one that all rows of the tables are made in."""
    return World()
