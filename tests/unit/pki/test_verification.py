import base64
import ssl
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import HandshakeError
from smbquic.pki import (
    Authority,
    CertificateError,
    Credential,
    Fault,
    FaultyPki,
    KeyType,
    PkiDirectory,
    Purpose,
    Reason,
    Trust,
    Validity,
    verify,
)
from smbquic.pki.authority import certificate_pem, generate_key, self_signed
from smbquic.pki.checks import check_name
from smbquic.pki.files import load_certificates
from smbquic.pki.subject import now_utc

NOW = now_utc()
YEAR = Validity.starting(NOW, 365)
DAY = timedelta(days=1)
NAMES = ["fs.example"]

REASONS = {
    Fault.EXPIRED: Reason.EXPIRED,
    Fault.NOT_YET_VALID: Reason.NOT_YET_VALID,
    Fault.WRONG_NAME: Reason.WRONG_NAME,
    Fault.UNKNOWN_CA: Reason.UNKNOWN_CA,
    Fault.SELF_SIGNED: Reason.SELF_SIGNED,
    Fault.WRONG_USAGE: Reason.WRONG_USAGE,
    Fault.RSA_1024: Reason.WEAK_KEY,
    Fault.REVOKED: Reason.REVOKED,
}


def der(*certificates: x509.Certificate) -> list[bytes]:
    return [each.public_bytes(Encoding.DER) for each in certificates]


def read(path: Path) -> list[bytes]:
    return der(*load_certificates(path))


def sent(credential: Credential) -> list[bytes]:
    return der(credential.certificate, *credential.chain)


def refused(
    chain: list[bytes],
    trust: Trust,
    *,
    purpose: Purpose = Purpose.SERVER,
    name: str | None = "fs.example",
    at: datetime = NOW,
) -> CertificateError:
    with pytest.raises(CertificateError) as caught:
        verify(chain, purpose, trust, name=name, at=at)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.fixture(scope="module")
def root() -> Authority:
    return Authority.root("root", generate_key(KeyType.EC_P256), YEAR)


@pytest.fixture(scope="module")
def issuer(root: Authority) -> Authority:
    return root.intermediate("issuer", generate_key(KeyType.EC_P256), YEAR)


@pytest.fixture(scope="module")
def leaf(issuer: Authority) -> Credential:
    return issuer.issue(Purpose.SERVER, "s", generate_key(KeyType.EC_P256), YEAR, NAMES)


@pytest.fixture(scope="module")
def trust(root: Authority) -> Trust:
    return Trust((root.certificate,))


@pytest.mark.parametrize("name", ["fs.example", "FS.EXAMPLE", "localhost", "::1", None])
def test_a_good_server(name: str | None, pki: PkiDirectory) -> None:
    trust = Trust.load(pki.ca, pki.crl)
    path = verify(read(pki.server.certificate), Purpose.SERVER, trust, name=name)
    assert path == [
        *load_certificates(pki.server.certificate),
        *load_certificates(pki.ca),
    ]


def test_a_good_client(pki: PkiDirectory) -> None:
    chain = read(pki.client.certificate)
    path = verify(chain, Purpose.CLIENT, Trust.load(pki.ca, pki.crl))
    assert path[0] == load_certificates(pki.client.certificate)[0]
    assert len(path) == 3


def test_the_rest_of_the_chain_may_come_in_any_order(
    root: Authority, issuer: Authority, leaf: Credential, trust: Trust
) -> None:
    chain = der(leaf.certificate, root.certificate, issuer.certificate)
    assert len(verify(chain, Purpose.SERVER, trust, name="fs.example")) == 3


def test_an_intermediate_may_be_the_anchor(issuer: Authority, leaf: Credential) -> None:
    trust = Trust((issuer.certificate,))
    assert len(verify(sent(leaf), Purpose.SERVER, trust, name="fs.example")) == 2


def test_a_self_signed_leaf_may_be_the_anchor() -> None:
    alone = self_signed(Purpose.SERVER, "a", generate_key(KeyType.EC_P256), YEAR, NAMES)
    trust = Trust((alone.certificate,))
    path = verify(sent(alone), Purpose.SERVER, trust, name="fs.example")
    assert path == [alone.certificate]


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("fault", list(Fault))
def test_each_fault_has_its_reason(fault: Fault, purpose: Purpose, bad_pki: FaultyPki) -> None:
    if (purpose, fault) == (Purpose.CLIENT, Fault.WRONG_NAME):
        return
    trust = Trust.load(bad_pki.ca, bad_pki.crl)
    chain = read(bad_pki.files(purpose, fault).certificate)
    error = refused(chain, trust, purpose=purpose, name="localhost", at=now_utc())
    assert error.reason == REASONS[fault]
    assert isinstance(error, HandshakeError)


