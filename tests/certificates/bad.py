"""Certificates and chains that nobody should accept, each wrong in one way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from smbquic.pki import Purpose, Reason
from tests.certificates.faults import (
    ANY,
    CODE_SIGNING,
    OTHER,
    UNKNOWN,
    authority_as_leaf,
    by_a_leaf,
    by_one_trusted_for_itself,
    constrained,
    for_a_mailbox,
    from_a_namesake,
    from_a_weakly_signed_issuer,
    from_another_trade,
    from_too_deep,
    in_a_circle,
    in_wrong_order,
    leaf_signed_with,
    may_not_sign,
    named,
    tampered,
    used_for,
    with_strange_root,
    without_basic_constraints,
    without_intermediate,
)
from tests.certificates.making import (
    FUTURE,
    NAME,
    PAST,
    Lists,
    Shown,
    World,
    curve_key,
    der,
    ec_key,
    ed25519_key,
    key_usage,
    rsa_key,
)

SERVER = (Purpose.SERVER,)
BOTH = tuple(Purpose)

ACCEPTED = "accepted"
NOT_ASKED = "-"
"""For what cannot be seen without a handshake."""


@dataclass(frozen=True)
class Bad:
    """One fault, and what is said about it at both ends.

    `reason` and `says` are of the end that is shown the certificate, `at_start` of the server that
    shows it, about itself; empty where it cannot know. With `warns` that is a warning, and the
    same files are taken when it reloads; where it `refuses`, it does not even start. `openssl` is
    a part of what `openssl verify` says, or `ACCEPTED`, for which `stricter` says why we do not.
    """

    name: str
    make: Callable[[World, Purpose], Shown]
    reason: str
    says: str
    openssl: str
    at_start: str = ""
    ends: Sequence[Purpose] = BOTH
    asked: str = NAME
    lists: Lists = Lists.NONE
    warns: bool = False
    refuses: bool = False
    stricter: str = ""

    def words(self, purpose: Purpose) -> str:
        """`says`, of the certificate for that end."""
        return self.says.format(end=purpose, other=OTHER[purpose])


BAD = (
    Bad(
        "expired",
        lambda w, p: w.leaf(p, validity=PAST),
        Reason.EXPIRED,
        "'fs.example' expired on",
        "certificate has expired",
        at_start="'fs.example' expired on",
    ),
    Bad(
        "not yet valid",
        lambda w, p: w.leaf(p, validity=FUTURE),
        Reason.NOT_YET_VALID,
        "'fs.example' is valid only from",
        "certificate is not yet valid",
        at_start="'fs.example' is valid only from",
    ),
    Bad(
        "an intermediate that has expired",
        lambda w, p: w.leaf(p, w.authority("ended issuer", validity=PAST)),
        Reason.EXPIRED,
        "'ended issuer' expired on",
        "certificate has expired",
        at_start="'ended issuer' expired on",
    ),
    Bad(
        "an intermediate that is not valid yet",
        lambda w, p: w.leaf(p, w.authority("early issuer", validity=FUTURE)),
        Reason.NOT_YET_VALID,
        "'early issuer' is valid only from",
        "certificate is not yet valid",
        at_start="'early issuer' is valid only from",
    ),
    Bad(
        "a trusted root that has expired",
        lambda w, p: w.leaf(p, w.authority("orphan", w.ended_root)),
        Reason.EXPIRED,
        "'ended root' expired on",
        "certificate has expired",
    ),
    Bad(
        "another name",
        named("other.example"),
        Reason.WRONG_NAME,
        "not for 'fs.example' but for 'other.example'",
        "hostname mismatch",
        ends=SERVER,
    ),
    Bad(
        "a common name and no subject alternative name",
        lambda w, p: w.leaf(p, names=()),
        Reason.WRONG_NAME,
        "its common name does not count",
        ACCEPTED,
        at_start="its common name does not count",
        ends=SERVER,
        stricter="RFC 9525 has done away with common names",
    ),
    Bad(
        "no name but that of a person",
        for_a_mailbox,
        Reason.WRONG_NAME,
        "what else it carries does not count",
        ACCEPTED,
        at_start="what else it carries does not count",
        ends=SERVER,
        stricter="the common name counts there where there is no DNS name",
    ),
    Bad(
        "a wildcard for two labels",
        named("*.files.example"),
        Reason.WRONG_NAME,
        "not for 'a.fs.files.example' but for '*.files.example'; a wildcard stands for one label",
        "hostname mismatch",
        ends=SERVER,
        asked="a.fs.files.example",
    ),
    Bad(
        "a wildcard for no label",
        named("*.fs.example"),
        Reason.WRONG_NAME,
        "but for '*.fs.example'; a wildcard stands for one label",
        "hostname mismatch",
        ends=SERVER,
    ),
    Bad(
        "a wildcard for a part of a label",
        named("f*.files.example"),
        Reason.WRONG_NAME,
        "but for 'f*.files.example'; a wildcard has to be the whole first label",
        ACCEPTED,
        at_start="'f*.files.example' is neither a DNS name",
        ends=SERVER,
        asked="fs.files.example",
        refuses=True,
        stricter="RFC 9525 forbids it",
    ),
    Bad(
        "a wildcard in the middle",
        named("a.*.example"),
        Reason.WRONG_NAME,
        "but for 'a.*.example'; a wildcard has to be the whole first label",
        "hostname mismatch",
        at_start="'a.*.example' is neither a DNS name",
        ends=SERVER,
        asked="a.fs.example",
        refuses=True,
    ),
    Bad(
        "a wildcard right below a top-level domain",
        named("*.example"),
        Reason.WRONG_NAME,
        "but for '*.example'; a wildcard has to have two labels behind it",
        "hostname mismatch",
        ends=SERVER,
    ),
    Bad(
        "a wildcard for everything",
        named("*"),
        Reason.WRONG_NAME,
        "but for '*'; a wildcard has to be the whole first label",
        "hostname mismatch",
        at_start="'*' is neither a DNS name",
        ends=SERVER,
        refuses=True,
    ),
    Bad(
        "a name with a NUL in it",
        named("fs.example\0.evil.example"),
        Reason.WRONG_NAME,
        r"but for 'fs.example\x00.evil.example'",
        "hostname mismatch",
        at_start="is neither a DNS name",
        ends=SERVER,
        refuses=True,
    ),
    Bad(
        "another address",
        lambda w, p: w.leaf(p, names=["192.0.2.7"]),
        Reason.WRONG_NAME,
        "not for '127.0.0.1' but for '192.0.2.7'",
        "IP address mismatch",
        at_start="Windows and Samba refuse SMB over QUIC to an address",
        ends=SERVER,
        asked="127.0.0.1",
        warns=True,
    ),
    Bad(
        "an address that is written as a DNS name",
        named("127.0.0.1"),
        Reason.WRONG_NAME,
        "an address has to be there as an address",
        "IP address mismatch",
        at_start="an address has to be there as an address",
        ends=SERVER,
        asked="127.0.0.1",
    ),
    Bad(
        "an authority that may issue for other names only",
        constrained(["inside.example"], []),
        Reason.NAME_NOT_PERMITTED,
        "'constrained' do not permit",
        "permitted subtree violation",
    ),
    Bad(
        "an authority that must not issue for this name",
        constrained([], ["fs.example"]),
        Reason.NAME_NOT_PERMITTED,
        "'constrained' exclude",
        "excluded subtree violation",
    ),
    Bad(
        "a client's certificate for a server, a server's for a client",
        lambda w, p: used_for(OTHER[p].usage)(w, p),
        Reason.WRONG_USAGE,
        "is not meant for a {end}: its extended key usage is {other}Auth",
        "unsuitable certificate purpose",
        at_start="not meant for a server: its extended key usage is clientAuth",
    ),
    Bad(
        "for signing programs",
        used_for(CODE_SIGNING),
        Reason.WRONG_USAGE,
        "its extended key usage is codeSigning, and lacks {end}Auth",
        "unsuitable certificate purpose",
        at_start="its extended key usage is codeSigning",
    ),
    Bad(
        "for anything",
        used_for(ANY),
        Reason.WRONG_USAGE,
        "its extended key usage is any, and lacks {end}Auth",
        "unsuitable certificate purpose",
        at_start="its extended key usage is any",
    ),
    Bad(
        "without an extended key usage",
        used_for(),
        Reason.WRONG_USAGE,
        "its extended key usage is missing: it lacks {end}Auth",
        ACCEPTED,
        at_start="its extended key usage is missing",
        stricter="Windows demands one (MS-SMB2 3.3.1.17)",
    ),
    Bad(
        "a key that may not sign",
        lambda w, p: w.leaf(
            p, without=(x509.KeyUsage,), adding=[(key_usage(key_agreement=True), True)]
        ),
        Reason.WRONG_USAGE,
        "its key usage lacks digitalSignature",
        ACCEPTED,
        at_start="its key usage lacks digitalSignature",
        stricter="TLS 1.3 only ever signs with the key",
    ),
    Bad(
        "a critical extension that nobody knows",
        lambda w, p: w.leaf(p, adding=[(UNKNOWN, True)]),
        Reason.WRONG_USAGE,
        "'fs.example' has a critical extension that is not understood: 1.2.3.4",
        "unhandled critical extension",
        at_start="a critical extension that is not understood: 1.2.3.4",
    ),
    Bad(
        "an authority's certificate in place of the leaf's",
        authority_as_leaf,
        Reason.NOT_A_LEAF,
        "'fs.example', is an authority's",
        ACCEPTED,
        at_start="is an authority's",
        stricter="who can read the key of a server must not become an authority",
    ),
    Bad(
        "RSA with 1024 bits",
        lambda w, p: w.leaf(p, key=rsa_key(1024)),
        Reason.WEAK_KEY,
        "the key of 'fs.example' is RSA with 1024 bits",
        "EE certificate key too weak",
        at_start="RSA with 1024 bits",
    ),
    Bad(
        "an Ed25519 key",
        lambda w, p: w.leaf(p, key=ed25519_key()),
        Reason.UNSUPPORTED_KEY,
        "is neither ECDSA nor RSA",
        ACCEPTED,
        at_start="is neither ECDSA nor RSA",
        refuses=True,
        stricter="neither Windows nor the engine qh3 takes it",
    ),
    Bad(
        "an intermediate with RSA of 1024 bits",
        lambda w, p: w.leaf(p, w.authority("weak issuer", key=rsa_key(1024, "issuer"))),
        Reason.WEAK_KEY,
        "the key of 'weak issuer' is RSA with 1024 bits",
        "CA certificate key too weak",
        at_start="the key of 'weak issuer' is RSA with 1024 bits",
    ),
    Bad(
        "an intermediate on the curve P-224",
        lambda w, p: w.leaf(p, w.authority("short issuer", key=curve_key(ec.SECP224R1()))),
        Reason.WEAK_KEY,
        "the key of 'short issuer' is ECDSA on secp224r1",
        ACCEPTED,
        at_start="the key of 'short issuer' is ECDSA on secp224r1",
        stricter="Windows takes no curve below P-256",
    ),
    Bad(
        "signed with SHA-1",
        leaf_signed_with("sha1"),
        Reason.WEAK_SIGNATURE,
        "'fs.example' is signed with SHA1",
        "CA signature digest algorithm too weak",
        at_start="signed with SHA1",
    ),
    Bad(
        "signed with MD5",
        leaf_signed_with("md5"),
        Reason.WEAK_SIGNATURE,
        "'fs.example' is signed with MD5",
        "CA signature digest algorithm too weak",
        at_start="signed with MD5",
    ),
    Bad(
        "an intermediate signed with SHA-1",
        from_a_weakly_signed_issuer,
        Reason.WEAK_SIGNATURE,
        "'SHA-1 issuer' is signed with SHA1",
        "CA signature digest algorithm too weak",
        at_start="'SHA-1 issuer' is signed with SHA1",
    ),
    Bad(
        "changed after it was signed",
        tampered,
        Reason.BAD_SIGNATURE,
        "the signature on the certificate of 'fs.example' is not that of 'issuer'",
        "certificate signature failure",
        at_start="does not sign the certificate before it",
    ),
    Bad(
        "signed by itself",
        lambda w, p: w.self_signed(p, "hermit"),
        Reason.SELF_SIGNED,
        "'hermit' is self-signed",
        "self-signed certificate",
        at_start="self-signed: the other end has to trust this very certificate",
        warns=True,
    ),
    Bad(
        "an authority that nobody trusts",
        lambda w, p: w.leaf(p, w.authority("strange issuer", w.strange_root)),
        Reason.UNKNOWN_CA,
        "ends at 'strange root', which is not among the trusted authorities",
        "unable to get local issuer certificate",
    ),
    Bad(
        "the same, with its root sent along",
        with_strange_root,
        Reason.UNKNOWN_CA,
        "'strange root', which is not among the trusted authorities, though it was sent along",
        "self-signed certificate in certificate chain",
    ),
    Bad(
        "an authority with the name of a trusted one",
        from_a_namesake,
        Reason.UNKNOWN_CA,
        "ends at 'root', which is not among the trusted authorities; the known authority",
        "unable to get local issuer certificate",
    ),
    Bad(
        "the intermediate is missing",
        without_intermediate,
        Reason.UNKNOWN_CA,
        "ends at 'issuer', which is not among the trusted authorities; no intermediate was sent",
        "unable to get local issuer certificate",
        at_start="no intermediate: right only if the other end trusts",
        warns=True,
    ),
    Bad(
        "the intermediate comes first",
        in_wrong_order,
        "wrong-key",
        "does not have the key of its certificate",
        NOT_ASKED,
        at_start="but of a later one: put that first",
        refuses=True,
    ),
    Bad(
        "signed by the owner of a good certificate",
        by_a_leaf,
        Reason.NOT_AN_AUTHORITY,
        "'insider' signed a certificate and is not an authority",
        "invalid CA certificate",
        at_start="'insider' signed a certificate and is not an authority",
    ),
    Bad(
        "signed by one that is trusted for itself only",
        by_one_trusted_for_itself,
        Reason.NOT_AN_AUTHORITY,
        "'alone {end}' signed a certificate and is not an authority",
        "invalid CA certificate",
        at_start="no intermediate: right only if the other end trusts",
        warns=True,
    ),
    Bad(
        "an intermediate without basic constraints",
        without_basic_constraints,
        Reason.NOT_AN_AUTHORITY,
        "'plain' signed a certificate and is not an authority",
        "invalid CA certificate",
        at_start="'plain' signed a certificate and is not an authority",
    ),
    Bad(
        "an intermediate that may not sign certificates",
        may_not_sign,
        Reason.NOT_AN_AUTHORITY,
        "'idle' may not sign certificates",
        "invalid CA certificate",
        at_start="'idle' may not sign certificates",
    ),
    Bad(
        "an intermediate below one that may have none",
        from_too_deep,
        Reason.PATH_TOO_LONG,
        "'issuer' may have 0 authorities below itself (path length), and has 1",
        "path length constraint exceeded",
        at_start="'issuer' may have 0 authorities below itself",
    ),
    Bad(
        "an intermediate for the other end only",
        from_another_trade,
        Reason.WRONG_USAGE,
        "'{other}s only' may not issue for a {end}",
        "unsuitable certificate purpose",
        at_start="'clients only' may not issue for a server",
    ),
    Bad(
        "an intermediate with a critical extension that nobody knows",
        lambda w, p: w.leaf(p, w.authority("secretive", adding=[(UNKNOWN, True)])),
        Reason.WRONG_USAGE,
        "'secretive' has a critical extension that is not understood",
        "unhandled critical extension",
        at_start="'secretive' has a critical extension that is not understood",
    ),
    Bad(
        "authorities that vouch for each other",
        in_a_circle,
        Reason.INVALID_CHAIN,
        "is a circle without a trusted authority",
        "unable to get",
    ),
    Bad(
        "seventeen certificates",
        lambda w, p: Shown(w.leaf(p).chain + der(w.issuer.certificate) * 15, ec_key(p)),
        Reason.INVALID_CHAIN,
        "the {end} sent 17 certificates; at most 16 are accepted",
        ACCEPTED,
        at_start="does not sign the certificate before it",
        stricter="somebody wants to keep us busy",
    ),
    Bad(
        "revoked",
        lambda w, p: w.revoked[p],
        Reason.REVOKED,
        "'fs.example' was revoked on",
        "certificate revoked",
        lists=Lists.ALL,
    ),
    Bad(
        "an intermediate that is revoked",
        lambda w, p: w.leaf(p, w.compromised),
        Reason.REVOKED,
        "'compromised' was revoked on",
        "certificate revoked",
        lists=Lists.ALL,
    ),
    Bad(
        "no revocation list of the issuer",
        lambda w, p: w.leaf(p),
        Reason.NO_REVOCATION_LIST,
        "none of the revocation lists is from it",
        "unable to get certificate CRL",
        lists=Lists.NOT_OF_ISSUER,
    ),
    Bad(
        "a revocation list that has ended",
        lambda w, p: w.leaf(p),
        Reason.REVOCATION_LIST_EXPIRED,
        "the revocation list of 'issuer' expired on",
        "CRL has expired",
        lists=Lists.ENDED,
    ),
    Bad(
        "no certificate at all",
        lambda w, p: Shown((), ec_key(p)),
        Reason.NO_CERTIFICATE,
        "showed no",
        NOT_ASKED,
        at_start="there is no certificate in it",
        refuses=True,
    ),
    Bad(
        "with another key",
        lambda w, p: Shown(w.leaf(p).chain, ec_key("stolen")),
        "wrong-key",
        "does not have the key of its certificate",
        NOT_ASKED,
        at_start="is not the key of the first certificate",
        refuses=True,
    ),
    Bad(
        "bytes that are no certificate",
        lambda w, p: Shown((b"\x30\x03\x02\x01\x00", *w.leaf(p).chain[1:]), ec_key(p)),
        Reason.MALFORMED,
        "cannot be read",
        NOT_ASKED,
        at_start="there is no certificate in it",
        refuses=True,
    ),
    Bad(
        "an intermediate that is no certificate",
        lambda w, p: Shown((*w.leaf(p).chain[:1], b"\x30\x00"), ec_key(p)),
        Reason.MALFORMED,
        "cannot be read",
        NOT_ASKED,
        at_start="there is no certificate in it",
        refuses=True,
    ),
)
"""Everything that is refused. Nothing else is wrong with any of it."""


def rows(purpose: Purpose) -> list[Bad]:
    """The faults that a certificate of that end can have."""
    return [row for row in BAD if purpose in row.ends]
