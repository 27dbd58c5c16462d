"""Which clients with a valid certificate may connect, and why. [MS-SMB2] 3.3.1.17, 3.3.1.18

The rules are tried for every certificate of the chain, from the leaf to the trusted root. A client
is let in if at least one rule allows and none denies; without any rule nobody is. Unlike Windows,
which never sees the root, a rule for the root's fingerprint counts here: the specification leaves
that open, and a rule that silently does nothing helps nobody.
"""

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Self

from cryptography import x509

from smbquic.errors import HandshakeError
from smbquic.pki.authority import Purpose
from smbquic.pki.explain import fingerprint
from smbquic.pki.verify import Trust, find_extension, shown, verify

_log = logging.getLogger(__name__)

# The user's name in the certificates of Active Directory.
_PRINCIPAL_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_UTF8_STRING = 0x0C
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
# People and Windows write a space after the commas of a name; RFC 4514 does not.
_SPACED_COMMA = re.compile(r"(?<!\\),\s+(?=[A-Za-z0-9.]+=)")


class Effect(StrEnum):
    """What a rule does to the client that it matches."""

    ALLOW = "allow"
    DENY = "deny"


class Property(StrEnum):
    """What of a certificate a rule looks at."""

    SHA256 = "sha256"
    ISSUER = "issuer"
    SUBJECT = "subject"
    SAN = "san"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: ``allow sha256:0f3a...``, ``deny issuer:CN=Old CA,O=Example``.

    `issuer` and `subject` take a whole name as RFC 4514 writes it, or a pattern for the common
    name; `san` takes a pattern for a DNS name, address, e-mail address, URI or user principal
    name. In a pattern ``*`` stands for any characters. Case counts nowhere.
    """

    effect: Effect
    property: Property
    value: str
    _matches: Callable[[x509.Certificate], bool]

    @classmethod
    def parse(cls, effect: Effect, text: str) -> Self:
        """A rule from ``PROPERTY:VALUE``. Raises `ValueError` with what to write instead."""
        kind, colon, value = text.partition(":")
        value = value.strip()
        try:
            prop = Property(kind.strip().lower())
        except ValueError:
            prop = None
        if prop is None or not colon or not value:
            raise ValueError(
                f"{text!r} is no rule: write sha256:HEX, issuer:NAME, subject:NAME or san:PATTERN"
            )
        return cls(effect, prop, value, _MATCHERS[prop](value))

    def matches(self, certificate: x509.Certificate) -> bool:
        """Whether the certificate has the property."""
        return self._matches(certificate)

    def __str__(self) -> str:
        return f"{self.effect} {self.property}:{self.value}"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a client may connect, and why. `rule` is what decided, on that `certificate`."""

    granted: bool
    reason: str
    rule: Rule | None = None
    certificate: str | None = None

    def __str__(self) -> str:
        return f"{'granted' if self.granted else 'denied'}: {self.reason}"