def test_a_revoked_certificate_passes_where_nobody_has_the_list(bad_pki: FaultyPki) -> None:
    chain = read(bad_pki.server(Fault.REVOKED).certificate)
    assert verify(chain, Purpose.SERVER, Trust.load(bad_pki.ca), name="localhost")


def test_messages_say_what_and_when(bad_pki: FaultyPki, root: Authority) -> None:
    trust = Trust.load(bad_pki.ca)
    chain = read(bad_pki.server(Fault.WRONG_NAME).certificate)
    assert str(refused(chain, trust, name="fs.example", at=now_utc())) == (
        "the certificate is not for 'fs.example' but for 'elsewhere.invalid'"
    )
    chain = read(bad_pki.server(Fault.EXPIRED).certificate)
    (expired, _) = load_certificates(bad_pki.server(Fault.EXPIRED).certificate)
    assert f"expired on {expired.not_valid_after_utc:%Y-%m-%d %H:%M} UTC" in str(
        refused(chain, trust, at=now_utc())
    )


@pytest.mark.parametrize("carried", ["FS.Files.Example", "*.Files.Example"])
def test_the_case_of_a_name_in_a_certificate_does_not_matter(
    carried: str, issuer: Authority
) -> None:
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer.certificate.subject)
        .public_key(generate_key(KeyType.EC_P256).public_key())
        .serial_number(1)
        .not_valid_before(YEAR.not_before)
        .not_valid_after(YEAR.not_after)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(carried)]), critical=True)
        .sign(issuer.key, hashes.SHA256())
    )
    wanted = x509.DNSName("fs.files.example")
    assert check_name(certificate, wanted) == wanted


def test_a_certificate_is_valid_from_its_first_second_to_its_last(
    leaf: Credential, trust: Trust
) -> None:
    certificate, second = leaf.certificate, timedelta(seconds=1)
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    for at in (first, last):
        assert verify(sent(leaf), Purpose.SERVER, trust, name="fs.example", at=at)
    assert refused(sent(leaf), trust, at=first - second).reason == Reason.NOT_YET_VALID
    assert refused(sent(leaf), trust, at=last + second).reason == Reason.EXPIRED


def test_a_message_lists_five_names_at_most(issuer: Authority, trust: Trust) -> None:
    names = [f"host{number}.example" for number in range(6)]
    key = generate_key(KeyType.EC_P256)
    chain = sent(issuer.issue(Purpose.SERVER, "s", key, YEAR, names))
    assert f"but for {', '.join(names[:5])!r}" in str(refused(chain, trust))


def test_no_certificate(trust: Trust) -> None:
    error = refused([], trust, purpose=Purpose.CLIENT)
    assert error.reason == Reason.NO_CERTIFICATE
    assert str(error) == "the client showed no certificate"


def test_no_anchors(leaf: Credential) -> None:
    assert refused(sent(leaf), Trust(())).reason == Reason.UNKNOWN_CA


def test_a_name_that_no_certificate_can_carry(leaf: Credential, trust: Trust) -> None:
    error = refused(sent(leaf), trust, name="b\xfccher.example")
    assert error.reason == Reason.WRONG_NAME
    assert "no certificate can be for 'b\xfccher.example'" in str(error)


@pytest.mark.parametrize(
    ("pattern", "name", "good"),
    [
        ("*.files.example", "fs.files.example", True),
        ("*.files.example", "a.fs.files.example", False),
        ("*.example", "fs.example", False),
        ("*.fs.example", "fs.example", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fs.example", "192.0.2.1", False),
        ("192.0.2.1", "fs.example", False),
    ],
)
def test_names_and_wildcards(
    pattern: str, name: str, good: bool, issuer: Authority, trust: Trust
) -> None:
    key = generate_key(KeyType.EC_P256)
    chain = sent(issuer.issue(Purpose.SERVER, "s", key, YEAR, [pattern]))
    if good:
        assert verify(chain, Purpose.SERVER, trust, name=name)
    else:
        assert refused(chain, trust, name=name).reason == Reason.WRONG_NAME


@pytest.mark.parametrize(
    ("curve", "reason", "said"),
    [
        (ec.SECP224R1(), Reason.WEAK_KEY, "ECDSA on secp224r1"),
        (ec.SECP521R1(), Reason.UNSUPPORTED_KEY, "ECDSA on secp521r1"),
        (ec.SECP256K1(), Reason.UNSUPPORTED_KEY, "ECDSA on secp256k1"),
    ],
)
def test_curves_that_are_not_accepted(
    curve: ec.EllipticCurve,
    reason: Reason,
    said: str,
    issuer: Authority,
    trust: Trust,
) -> None:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer.certificate.subject)
        .public_key(ec.generate_private_key(curve).public_key())
        .serial_number(1)
        .not_valid_before(YEAR.not_before)
        .not_valid_after(YEAR.not_after)
    )
    weak = builder.sign(issuer.key, hashes.SHA256())
    error = refused(der(weak, issuer.certificate), trust)
    assert error.reason == reason
    assert said in str(error)


