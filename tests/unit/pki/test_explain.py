import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from smbquic.pki import Fault, FaultyPki, PkiDirectory, Purpose
from smbquic.pki.authority import KeyType, Validity, generate_key, self_signed
from smbquic.pki.explain import (
    VerificationResult,
    VerificationStatus,
    days_left,
    describe,
    describe_key,
    expires_soon,
    explain,
    reasons_for_refusal,
    usable,
)
from smbquic.pki.files import load_certificates


def problems(chain: list[x509.Certificate], purpose: Purpose, name: str | None = None) -> list[str]:
    found = explain(chain, purpose, name=name)
    assert usable(found) == all(each.status is not VerificationStatus.PROBLEM for each in found)
    return [each.check for each in found if each.status is not VerificationStatus.OK]


def test_good_ones_have_no_problem(pki: PkiDirectory) -> None:
    server = load_certificates(pki.server.certificate)
    client = load_certificates(pki.client.certificate)
    assert problems(server, Purpose.SERVER, name="fs.example") == []
    assert problems(client, Purpose.CLIENT) == []
    assert problems(server, Purpose.CLIENT) == ["usage"]
    assert problems(client, Purpose.SERVER) == ["usage", "names"]
    assert problems(server, Purpose.SERVER, name="other.example") == ["names"]
    assert problems(server, Purpose.SERVER, name="no name") == ["names"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.EXPIRED, ["dates"]),
        (Fault.NOT_YET_VALID, ["dates"]),
        (Fault.WRONG_USAGE, ["usage"]),
        (Fault.RSA_1024, ["key"]),
        (Fault.SELF_SIGNED, ["chain"]),
        (Fault.UNKNOWN_CA, []),
        (Fault.REVOKED, []),
    ],
)
def test_each_fault_is_found_at_both_ends(
    bad_pki: FaultyPki, fault: Fault, expected: list[str]
) -> None:
    for purpose in Purpose:
        chain = load_certificates(bad_pki.files(purpose, fault).certificate)
        assert problems(chain, purpose) == expected


def test_the_end_is_announced(pki: PkiDirectory) -> None:
    chain = load_certificates(pki.server.certificate)
    before = chain[0].not_valid_after_utc - timedelta(days=12)
    dates = explain(chain, Purpose.SERVER, at=before)[0]
    assert (dates.status, dates.text) == (
        VerificationStatus.WARNING,
        "valid for 12 days more only: renew it",
    )
    earlier = chain[0].not_valid_after_utc - timedelta(days=31)
    assert explain(chain, Purpose.SERVER, at=earlier)[0].status is VerificationStatus.OK
    bound = chain[0].not_valid_after_utc - timedelta(days=30)
    assert explain(chain, Purpose.SERVER, at=bound)[0].status is VerificationStatus.OK
    below = explain(chain, Purpose.SERVER, at=bound + timedelta(seconds=1))[0]
    assert below.text == "valid for 29 days more only: renew it"


def test_chains(pki: PkiDirectory) -> None:
    leaf, intermediate = load_certificates(pki.server.certificate)
    (root,) = load_certificates(pki.ca)

    def chain_result(*chain: x509.Certificate) -> tuple[VerificationStatus, str]:
        found = explain(chain, Purpose.SERVER)[-1]
        assert found.check == "chain"
        return found.status, found.text

    status, text = chain_result(leaf)
    assert status is VerificationStatus.WARNING
    assert "no intermediate" in text
    status, text = chain_result(leaf, root, intermediate)
    assert status is VerificationStatus.PROBLEM
    assert "does not sign" in text
    end = repr(root.subject.rfc4514_string())
    assert chain_result(leaf, intermediate) == (
        VerificationStatus.OK,
        f"2 certificates in order, up to {end}",
    )
    assert "root" in chain_result(leaf, intermediate, root)[1]
    assert "leaf" in problems([intermediate, root], Purpose.SERVER)