class AccessDenied(HandshakeError):  # noqa: N818  (what happened, not that something went wrong)
    """A valid certificate that the rules do not let in; TLS alert 49 tells the client."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(str(decision), "access-denied")
        self.decision = decision


@dataclass(frozen=True, slots=True)
class Rules:
    """An access control list."""

    entries: tuple[Rule, ...] = ()

    @classmethod
    def parse(cls, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> Self:
        """Rules from their texts. Raises `ValueError`."""
        return cls(
            (
                *(Rule.parse(Effect.ALLOW, text) for text in allow),
                *(Rule.parse(Effect.DENY, text) for text in deny),
            )
        )

    def decide(self, path: Sequence[x509.Certificate]) -> Decision:
        """Decide about a verified path, the leaf first. A deny beats every allow."""
        found: dict[Effect, tuple[Rule, x509.Certificate]] = {}
        for certificate in path:
            for rule in self.entries:
                if rule.effect not in found and rule.matches(certificate):
                    found[rule.effect] = rule, certificate
        for effect in (Effect.DENY, Effect.ALLOW):
            if effect in found:
                rule, certificate = found[effect]
                return Decision(
                    effect is Effect.ALLOW,
                    f"the rule '{rule}' matches {_place(path, certificate)}",
                    rule,
                    fingerprint(certificate),
                )
        if not self.entries:
            return Decision(False, "there are no access rules, and without one nobody gets in")
        return Decision(
            False,
            f"no rule allows {shown(path[0].subject)} or an authority above it; "
            f"its fingerprint is sha256:{fingerprint(path[0])}",
        )


@dataclass(frozen=True, slots=True)
class ClientAccess:
    """Who gets in with which certificate: what is trusted, and the rules beyond that.

    Without `rules` every client with a valid certificate is let in
    (SkipClientCertificateAccessCheck).
    """

    trust: Trust
    rules: Rules | None = None

    def decide(self, chain: Sequence[bytes]) -> Decision:
        """Verify a client's chain (DER, the leaf first) and decide about it.

        Raises `CertificateError` for a chain that does not hold.
        """
        path = verify(chain, Purpose.CLIENT, self.trust)
        if self.rules is None:
            return Decision(True, "the certificate is valid, and there are no rules beyond that")
        return self.rules.decide(path)

    def judge(self, chain: Sequence[bytes]) -> Decision:
        """As `decide`, but raises `AccessDenied` where the decision is no.

        What goes wrong inside is a refusal as well, with the TLS alert 80.
        """
        try:
            decision = self.decide(chain)
        except HandshakeError:
            raise
        except Exception as error:
            _log.exception("a client's certificate could not be checked")
            raise HandshakeError(
                f"the access check failed: {error}", "access-check-failed"
            ) from error
        if not decision.granted:
            raise AccessDenied(decision)
        return decision


def _place(path: Sequence[x509.Certificate], certificate: x509.Certificate) -> str:
    position = path.index(certificate)
    if position == 0:
        what = "the client's certificate"
    elif position == len(path) - 1:
        what = "the root"
    else:
        what = "the intermediate"
    return f"{what} {shown(certificate.subject)}"


def _by_fingerprint(value: str) -> Callable[[x509.Certificate], bool]:
    wanted = re.sub(r"[:\s]", "", value).lower()
    if not _FINGERPRINT.fullmatch(wanted):
        raise ValueError(
            f"{value!r} is no SHA-256 fingerprint, which has 64 hexadecimal digits"
            + (" (40 are a SHA-1 thumbprint)" if len(wanted) == 40 else "")
        )
    return lambda certificate: fingerprint(certificate) == wanted


def _by_name(
    name_of: Callable[[x509.Certificate], x509.Name],
) -> Callable[[str], Callable[[x509.Certificate], bool]]:
    def make(value: str) -> Callable[[x509.Certificate], bool]:
        if "=" in value:
            try:
                wanted = _folded(x509.Name.from_rfc4514_string(_SPACED_COMMA.sub(",", value)))
            except ValueError as error:
                raise ValueError(f"{value!r} is no name such as CN=Example CA,O=Example") from error
            return lambda certificate: _folded(name_of(certificate)) == wanted
        pattern = _pattern(value)
        return lambda certificate: any(
            pattern(str(each.value))
            for each in name_of(certificate).get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        )

    return make


def _folded(name: x509.Name) -> list[tuple[str, str]]:
    return [(each.oid.dotted_string, str(each.value).casefold()) for each in name]


def _by_alternative_name(value: str) -> Callable[[x509.Certificate], bool]:
    pattern = _pattern(value)
    return lambda certificate: any(map(pattern, alternative_names(certificate)))


def _pattern(value: str) -> Callable[[str], bool]:
    # Brackets mean something to fnmatch, and nothing to people who write names.
    pattern = value.casefold().replace("[", "[[]")
    return lambda text: fnmatchcase(text.casefold(), pattern)


_MATCHERS: dict[Property, Callable[[str], Callable[[x509.Certificate], bool]]] = {
    Property.SHA256: _by_fingerprint,
    Property.ISSUER: _by_name(lambda certificate: certificate.issuer),
    Property.SUBJECT: _by_name(lambda certificate: certificate.subject),
    Property.SAN: _by_alternative_name,
}


def alternative_names(certificate: x509.Certificate) -> list[str]:
    """What a certificate is for besides its subject, as text: hosts, addresses, people."""
    names = []
    for each in find_extension(certificate, x509.SubjectAlternativeName) or ():
        if isinstance(each, x509.OtherName):
            if each.type_id == _PRINCIPAL_NAME:
                names += _principal_name(each.value)
        elif not isinstance(each, x509.DirectoryName | x509.RegisteredID):
            names.append(str(each.value))
    return names


def _principal_name(value: bytes) -> list[str]:
    """The user of a DER UTF8String; none where it is not one."""
    if value[:1] != bytes([_UTF8_STRING]):
        return []
    # The length is one byte, or 0x80 and more, which count the bytes that hold it.
    size = value[1] & 0x7F if value[1] & 0x80 else 0
    return [value[2 + size :].decode("utf-8", "replace")]