def test_names_in_messages_cannot_move_a_cursor(issuer: Authority, trust: Trust) -> None:
    hostile = "\x1b[2Jgone\r\n" + "x" * 50
    key = generate_key(KeyType.EC_P256)
    chain = sent(issuer.issue(Purpose.CLIENT, hostile, key, YEAR))
    message = str(refused(chain, trust))
    assert message.isprintable()


def test_a_subject_without_a_common_name_is_shown_whole(issuer: Authority, trust: Trust) -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "files")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject)
        .public_key(generate_key(KeyType.EC_P256).public_key())
        .serial_number(1)
        .not_valid_before(NOW - 2 * DAY)
        .not_valid_after(NOW - DAY)
        .sign(issuer.key, hashes.SHA256())
    )
    assert "of 'OU=files' expired" in str(refused(der(certificate), trust))


class TestRevocation:
    def test_the_leafs_issuer_must_have_a_list(
        self, root: Authority, issuer: Authority, leaf: Credential
    ) -> None:
        of_root = root.revocation_list({}, NOW)
        trust = Trust((root.certificate,), (of_root,))
        error = refused(sent(leaf), trust)
        assert error.reason == Reason.NO_REVOCATION_LIST
        assert "'issuer' issued" in str(error)
        of_issuer = issuer.revocation_list({}, NOW)
        trust = Trust((root.certificate,), (of_issuer,))
        assert verify(sent(leaf), Purpose.SERVER, trust, name="fs.example")

    def test_a_revoked_intermediate(
        self, root: Authority, issuer: Authority, leaf: Credential
    ) -> None:
        lists = (
            issuer.revocation_list({}, NOW),
            root.revocation_list({issuer.certificate.serial_number: NOW - DAY}, NOW),
        )
        error = refused(sent(leaf), Trust((root.certificate,), lists))
        assert error.reason == Reason.REVOKED
        assert "'issuer' was revoked on" in str(error)

    def test_the_newest_list_counts(
        self, root: Authority, issuer: Authority, leaf: Credential
    ) -> None:
        serial = leaf.certificate.serial_number
        old = issuer.revocation_list({}, NOW - DAY)
        new = issuer.revocation_list({serial: NOW}, NOW)
        for lists in ((old, new), (new, old)):
            trust = Trust((root.certificate,), lists)
            assert refused(sent(leaf), trust).reason == Reason.REVOKED

    def test_a_list_that_somebody_else_signed_is_none(
        self, root: Authority, issuer: Authority, leaf: Credential
    ) -> None:
        forger = Authority(issuer.certificate, generate_key(KeyType.EC_P256))
        trust = Trust((root.certificate,), (forger.revocation_list({}, NOW),))
        assert refused(sent(leaf), trust).reason == Reason.NO_REVOCATION_LIST

    def test_a_list_that_has_ended(
        self, root: Authority, issuer: Authority, leaf: Credential
    ) -> None:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(NOW - 2 * DAY)
            .next_update(NOW + DAY)
        )
        ended = builder.sign(issuer.key, hashes.SHA256())
        trust = Trust((root.certificate,), (ended,))
        assert verify(sent(leaf), Purpose.SERVER, trust, name="fs.example", at=NOW + DAY)
        error = refused(sent(leaf), trust, at=NOW + 2 * DAY)
        assert error.reason == Reason.REVOCATION_LIST_EXPIRED


