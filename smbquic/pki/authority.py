"""A certificate authority: roots, intermediates, leaves and revocation lists.

What a certificate holds is what Windows asks of SMB over QUIC: SHA-256, ECDSA P-256 or RSA of at
least 2048 bits, digitalSignature, serverAuth or clientAuth, a subject, and a subject alternative
name for every name that the server is reached by ([MS-SMB2] 3.3.1.17 names the client's side).
`certs/README.md` lists it all.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from smbquic.lazy_dataclass import dataclass
from smbquic.pki.files import PrivateKey
from smbquic.pki.subject import Purpose, general_name

# Clocks of two machines differ; a certificate made this minute must work on both.
_BACKDATED = timedelta(minutes=10)
_COMMON_NAME_LIMIT = 64


class KeyType(StrEnum):
    """Kinds of keys that a certificate can have."""

    EC_P256 = "ec-p256"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"

    @classmethod
    def of(cls, key: PrivateKey) -> "KeyType":
        """Return the kind that a new key has to be to take the place of `key`."""
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return cls.EC_P256
        return cls.RSA_2048 if key.key_size <= 2048 else cls.RSA_3072


@dataclass(frozen=True, slots=True)
class Validity:
    """The time for which a certificate is valid; both ends have a time zone."""

    not_before: datetime
    not_after: datetime

    @classmethod
    def starting(cls, now: datetime, days: int) -> Self:
        """Return a validity of `days`, which begins a little before `now` as clocks differ."""
        return cls(now - _BACKDATED, now + timedelta(days=days))

    def within(self, issuer: x509.Certificate) -> "Validity":
        """Return the same, but not longer than the certificate that signs it."""
        return Validity(self.not_before, min(self.not_after, issuer.not_valid_after_utc))


@dataclass(frozen=True, slots=True)
class Credential:
    """A leaf, its key, and the intermediates that a peer needs to reach the root, nearest first."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def certificate_pem(self) -> bytes:
        """Leaf, then intermediates: what a TLS end sends."""
        return b"".join(certificate_pem(each) for each in (self.certificate, *self.chain))

    @property
    def key_pem(self) -> bytes:
        """The private key, not encrypted."""
        return key_pem(self.key)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that signs others. `chain` is what its leaves carry after themselves."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @classmethod
    def root(cls, common_name: str, key: PrivateKey, validity: Validity) -> Self:
        """Make a self-signed root that trusts one level of intermediates."""
        subject = _subject(common_name)
        builder = _builder(subject, subject, key.public_key(), validity)
        certificate = _authority_extensions(builder, path_length=1).sign(key, hashes.SHA256())
        return cls(certificate, key)

    def intermediate(self, common_name: str, key: PrivateKey, validity: Validity) -> "Authority":
        """Make an authority below this one, which signs leaves only."""
        builder = _authority_extensions(
            self._builder(_subject(common_name), key, validity), path_length=0
        )
        certificate = builder.sign(self.key, hashes.SHA256())
        return Authority(certificate, key, (certificate, *self.chain))

    def issue(
        self,
        purpose: Purpose,
        common_name: str,
        key: PrivateKey,
        validity: Validity,
        names: Iterable[str] = (),
    ) -> Credential:
        """Issue a leaf for one end of a connection; `names` are DNS names and IP addresses.

        For a client they may be e-mail addresses too, for access rules and logons. `validity` is
        used as it is: limit it with `Validity.within` if the leaf must not outlive this authority.
        Raises `ValueError` for a name that is none of these.
        """
        builder = self._builder(_subject(common_name), key, validity)
        builder = _leaf_extensions(builder, purpose, names)
        return Credential(builder.sign(self.key, hashes.SHA256()), key, self.chain)

    def revocation_list(
        self, revoked: Mapping[int, datetime], now: datetime
    ) -> x509.CertificateRevocationList:
        """Return a list of the serial numbers in `revoked`, each with when it was revoked.

        It is valid as long as the authority: its owner replaces the file, and no peer fetches the
        next list when this one expires.
        """
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - _BACKDATED)
            .next_update(self.certificate.not_valid_after_utc)
            .add_extension(_issuer_key_identifier(self.certificate), critical=False)
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        )
        for serial, when in revoked.items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, hashes.SHA256())

    def _builder(
        self, subject: x509.Name, key: PrivateKey, validity: Validity
    ) -> x509.CertificateBuilder:
        builder = _builder(subject, self.certificate.subject, key.public_key(), validity)
        return builder.add_extension(_issuer_key_identifier(self.certificate), critical=False)


def self_signed(
    purpose: Purpose,
    common_name: str,
    key: PrivateKey,
    validity: Validity,
    names: Iterable[str] = (),
) -> Credential:
    """Return a leaf that is signed by its own key."""
    subject = _subject(common_name)
    builder = _builder(subject, subject, key.public_key(), validity)
    builder = _leaf_extensions(builder, purpose, names)
    return Credential(builder.sign(key, hashes.SHA256()), key, ())


def generate_key(key_type: KeyType) -> PrivateKey:
    """Return a fresh key of that kind."""
    if key_type is KeyType.EC_P256:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 2048 if key_type is KeyType.RSA_2048 else 3072)


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Return the certificate as a PEM block."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: PrivateKey, password: str | None = None) -> bytes:
    """Return the private key as a PKCS #8 PEM block, encrypted if there is a password."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password.encode())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def _alternative_name(name: str, purpose: Purpose) -> x509.GeneralName:
    """Return a subject alternative name for one end. Raises `ValueError`."""
    if "@" not in name:
        return general_name(name)
    if purpose is not Purpose.CLIENT:
        raise ValueError(f"{name!r} is an e-mail address, and a server is reached by a DNS name")
    try:
        return x509.RFC822Name(name)
    except ValueError as error:
        raise ValueError(f"{name!r} is not an e-mail address such as alice@corp.example") from error


def _subject(common_name: str) -> x509.Name:
    # Windows asks for a subject that is not empty, and takes any; X.520 limits its length.
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "smbquic"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[:_COMMON_NAME_LIMIT]),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    validity: Validity,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _authority_extensions(
    builder: x509.CertificateBuilder, path_length: int
) -> x509.CertificateBuilder:
    return builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=path_length), critical=True
    ).add_extension(_key_usage(signs_certificates=True), critical=True)


def _leaf_extensions(
    builder: x509.CertificateBuilder, purpose: Purpose, names: Iterable[str]
) -> x509.CertificateBuilder:
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose.usage]), critical=False)
    )
    alternatives = dict.fromkeys(_alternative_name(name, purpose) for name in names)
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        # TLS 1.3 only ever signs with the key of a certificate, RSA's too.
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _issuer_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value)
