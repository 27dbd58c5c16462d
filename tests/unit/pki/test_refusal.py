from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from smbquic.pki import CertificateError, Purpose, Reason, Trust, Validity, verify
from smbquic.pki.authority import Authority, KeyType, generate_key, self_signed
from smbquic.pki.container import ders
from smbquic.pki.files import PrivateKey
from smbquic.pki.subject import now_utc

NOW = now_utc()
YEAR = Validity.starting(NOW, 365)
UNKNOWN = "the chain of 'fs' ends at 'root', which is not among the trusted authorities"


def key() -> PrivateKey:
    return generate_key(KeyType.EC_P256)


ROOT = Authority.root("root", key(), YEAR)
ISSUER = ROOT.intermediate("issuer", key(), YEAR)
OTHER = Authority.root("other", key(), YEAR)


def leaf_of(issuer: Authority, name: str = "fs.example") -> x509.Certificate:
    return issuer.issue(Purpose.SERVER, "fs", key(), YEAR, [name]).certificate


def refused(chain: list[x509.Certificate], *anchors: x509.Certificate) -> tuple[Reason, str]:
    with pytest.raises(CertificateError) as raised:
        verify(ders(chain), Purpose.SERVER, Trust(anchors), name="fs.example", at=NOW)
    return Reason(raised.value.reason), str(raised.value)


def authority(
    subject: str,
    issuer: Authority,
    own: PrivateKey,
    *extensions: x509.ExtensionType,
    path_length: int | None = None,
    validity: Validity = YEAR,
) -> Authority:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
        .issuer_name(issuer.certificate.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(
            ISSUER.certificate.extensions.get_extension_for_class(x509.KeyUsage).value,
            critical=True,
        )
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    certificate = builder.sign(issuer.key, hashes.SHA256())
    return Authority(certificate, own, (certificate, *issuer.chain))


def test_a_self_signed_one() -> None:
    alone = self_signed(Purpose.SERVER, "fs", key(), YEAR, ["fs.example"]).certificate
    assert refused([alone], ROOT.certificate) == (
        Reason.SELF_SIGNED,
        "the certificate of 'fs' is self-signed, and is not itself trusted",
    )


def test_where_a_chain_ends_that_leads_to_nobody() -> None:
    leaf, issuer, root = leaf_of(ISSUER), ISSUER.certificate, ROOT.certificate
    assert refused([leaf], OTHER.certificate) == (
        Reason.UNKNOWN_CA,
        "the chain of 'fs' ends at 'issuer', which is not among the trusted authorities; "
        "no intermediate was sent along",
    )
    assert refused([leaf, issuer], OTHER.certificate) == (Reason.UNKNOWN_CA, UNKNOWN)
    assert refused([leaf, issuer, root], OTHER.certificate) == (
        Reason.UNKNOWN_CA,
        f"{UNKNOWN}, though it was sent along",
    )


def test_a_namesake_of_the_authority() -> None:
    namesake = Authority.root("root", key(), YEAR).certificate
    for anchors, chain in (
        ((namesake,), [leaf_of(ISSUER), ISSUER.certificate]),
        ((OTHER.certificate,), [leaf_of(ISSUER), ISSUER.certificate, namesake]),
    ):
        assert refused(chain, *anchors) == (
            Reason.UNKNOWN_CA,
            f"{UNKNOWN}; the known authority of that name has another key",
        )


def test_a_signature_that_the_named_key_did_not_make() -> None:
    forged = leaf_of(Authority(ISSUER.certificate, key()))
    assert refused([forged, ISSUER.certificate], ROOT.certificate) == (
        Reason.BAD_SIGNATURE,
        "the signature on the certificate of 'fs' is not that of 'issuer': it was changed after it "
        "was signed",
    )


def test_a_circle() -> None:
    first, second = key(), key()
    one = authority("one", Authority(ROOT.certificate, first), first)
    two = authority("two", one, second)
    back = authority("one", two, first)
    chain = [leaf_of(back), back.certificate, two.certificate]
    assert refused(chain, ROOT.certificate) == (
        Reason.INVALID_CHAIN,
        "the chain of 'fs' is a circle without a trusted authority",
    )


def test_an_authority_that_has_ended() -> None:
    past = Validity(NOW - timedelta(days=9), NOW - timedelta(days=1))
    ended = authority("ended", ROOT, key(), validity=past)
    assert refused([leaf_of(ended), ended.certificate], ROOT.certificate) == (
        Reason.EXPIRED,
        f"the certificate of 'ended' expired on {past.not_after:%Y-%m-%d %H:%M} UTC",
    )


def test_an_authority_with_a_weak_key() -> None:
    weak = authority("weak", ROOT, rsa.generate_private_key(65537, 1024))
    reason, text = refused([leaf_of(weak), weak.certificate], ROOT.certificate)
    assert reason is Reason.WEAK_KEY
    assert text.startswith("the key of 'weak' is RSA with 1024 bits")


def test_authorities_below_one_that_has_none_below_it() -> None:
    lower = authority("lower", ISSUER, key())
    chain = [leaf_of(lower), lower.certificate, ISSUER.certificate]
    assert refused(chain, ROOT.certificate) == (
        Reason.PATH_TOO_LONG,
        "the authority 'issuer' may have 0 authorities below itself (path length), and has 1",
    )


@pytest.mark.parametrize(
    ("permitted", "excluded", "verb"),
    [
        ([x509.DNSName("other.example")], None, "do not permit"),
        (None, [x509.DNSName("fs.example")], "exclude"),
    ],
)
def test_names_that_an_authority_may_not_give(
    permitted: list[x509.DNSName] | None, excluded: list[x509.DNSName] | None, verb: str
) -> None:
    limits = x509.NameConstraints(permitted, excluded)
    limited = authority("limited", ROOT, key(), limits)
    reason, text = refused([leaf_of(limited), limited.certificate], ROOT.certificate)
    assert (reason, text) == (
        Reason.NAME_NOT_PERMITTED,
        f"the name constraints of the authority 'limited' {verb} a name of 'fs'",
    )


def test_what_the_library_alone_refuses() -> None:
    limits = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
    odd = authority("odd", ROOT, key(), limits)
    reason, text = refused([leaf_of(odd), odd.certificate], ROOT.certificate)
    assert reason is Reason.INVALID_CHAIN
    assert text.startswith("the chain of 'fs' does not hold: ")
