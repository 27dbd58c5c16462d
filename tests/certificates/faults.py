"""Faults of a certificate or its chain that take more than a line to make."""

from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from smbquic.pki import Authority, Purpose
from tests.certificates.making import (
    NAME,
    YEAR,
    Kinds,
    Shown,
    World,
    der,
    ec_key,
    key_usage,
    rsa_key,
    weakly_signed,
)

OTHER = {Purpose.SERVER: Purpose.CLIENT, Purpose.CLIENT: Purpose.SERVER}
USAGES: Kinds = (x509.ExtendedKeyUsage,)
BASIC: Kinds = (x509.BasicConstraints,)
FREE = ((x509.BasicConstraints(ca=True, path_length=None), True),)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING


def named(*names: str) -> Callable[[World, Purpose], Shown]:
    """A certificate for these names, however strange."""
    san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    return lambda w, p: w.leaf(p, names=(), adding=[(san, False)])


def for_a_mailbox(w: World, p: Purpose) -> Shown:
    """A certificate with the address of a mailbox and no other name."""
    san = x509.SubjectAlternativeName([x509.RFC822Name("fs@fs.example")])
    return w.leaf(p, names=(), adding=[(san, False)])


def used_for(*usages: x509.ObjectIdentifier) -> Callable[[World, Purpose], Shown]:
    """A certificate with another extended key usage; without any for none at all."""
    adding = [(x509.ExtendedKeyUsage(usages), False)] if usages else []
    return lambda w, p: w.leaf(p, without=USAGES, adding=adding)


def constrained(
    permitted: Sequence[str], excluded: Sequence[str]
) -> Callable[[World, Purpose], Shown]:
    """A certificate for `NAME` from an authority with name constraints."""

    def make(w: World, p: Purpose) -> Shown:
        constraints = x509.NameConstraints(
            [x509.DNSName(each) for each in permitted] or None,
            [x509.DNSName(each) for each in excluded] or None,
        )
        above = w.authority("constrained", adding=[(constraints, True)])
        return w.leaf(p, above, names=[NAME])

    return make


def by_a_leaf(w: World, p: Purpose) -> Shown:
    """The owner of a good certificate signs another one with it."""
    good = w.issuer.issue(p, "insider", ec_key(p), YEAR, (NAME,)).certificate
    impostor = Authority(good, ec_key(p), (good, w.issuer.certificate))
    return w.leaf(p, impostor, key=ec_key("victim"))


def by_one_trusted_for_itself(w: World, p: Purpose) -> Shown:
    """Whoever trusts a self-signed certificate trusts nobody else for that."""
    alone = x509.load_der_x509_certificate(w.alone[p].chain[0])
    return w.leaf(p, Authority(alone, w.alone[p].key), key=ec_key("victim"))


def without_basic_constraints(w: World, p: Purpose) -> Shown:
    """The issuer never says that it is one."""
    return w.leaf(p, w.authority("plain", without=BASIC))


def may_not_sign(w: World, p: Purpose) -> Shown:
    """The issuer's key is for other things."""
    usage = key_usage(digital_signature=True, crl_sign=True)
    return w.leaf(p, w.authority("idle", without=(x509.KeyUsage,), adding=[(usage, True)]))


def from_too_deep(w: World, p: Purpose) -> Shown:
    """An authority that may issue leaves only made another authority."""
    return w.leaf(p, w.authority("deeper", w.issuer))


def from_another_trade(w: World, p: Purpose) -> Shown:
    """The issuer may issue for the other end only."""
    usages = x509.ExtendedKeyUsage([OTHER[p].usage])
    return w.leaf(p, w.authority(f"{OTHER[p]}s only", adding=[(usages, False)]))


def from_a_namesake(w: World, p: Purpose) -> Shown:
    """Somebody else's root with the name of ours."""
    forged = Authority.root("root", ec_key("forger"), YEAR)
    return w.leaf(p, w.authority("forged issuer", forged))


def with_strange_root(w: World, p: Purpose) -> Shown:
    """An unknown root that is sent along does not become a known one."""
    made = w.leaf(p, w.authority("strange issuer", w.strange_root))
    return Shown((*made.chain, *der(w.strange_root.certificate)), made.key)


def in_a_circle(w: World, p: Purpose) -> Shown:
    """Two authorities vouch for each other."""
    roots = [Authority.root(name, ec_key(name), YEAR) for name in ("left", "right")]
    right = w.authority("right", roots[0], without=BASIC, adding=FREE)
    left = w.authority("left", roots[1], without=BASIC, adding=FREE)
    made = w.leaf(p, Authority(right.certificate, right.key, (right.certificate,)))
    return Shown((*made.chain, *der(left.certificate)), made.key)


def leaf_signed_with(weak: str) -> Callable[[World, Purpose], Shown]:
    """A certificate signed over a weak hash."""

    def make(w: World, p: Purpose) -> Shown:
        made = w.leaf(p, w.rsa_root)
        leaf = x509.load_der_x509_certificate(made.chain[0])
        return Shown(der(weakly_signed(leaf, rsa_key(2048, "root"), weak)), made.key)

    return make


def from_a_weakly_signed_issuer(w: World, p: Purpose) -> Shown:
    """The issuer's certificate is signed with SHA-1."""
    issuer = w.authority("SHA-1 issuer", w.rsa_root)
    weak = weakly_signed(issuer.certificate, rsa_key(2048, "root"), "sha1")
    return w.leaf(p, Authority(weak, issuer.key, (weak,)))


def tampered(w: World, p: Purpose) -> Shown:
    """One bit of the signature is another."""
    leaf, *rest = w.leaf(p).chain
    return Shown((leaf[:-1] + bytes([leaf[-1] ^ 1]), *rest), ec_key(p))


def authority_as_leaf(w: World, p: Purpose) -> Shown:
    """Right in all else, but it may sign certificates."""
    return w.leaf(p, without=BASIC, adding=FREE)


def in_wrong_order(w: World, p: Purpose) -> Shown:
    """The intermediate first, as when files are put together the wrong way round."""
    made = w.leaf(p)
    return Shown(tuple(reversed(made.chain)), made.key)


def without_intermediate(w: World, p: Purpose) -> Shown:
    """The leaf alone: cert.pem where fullchain.pem was needed."""
    made = w.leaf(p)
    return Shown(made.chain[:1], made.key)
