"""Certificates and chains that have to be accepted, however unusual they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from smbquic.pki import Purpose
from tests.certificates.faults import (
    BASIC,
    CODE_SIGNING,
    FREE,
    UNKNOWN,
    constrained,
    named,
    used_for,
)
from tests.certificates.making import (
    NAME,
    RevocationLists,
    Shown,
    World,
    altered,
    curve_key,
    der,
    rsa_key,
)
from tests.certificates.row import BOTH, SERVER

ALL_USAGES = (CODE_SIGNING, *(purpose.usage for purpose in Purpose))


@dataclass(frozen=True)
class Good:
    """One virtue. `warned` is what a server says about it all the same, as a `problem` or not."""

    name: str
    make: Callable[[World, Purpose], Shown]
    ends: Sequence[Purpose] = BOTH
    asked: str = NAME
    lists: RevocationLists = RevocationLists.NONE
    warned: str = ""
    problem: bool = False


def through_two(w: World, p: Purpose) -> Shown:
    """An authority that an authority made, below a root that allows it."""
    return w.leaf(
        p, w.authority("lower", w.authority("upper", w.tall_root, without=BASIC, adding=FREE))
    )


def signed_over_sha384(w: World, p: Purpose) -> Shown:
    """The issuer signs over another hash than it does by default."""
    made = w.leaf(p)
    leaf = x509.load_der_x509_certificate(made.chain[0])
    signed = altered(leaf, w.issuer.key, algorithm=hashes.SHA384())
    return Shown((*der(signed), *made.chain[1:]), made.key)


def in_any_order(w: World, p: Purpose) -> Shown:
    """The leaf, the root, and only then what is between them."""
    made = w.leaf(p)
    return Shown((made.chain[0], *der(w.root.certificate), *made.chain[1:]), made.key)


GOOD = (
    Good("ECDSA on P-256, through an intermediate", lambda w, p: w.leaf(p)),
    Good("ECDSA on P-384", lambda w, p: w.leaf(p, key=curve_key(ec.SECP384R1()))),
    Good("RSA with 2048 bits", lambda w, p: w.leaf(p, key=rsa_key(2048))),
    Good(
        "RSA with 3072 bits, from an RSA root",
        lambda w, p: w.leaf(p, w.rsa_root, key=rsa_key(3072)),
        warned="no intermediate: right only if the other end trusts",
    ),
    Good("signed over SHA-384", signed_over_sha384),
    Good("through two intermediates", through_two),
    Good(
        "intermediates in any order, and the root with them",
        in_any_order,
        warned="does not sign the certificate before it",
        problem=True,
    ),
    Good("self-signed, and trusted as such", lambda w, p: w.alone[p], warned="self-signed"),
    Good(
        "an intermediate on the curve P-521",
        lambda w, p: w.leaf(p, w.authority("large", key=curve_key(ec.SECP521R1()))),
    ),
    Good("an authority that may issue for this name", constrained(["example"], ["other.example"])),
    Good("without a key usage", lambda w, p: w.leaf(p, without=(x509.KeyUsage,))),
    Good(
        "an extension that nobody knows, not critical",
        lambda w, p: w.leaf(p, adding=[(UNKNOWN, False)]),
    ),
    Good("for both ends, and for more", used_for(*ALL_USAGES)),
    Good("on no revocation list", lambda w, p: w.leaf(p), lists=RevocationLists.ALL),
    Good("a wildcard", named("*.files.example"), ends=SERVER, asked="fs.files.example"),
    Good(
        "the last of several names",
        lambda w, p: w.leaf(p, names=["a.example", "192.0.2.7", "b.example", NAME]),
        ends=SERVER,
    ),
    Good("a name in upper case", named("FS.Example"), ends=SERVER),
    Good("asked for in upper case", lambda w, p: w.leaf(p), ends=SERVER, asked=NAME.upper()),
    Good(
        "an international name",
        named("xn--bcher-kva.example"),
        ends=SERVER,
        asked="xn--bcher-kva.example",
    ),
    Good(
        "an address",
        lambda w, p: w.leaf(p, names=[NAME, "127.0.0.1"]),
        ends=SERVER,
        asked="127.0.0.1",
    ),
    Good(
        "a critical name",
        lambda w, p: w.leaf(
            p, names=(), adding=[(x509.SubjectAlternativeName([x509.DNSName(NAME)]), True)]
        ),
        ends=SERVER,
    ),
)
"""Everything that is accepted."""


def rows(purpose: Purpose) -> list[Good]:
    """The virtues that a certificate of that end can have."""
    return [row for row in GOOD if purpose in row.ends]
