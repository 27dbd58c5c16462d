from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from smbquic.pki import PkiDirectory
from smbquic.pki.authority import KeyType, generate_key
from smbquic.pki.checks import (
    AUTHORITY_CURVES,
    CertificateError,
    Reason,
    check_authority,
    check_leaf,
    check_name,
    check_signature,
    check_strength,
    check_usage,
    find_issuer,
    shown,
    usage_names,
)
from smbquic.pki.files import PrivateKey, load_certificates
from smbquic.pki.subject import Purpose, general_name

KEY = generate_key(KeyType.EC_P256)
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE


def common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def signed(
    *extensions: x509.ExtensionType,
    key: PrivateKey = KEY,
    critical: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(common_name("fs"))
        .issuer_name(common_name("issuer"))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(KEY, hashes.SHA256())


def key_usage(*, signs: bool = False, certifies: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certifies,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def authority(path_length: int | None, *usages: x509.ObjectIdentifier) -> x509.Certificate:
    extended = [x509.ExtendedKeyUsage(usages)] if usages else []
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return signed(constraints, key_usage(certifies=True), *extended)


def refused(check: Callable[[], object]) -> tuple[Reason, str]:
    with pytest.raises(CertificateError) as raised:
        check()
    return Reason(raised.value.reason), str(raised.value)


def test_keys_at_the_bounds_of_strength() -> None:
    for key in (KEY, ec.generate_private_key(ec.SECP384R1()), rsa_key(2048)):
        check_strength(signed(key=key))
    largest = signed(key=ec.generate_private_key(ec.SECP521R1()))
    check_strength(largest, AUTHORITY_CURVES)
    accepted = "; ECDSA on P-256 or P-384, or RSA with 2048 bits or more, is accepted"
    assert refused(lambda: check_strength(largest)) == (
        Reason.UNSUPPORTED_KEY,
        f"the key of 'fs' is ECDSA on secp521r1{accepted}",
    )
    weak = signed(key=rsa_key(2040))
    assert refused(lambda: check_strength(weak)) == (
        Reason.WEAK_KEY,
        f"the key of 'fs' is RSA with 2040 bits{accepted}",
    )


def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def test_a_leaf_is_not_an_authority() -> None:
    check_leaf(signed())
    check_leaf(signed(x509.BasicConstraints(ca=False, path_length=None)))
    reason, _ = refused(lambda: check_leaf(authority(None)))
    assert reason is Reason.NOT_A_LEAF


def test_what_a_leaf_is_meant_for() -> None:
    both = signed(x509.ExtendedKeyUsage([SERVER_AUTH, CLIENT_AUTH]))
    for purpose in Purpose:
        check_usage(both, purpose)
    check_usage(
        signed(x509.ExtendedKeyUsage([CLIENT_AUTH]), key_usage(signs=True), critical=True),
        Purpose.CLIENT,
    )
    assert refused(lambda: check_usage(signed(), Purpose.CLIENT)) == (
        Reason.WRONG_USAGE,
        "the certificate of 'fs' is not meant for a client: its extended key usage is missing: it "
        "lacks clientAuth",
    )
    # Any usage is none: the end has to be named.
    other = signed(x509.ExtendedKeyUsage([ANY, CLIENT_AUTH]))
    assert refused(lambda: check_usage(other, Purpose.SERVER)) == (
        Reason.WRONG_USAGE,
        "the certificate of 'fs' is not meant for a server: its extended key usage is any and "
        "clientAuth, and lacks serverAuth",
    )
    silent = signed(x509.ExtendedKeyUsage([CLIENT_AUTH]), key_usage())
    assert refused(lambda: check_usage(silent, Purpose.CLIENT)) == (
        Reason.WRONG_USAGE,
        "the key of 'fs' may not sign: its key usage lacks digitalSignature",
    )


def test_five_usages_are_told() -> None:
    many = [x509.ObjectIdentifier(f"1.2.3.{number}") for number in range(6)]
    certificate = signed(x509.ExtendedKeyUsage(many))
    assert usage_names(certificate) == [each.dotted_string for each in many]
    _, text = refused(lambda: check_usage(certificate, Purpose.CLIENT))
    assert "is 1.2.3.0 and 1.2.3.1 and 1.2.3.2 and 1.2.3.3 and 1.2.3.4, and lacks" in text


def test_the_names_of_usages() -> None:
    known = [ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION]
    certificate = signed(x509.ExtendedKeyUsage([SERVER_AUTH, CLIENT_AUTH, ANY, *known]))
    assert usage_names(certificate) == [
        *("serverAuth", "clientAuth", "any", "codeSigning", "emailProtection")
    ]


def test_a_critical_extension_that_is_not_understood_forbids_the_use() -> None:
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    usage = x509.ExtendedKeyUsage([SERVER_AUTH])
    check_usage(signed(usage, strange), Purpose.SERVER)
    assert refused(lambda: check_usage(signed(usage, strange, critical=True), Purpose.SERVER)) == (
        Reason.WRONG_USAGE,
        "the certificate of 'fs' has a critical extension that is not understood: 1.2.3.4",
    )
    limits = x509.NameConstraints([x509.DNSName("example")], None)
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    above = (constraints, key_usage(certifies=True), limits)
    check_authority(signed(*above, critical=True), Purpose.SERVER, 0)
    reason, _ = refused(lambda: check_usage(signed(usage, limits, critical=True), Purpose.SERVER))
    assert reason is Reason.WRONG_USAGE


def test_an_authority_has_as_many_below_it_as_its_path_length() -> None:
    for length in (0, 1):
        check_authority(authority(length), Purpose.SERVER, length)
    check_authority(authority(None), Purpose.SERVER, 9)
    assert refused(lambda: check_authority(authority(1), Purpose.SERVER, 2)) == (
        Reason.PATH_TOO_LONG,
        "the authority 'fs' may have 1 authorities below itself (path length), and has 2",
    )


def test_an_authority_says_that_it_is_one_and_for_which_end() -> None:
    issues = key_usage(certifies=True)
    leaf = x509.BasicConstraints(ca=False, path_length=None)
    top = x509.BasicConstraints(ca=True, path_length=None)
    lacking = [(issues,), (leaf, issues), (top,), (top, key_usage(signs=True))]
    for extensions in lacking:
        check = partial(check_authority, signed(*extensions), Purpose.SERVER, 0)
        assert refused(check)[0] is Reason.NOT_AN_AUTHORITY
    for usages in ((), (ANY,), (SERVER_AUTH,), (CLIENT_AUTH, SERVER_AUTH)):
        check_authority(authority(0, *usages), Purpose.SERVER, 0)
    clients = authority(0, CLIENT_AUTH)
    assert refused(lambda: check_authority(clients, Purpose.SERVER, 0)) == (
        Reason.WRONG_USAGE,
        "the authority 'fs' may not issue for a server: its extended key usage is clientAuth",
    )


def named(*names: x509.GeneralName) -> x509.Certificate:
    return signed(x509.SubjectAlternativeName(names))


def test_the_first_name_answers_where_none_is_wanted() -> None:
    mail, first = x509.RFC822Name("a@b.example"), x509.IPAddress(ip_address("::1"))
    assert check_name(named(mail, first, x509.DNSName("b.example")), None) == first
    nothing = "the certificate of 'fs' carries no DNS name and no address; "
    assert refused(lambda: check_name(named(mail), None)) == (
        Reason.WRONG_NAME,
        f"{nothing}what else it carries does not count",
    )
    assert refused(lambda: check_name(signed(), None)) == (
        Reason.WRONG_NAME,
        f"{nothing}its common name does not count",
    )


@pytest.mark.parametrize(
    ("carried", "wanted", "hint"),
    [
        (["a.example"], "b.example", ""),
        (["192.0.2.1"], "192.0.2.2", ""),
        (
            ["a*.fs.example"],
            "ab.fs.example",
            "; a wildcard has to be the whole first label",
        ),
        (["*.example"], "fs.example", "; a wildcard has to have two labels behind it"),
        (
            ["*.fs.example"],
            "a.b.fs.example",
            "; a wildcard stands for one label, no more and no less",
        ),
        (
            ["a.example", "*.fs.example"],
            "fs.example",
            "; a wildcard stands for one label, no more and no less",
        ),
        (["*.fs.example"], "other.example", ""),
    ],
)
def test_common_mistakes_with_names_are_explained(
    carried: Sequence[str], wanted: str, hint: str
) -> None:
    certificate = named(
        *(x509.DNSName(each) if "*" in each else general_name(each) for each in carried)
    )
    assert refused(lambda: check_name(certificate, general_name(wanted))) == (
        Reason.WRONG_NAME,
        f"the certificate is not for '{wanted}' but for {', '.join(carried)!r}{hint}",
    )


def test_an_address_that_is_there_as_a_name_is_explained() -> None:
    wanted = general_name("192.0.2.1")
    _, text = refused(lambda: check_name(named(x509.DNSName("192.0.2.1")), wanted))
    assert text.endswith("; an address has to be there as an address, not as a DNS name")


def test_long_names_are_cut_where_they_are_shown() -> None:
    assert shown(x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "x" * 64)])) == (
        repr(f"O={'x' * 64}")
    )
    long = [
        x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "x" * 60),
        x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "y" * 60),
    ]
    assert shown(x509.Name(long)) == repr(f"OU={'y' * 60},O={'x' * 60}"[:80])
    name = "n" * 40 + ".example" * 10
    _, text = refused(lambda: check_name(named(x509.DNSName(name)), general_name("b.example")))
    assert text.endswith(f"but for {name[:80]!r}")


def test_an_issuer_is_found_by_its_key_and_not_only_by_its_name(pki: PkiDirectory) -> None:
    leaf, middle = load_certificates(pki.server.certificate)
    (root,) = load_certificates(pki.ca)
    assert find_issuer(leaf, [root, middle]) == middle
    assert find_issuer(middle, [middle, root]) == root
    assert find_issuer(root, [root, middle]) is None
    assert find_issuer(leaf, [root]) is None
    namesake = (
        x509.CertificateBuilder()
        .subject_name(middle.subject)
        .issuer_name(middle.subject)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(middle.not_valid_before_utc)
        .not_valid_after(middle.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(KEY, hashes.SHA256())
    )
    assert find_issuer(leaf, [namesake, middle]) == middle
    assert find_issuer(leaf, [namesake]) is None


def test_a_strong_signature_passes() -> None:
    check_signature(signed())