def test_odd_certificates(pki: PkiDirectory) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "someone")]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=100))
    )
    odd = builder.sign(key, None)
    assert describe_key(odd) == "Ed25519"
    assert describe(odd)["signature"] == "1.3.101.112"
    assert describe(odd)["usages"] == []
    assert set(problems([odd], Purpose.CLIENT)) == {"key", "usage", "subject", "chain"}
    strong = ec.generate_private_key(ec.SECP256R1())
    addressed = builder.add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("::1"))]),
        critical=False,
    ).sign(strong, hashes.SHA256())
    names = next(each for each in explain([addressed], Purpose.SERVER) if each.check == "names")
    assert names.status is VerificationStatus.WARNING
    assert "no DNS name" in names.text


@pytest.mark.parametrize(("life", "warned"), [(90, 22.5), (400, 30.0), (1, 0.25)])
def test_a_certificate_that_should_have_been_renewed(life: int, warned: float) -> None:
    end = datetime.now(UTC).replace(microsecond=0)
    validity = Validity(end - timedelta(days=life), end)
    key = generate_key(KeyType.EC_P256)
    leaf = self_signed(Purpose.SERVER, "fs", key, validity, ["fs.example"]).certificate
    moment = timedelta(minutes=1)
    assert not expires_soon(leaf, end - timedelta(days=warned) - moment)
    assert expires_soon(leaf, end - timedelta(days=warned) + moment)
    assert expires_soon(leaf, end + moment)


def test_an_empty_subject_is_no_reason_to_refuse_a_certificate() -> None:
    results = [
        VerificationResult("subject", VerificationStatus.PROBLEM, "it is empty"),
        VerificationResult("dates", VerificationStatus.PROBLEM, "it has expired"),
        VerificationResult("chain", VerificationStatus.WARNING, "it has no intermediate"),
    ]
    assert reasons_for_refusal(results) == ["it has expired"]
    assert not usable(results)


def test_a_description(pki: PkiDirectory) -> None:
    leaf, intermediate = load_certificates(pki.server.certificate)
    found = describe(leaf)
    assert found["names"] == ["localhost", "fs.example", "127.0.0.1", "::1"]
    assert found["usages"] == ["serverAuth"]
    assert found["key"] == "ECDSA secp256r1"
    assert found["signature"] == "sha256"
    assert found["sha256"] == leaf.fingerprint(hashes.SHA256()).hex()
    assert not found["authority"]
    assert describe(intermediate)["authority"]


def test_days_left(pki: PkiDirectory) -> None:
    leaf = load_certificates(pki.server.certificate)[0]
    end = leaf.not_valid_after_utc
    assert days_left(leaf, end - timedelta(days=3, hours=1)) == 3
    assert days_left(leaf, end + timedelta(hours=1)) == -1
    assert days_left(leaf) in (396, 397)


def test_what_a_good_certificate_is_told(pki: PkiDirectory) -> None:
    chain = load_certificates(pki.server.certificate)
    at = chain[0].not_valid_after_utc - timedelta(days=100)
    found = explain(chain, Purpose.SERVER, at=at)
    assert {each.status for each in found} == {VerificationStatus.OK}
    assert [(each.check, each.text) for each in found[:-1]] == [
        ("dates", "valid for 100 days more"),
        ("key", "ECDSA secp256r1: strong"),
        ("signature", "signed with SHA-256 or better"),
        ("usage", "meant for a server (serverAuth)"),
        ("subject", "the subject is not empty"),
        ("names", "for localhost, fs.example, 127.0.0.1, ::1"),
        ("leaf", "the first certificate is not an authority's"),
    ]
    client = explain(load_certificates(pki.client.certificate), Purpose.CLIENT)
    assert [each.check for each in client] == [
        *("dates", "key", "signature", "usage", "subject", "leaf", "chain")
    ]


def test_the_first_five_names_are_told() -> None:
    key = generate_key(KeyType.EC_P256)
    many = [f"{number}.example" for number in range(7)]
    year = Validity.starting(datetime.now(UTC), 365)
    chain = [self_signed(Purpose.SERVER, "many", key, year, many).certificate]
    found = {each.check: each for each in explain(chain, Purpose.SERVER)}
    assert found["names"].text == "for " + ", ".join(many[:5])
    assert found["chain"].status is VerificationStatus.WARNING
    assert found["chain"].text.startswith("self-signed: ")
    assert describe(chain[0])["names"] == many
