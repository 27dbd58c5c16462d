"""Access rules: which clients with a valid certificate may connect. [MS-SMB2] 3.3.1.17, 3.3.1.18

The rules are tried for every certificate of the chain, from the leaf to the trusted root. A client
may connect if at least one rule allows it and none denies it; without any rule no client may. A
rule may name the root's fingerprint. On Windows it would have no effect, as Windows does not
compare the root; the specification leaves that open.
"""

import logging
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Self

from cryptography import x509

from smbquic.errors import HandshakeError
from smbquic.lazy_dataclass import dataclass
from smbquic.pki.checks import shown
from smbquic.pki.conditions import Condition
from smbquic.pki.explain import fingerprint
from smbquic.pki.subject import Purpose
from smbquic.pki.verification import Trust, verify

_log = logging.getLogger(__name__)


class Effect(StrEnum):
    """The effect of a rule on the clients that it matches."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class AccessRule:
    """One rule: ``allow sha256:0f3a...``, ``deny issuer:CN=Old CA,O=Example``."""

    effect: Effect
    condition: Condition

    @classmethod
    def parse(cls, effect: Effect, text: str) -> Self:
        """Return a rule from the text of its condition. Raises `ValueError`."""
        return cls(effect, Condition.parse(text))

    def matches(self, certificate: x509.Certificate) -> bool:
        """Return whether the rule is about the certificate."""
        return self.condition.matches(certificate)

    def __str__(self) -> str:
        return f"{self.effect} {self.condition}"


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about a client: whether access is granted, and why.

    `rule` is the text of the rule that decided, `certificate` the fingerprint that it matched.
    """

    granted: bool
    reason: str
    rule: str | None = None
    certificate: str | None = None

    def __str__(self) -> str:
        return f"{'granted' if self.granted else 'denied'}: {self.reason}"


class AccessDenied(HandshakeError):  # noqa: N818  (what happened, not that something went wrong)
    """The access rules deny a valid certificate; the client gets TLS alert 49."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(str(decision), "access-denied")
        self.decision = decision


@dataclass(frozen=True, slots=True)
class Rules:
    """An access control list."""

    entries: tuple[AccessRule, ...] = ()

    @classmethod
    def parse(cls, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> Self:
        """Return rules from their texts. Raises `ValueError`."""
        return cls(
            (
                *(AccessRule.parse(Effect.ALLOW, text) for text in allow),
                *(AccessRule.parse(Effect.DENY, text) for text in deny),
            )
        )

    def decide(self, path: Sequence[x509.Certificate]) -> Decision:
        """Decide about a verified path, the leaf first. A deny beats every allow."""
        found: dict[Effect, tuple[AccessRule, x509.Certificate]] = {}
        for certificate in path:
            for rule in self.entries:
                if rule.effect not in found and rule.matches(certificate):
                    found[rule.effect] = rule, certificate
        for effect in (Effect.DENY, Effect.ALLOW):
            if effect in found:
                rule, certificate = found[effect]
                return Decision(
                    effect is Effect.ALLOW,
                    f"the rule '{rule}' matches {place_of(path, certificate)}",
                    str(rule),
                    fingerprint(certificate),
                )
        if not self.entries:
            return Decision(False, "there are no access rules: no client may connect without one")
        return Decision(
            False,
            f"no rule allows {shown(path[0].subject)} or an authority above it; "
            f"its fingerprint is sha256:{fingerprint(path[0])}",
        )


@dataclass(frozen=True, slots=True)
class ClientAccess:
    """The clients that may connect, by the trusted authorities and the access rules.

    Without `rules` every client with a valid certificate may (SkipClientCertificateAccessCheck).
    """

    trust: Trust
    rules: Rules | None = None

    def path(self, chain: Sequence[bytes]) -> list[x509.Certificate]:
        """Verify a client's chain (DER, the leaf first), and return its path to a trust anchor.

        Raises `CertificateError` for a chain that is not valid.
        """
        return verify(chain, Purpose.CLIENT, self.trust)

    def decide(self, chain: Sequence[bytes]) -> Decision:
        """Verify a client's chain (DER, the leaf first) and decide about it; raises as `path`."""
        path = self.path(chain)
        if self.rules is None:
            return Decision(True, "the certificate is valid, and there are no access rules")
        return self.rules.decide(path)

    def authorize(self, chain: Sequence[bytes]) -> Decision:
        """Decide about a client's chain, and raise `AccessDenied` if it may not connect.

        An error in the check itself refuses the client as well, with the TLS alert 80.
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


def place_of(path: Sequence[x509.Certificate], certificate: x509.Certificate) -> str:
    """Return a description of a certificate by its place in a verified path."""
    position = path.index(certificate)
    if position == 0:
        what = "the client's certificate"
    elif position == len(path) - 1:
        what = "the root"
    else:
        what = "the intermediate"
    return f"{what} {shown(certificate.subject)}"