class TestSystemTrust:
    @pytest.fixture(autouse=True)
    def empty(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A system that trusts nobody."""
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))

    def test_nobody(self) -> None:
        assert Trust.system() == Trust(())

    def test_a_file(self, pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(pki.ca))
        assert Trust.system() == Trust.load(pki.ca)

    def test_a_folder(
        self, pki: PkiDirectory, root: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("9d66eef0.0", "9d66eef0.1"):
            (tmp_path / name).write_bytes(b"# a comment\n" + pki.ca.read_bytes())
        (tmp_path / "0179095f.0").write_bytes(certificate_pem(root.certificate))
        (tmp_path / "02265526.0").write_text(ssl.DER_cert_to_PEM_cert(b"of another time"))
        (tmp_path / "README").write_bytes(pki.client.certificate.read_bytes())
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
        assert Trust.system() == Trust((root.certificate, *load_certificates(pki.ca)))

    def test_with_revocation_lists(
        self, pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(pki.ca))
        assert Trust.of_system() == Trust.load(pki.ca)
        assert Trust.of_system(pki.crl) == Trust.load(pki.ca, pki.crl)
        assert Trust.of_system(pki.crl).revocation_lists

    def test_an_old_root_whose_serial_number_is_negative(
        self, root: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        encoded = root.certificate.public_bytes(Encoding.DER)
        number = root.certificate.serial_number
        serial = number.to_bytes(number.bit_length() // 8 + 1)
        assert encoded.count(serial) == 1
        # A first byte of 0xFF might be one too many, and then it is no DER.
        negative = encoded.replace(serial, bytes([serial[0] & 0x3F | 0x80]) + serial[1:])
        (tmp_path / "root.pem").write_text(ssl.DER_cert_to_PEM_cert(negative))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
        [anchor] = Trust.system().anchors
        assert anchor.public_bytes(Encoding.DER) == negative


@pytest.mark.parametrize("garbage", [b"", b"\x30\x00", b"no certificate at all"])
def test_bytes_that_are_no_certificate(garbage: bytes, trust: Trust) -> None:
    error = refused([garbage], trust)
    assert error.reason == Reason.MALFORMED
    assert "cannot be read" in str(error)


def test_a_negative_serial_number_is_refused(
    issuer: Authority, leaf: Credential, trust: Trust
) -> None:
    certificate = leaf.certificate.public_bytes(Encoding.DER)
    version = b"\xa0\x03\x02\x01\x02"  # the tag and the length of the serial number follow
    serial = certificate.index(version) + len(version) + 2
    negative = bytearray(certificate)
    negative[serial] = 0x80  # 0xFF might not be the shortest encoding, and be refused for that
    chain = [bytes(negative), *der(issuer.certificate)]
    assert refused(chain, trust).reason == Reason.BAD_SIGNATURE


@given(data=st.data())
def test_damaged_certificates_are_refused_and_nothing_else(
    data: st.DataObject, leaf: Credential, trust: Trust
) -> None:
    chain = [bytearray(each) for each in sent(leaf)]
    victim = data.draw(st.sampled_from(chain))
    position = data.draw(st.integers(0, len(victim) - 1))
    victim[position] ^= data.draw(st.integers(1, 255))
    # Every byte of a certificate is signed, and the signature is checked.
    with pytest.raises(CertificateError):
        verify([bytes(each) for each in chain], Purpose.SERVER, trust, at=NOW)


# Found by fuzzing: the common name is a BIT STRING.
BIT_STRING_NAME = base64.b64decode(
    "MIICADCCAaegAwIBAgIUfv9iiV7caOFC3YRK7Jo43rhr6cUwCgYIKoZIzj0EAwIwNDEQMA4GA1UECgwHc21icXVp"
    "YzEgMB4GA1UEAwwXc21icXVpYyBpc3N1ZXIgZmUzNDZlNWQwHhcNMjYxMTI3MTgwMDI4WhcNMjcxMjI5MTgxMDI4"
    "WjAmMRAwDgYDVQQKDAdzbWJxdWljMRIwEAYDVQQMAwlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC"
    "AASKq35HIHR5a/EfDtpmgq4fUxUNYsy/UlUsX2ZUc9vSCzyO6bUUyWx0/WknYvD7Kxro2wFi5qsYumX3S09jZ/ib"
    "o4GkMIGhMB0GA1UdDgQWBBRuzPgxr3QTnf54l2NT0xsmPhuwOjAfBgNVHSMEGDAWgBTsB1WeJeF2S0i/kGum4cfd"
    "QbP2RjAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDATAsBgNVHREEJTAj"
    "gglsb2NhbGhvc3SHBH8AAAGHEAAAAAAAAAAAAAAAAAAAAAEwCgYIKoZIzj0EAwIDRwAwRAIgbcwmfAroB800TASk"
    "bTc1VrvwkRK/2aybbj0tU9FdoWECIDbra6DROyU29HfFCjf2Ew+5pw/TQj9l/FTCbhZSnExk"
)


def test_a_name_of_no_known_form_is_malformed() -> None:
    with pytest.raises(CertificateError) as failed:
        verify([BIT_STRING_NAME], Purpose.CLIENT, Trust(()))
    assert failed.value.reason == Reason.MALFORMED


@pytest.mark.parametrize("kind", [KeyType.EC_P256, KeyType.RSA_2048])
def test_a_signature_is_verified_before_it_is_needed(kind: KeyType) -> None:
    root = Authority.root("root", generate_key(kind), YEAR)
    below = root.intermediate("below", generate_key(kind), YEAR)
    for anchors in ([root], [below], [below, root], []):
        # One that is not signed by itself is no reason to fail: whom it signs is another matter.
        Trust(tuple(each.certificate for each in anchors)).prepare()
