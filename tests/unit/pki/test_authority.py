from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from smbquic.pki.authority import Authority, KeyType, Validity, generate_key, self_signed
from smbquic.pki.subject import Purpose

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YEAR = Validity.starting(NOW, 365)


@pytest.fixture(scope="module")
def root() -> Authority:
    return Authority.root("root", generate_key(KeyType.EC_P256), YEAR)


def test_key_types() -> None:
    curve = generate_key(KeyType.EC_P256)
    assert isinstance(curve, ec.EllipticCurvePrivateKey)
    assert curve.curve.name == "secp256r1"
    for key_type, bits in [(KeyType.RSA_2048, 2048), (KeyType.RSA_3072, 3072)]:
        key = generate_key(key_type)
        assert isinstance(key, rsa.RSAPrivateKey)
        assert key.key_size == bits
        assert key.public_key().public_numbers().e == 65537


def test_validity_starts_a_little_early_and_is_cut_to_the_issuer(root: Authority) -> None:
    validity = Validity.starting(NOW, 400)
    assert validity.not_before == NOW - timedelta(minutes=10)
    assert validity.not_after == NOW + timedelta(days=400)
    cut = validity.within(root.certificate)
    assert cut == Validity(validity.not_before, NOW + timedelta(days=365))
    short = Validity.starting(NOW, 5)
    assert short.within(root.certificate) == short


def test_an_intermediate_signs_leaves_only(root: Authority) -> None:
    middle = root.intermediate("middle", generate_key(KeyType.EC_P256), YEAR)
    middle.certificate.verify_directly_issued_by(root.certificate)
    constraints = middle.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert constraints.critical
    assert middle.chain == (middle.certificate,)
    assert root.chain == ()


def test_a_leaf_carries_what_its_peer_needs(root: Authority) -> None:
    middle = root.intermediate("middle", generate_key(KeyType.EC_P256), YEAR)
    key = generate_key(KeyType.EC_P256)
    leaf = middle.issue(Purpose.SERVER, "s", key, YEAR, ["A.example", "::1", "a.example", "::1"])
    assert x509.load_pem_x509_certificates(leaf.certificate_pem) == [
        leaf.certificate,
        middle.certificate,
    ]
    names = leaf.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["a.example"]
    assert names.value.get_values_for_type(x509.IPAddress) == [ip_address("::1")]
    usages = leaf.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(usages.value) == [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]
    assert leaf.certificate.public_key() == key.public_key()


def test_a_client_has_no_names_unless_told(root: Authority) -> None:
    leaf = root.issue(Purpose.CLIENT, "alice", generate_key(KeyType.EC_P256), YEAR).certificate
    with pytest.raises(x509.ExtensionNotFound):
        leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_long_common_name_is_cut_to_what_x520_allows(root: Authority) -> None:
    name = ".".join(["label"] * 20)
    leaf = root.issue(Purpose.SERVER, name, generate_key(KeyType.EC_P256), YEAR, [name])
    (attribute,) = leaf.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    assert attribute.value == name[:64]


def test_self_signed() -> None:
    key = generate_key(KeyType.EC_P256)
    leaf = self_signed(Purpose.SERVER, "alone", key, YEAR, ["alone.example"])
    leaf.certificate.verify_directly_issued_by(leaf.certificate)
    assert leaf.chain == ()


def test_a_revocation_list_names_its_serials(root: Authority) -> None:
    when = NOW - timedelta(days=2)
    listed = root.revocation_list({7: when}, NOW)
    key = root.key.public_key()
    assert listed.is_signature_valid(key)
    entry = listed.get_revoked_certificate_by_serial_number(7)
    assert entry is not None
    assert entry.revocation_date_utc == when
    assert listed.get_revoked_certificate_by_serial_number(8) is None
    assert listed.next_update_utc == root.certificate.not_valid_after_utc
    assert listed.last_update_utc == NOW - timedelta(minutes=10)
    assert listed.issuer == root.certificate.subject
    assert [(type(each.value), each.critical) for each in listed.extensions] == [
        (x509.AuthorityKeyIdentifier, False),
        (x509.CRLNumber, False),
    ]
    later = root.revocation_list({}, NOW + timedelta(days=1))
    numbers = [
        each.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        for each in (listed, later)
    ]
    assert numbers[0] < numbers[1]


def usages(certificate: x509.Certificate) -> list[str]:
    found = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    bits = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment"]
    return [
        bit for bit in [*bits, "key_agreement", "key_cert_sign", "crl_sign"] if getattr(found, bit)
    ]


def test_what_each_kind_of_certificate_may_do_and_which_of_it_is_critical(root: Authority) -> None:
    middle = root.intermediate("middle", generate_key(KeyType.EC_P256), YEAR)
    leaf = middle.issue(
        Purpose.SERVER, "s", generate_key(KeyType.EC_P256), YEAR, ["a.example"]
    ).certificate
    critical = {
        certificate: {type(each.value): each.critical for each in certificate.extensions}
        for certificate in (root.certificate, middle.certificate, leaf)
    }
    authority = {
        x509.SubjectKeyIdentifier: False,
        x509.BasicConstraints: True,
        x509.KeyUsage: True,
    }
    below = {x509.AuthorityKeyIdentifier: False}
    named = {x509.ExtendedKeyUsage: False, x509.SubjectAlternativeName: False}
    assert critical[root.certificate] == authority
    assert critical[middle.certificate] == authority | below
    assert critical[leaf] == authority | below | named
    assert usages(root.certificate) == usages(middle.certificate) == ["key_cert_sign", "crl_sign"]
    assert usages(leaf) == ["digital_signature"]
    found = [
        each.extensions.get_extension_for_class(x509.BasicConstraints).value
        for each in (root.certificate, leaf)
    ]
    assert found == [
        x509.BasicConstraints(ca=True, path_length=1),
        x509.BasicConstraints(ca=False, path_length=None),
    ]
    assert leaf.subject.rfc4514_string() == "CN=s,O=smbquic"
    assert leaf.signature_hash_algorithm is not None
    assert leaf.signature_hash_algorithm.name == "sha256"


def test_the_identifiers_of_keys_lead_from_a_leaf_to_its_issuer(root: Authority) -> None:
    middle = root.intermediate("middle", generate_key(KeyType.EC_P256), YEAR)
    leaf = middle.issue(Purpose.CLIENT, "a", generate_key(KeyType.EC_P256), YEAR)
    listed = middle.revocation_list({}, NOW)

    def own(certificate: x509.Certificate) -> bytes:
        return certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        ).value.digest

    def above(of: x509.Certificate | x509.CertificateRevocationList) -> bytes | None:
        return of.extensions.get_extension_for_class(
            x509.AuthorityKeyIdentifier
        ).value.key_identifier

    assert above(leaf.certificate) == above(listed) == own(middle.certificate)
    assert above(middle.certificate) == own(root.certificate)
    assert len({own(each) for each in (leaf.certificate, *leaf.chain, root.certificate)}) == 3


@pytest.mark.parametrize(
    ("bits", "expected"),
    [(1024, KeyType.RSA_2048), (2048, KeyType.RSA_2048), (3072, KeyType.RSA_3072)],
)
def test_a_new_key_is_not_weaker_than_the_one_it_replaces(bits: int, expected: KeyType) -> None:
    assert KeyType.of(rsa.generate_private_key(65537, bits)) is expected
