"""Logon rules: the users that a client may log on as, by its certificate.

A rule has a condition about the certificate, as an access rule has, and the users that a client
with such a certificate may log on as: ``san:*@corp.example -> {}``,
``sha256:0f3a... -> alice, backup``, ``issuer:CN=Admin CA -> *``. A client may log on as a user if
at least one rule permits it; a client that no rule matches may not log on at all.
"""

from collections.abc import Iterable, Sequence
from typing import Self

from cryptography import x509

from smbquic.lazy_dataclass import dataclass
from smbquic.pki.access import Decision, place_of
from smbquic.pki.checks import shown
from smbquic.pki.conditions import Condition
from smbquic.pki.explain import fingerprint

ANYBODY = "*"
"""In place of users: all of them."""
_STAR = "{}"


@dataclass(frozen=True, slots=True)
class LogonRule:
    """One rule. In its users, ``{}`` is what the ``*`` of its pattern stands for.

    The rules are tried for every certificate of the chain, but those with ``{}`` only for the
    client's own: an authority's names are not those of the client.
    """

    condition: Condition
    users: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return a rule from ``PROPERTY:VALUE -> USER, USER``. Raises `ValueError`."""
        value, arrow, right = text.rpartition("->")
        users = tuple(user.strip() for user in right.split(","))
        if not arrow or not all(users):
            raise ValueError(
                f"{text!r} is not a rule: write RULE -> USER, as in san:a@b.example -> a"
            )
        rule = cls(Condition.parse(value.strip()), users)
        if rule.takes_name and not rule.condition.has_star:
            raise ValueError(f"{text!r}: {_STAR} needs a pattern with exactly one * before the ->")
        return rule

    @property
    def takes_name(self) -> bool:
        """Return whether a part of the certificate's name is the user's."""
        return any(_STAR in user for user in self.users)

    def find(self, path: Sequence[x509.Certificate]) -> x509.Certificate | None:
        """Return the first certificate of a verified path that the rule matches."""
        candidates = path[:1] if self.takes_name else path
        return next(filter(self.condition.matches, candidates), None)

    def names(self, certificate: x509.Certificate) -> list[str]:
        """Return the users that the client may log on as, by a certificate that `find` returned."""
        if not self.takes_name:
            return list(self.users)
        found = self.condition.star(certificate)
        return [user.replace(_STAR, name) for user in self.users for name in found]

    def permits(self, certificate: x509.Certificate, user: str) -> bool:
        """Return whether a client with this certificate may log on as `user`, in any case."""
        if ANYBODY in self.users:
            return True
        wanted = user.casefold()
        return any(name.casefold() == wanted for name in self.names(certificate))

    def __str__(self) -> str:
        return f"{self.condition} -> {', '.join(self.users)}"


@dataclass(frozen=True, slots=True)
class Logons:
    """All rules of one certificate of the server."""

    entries: tuple[LogonRule, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Return rules from their texts. Raises `ValueError`."""
        return cls(tuple(map(LogonRule.parse, texts)))

    def names(self, path: Sequence[x509.Certificate]) -> list[str] | None:
        """Return the users that a client with this verified path may log on as; None for all."""
        found = self._find(path)
        if any(ANYBODY in rule.users for rule, _ in found):
            return None
        return list(dict.fromkeys(name for rule, each in found for name in rule.names(each)))

    def decide(self, path: Sequence[x509.Certificate], user: str) -> Decision:
        """Decide about a logon as `user` over a connection with this verified path."""
        found = self._find(path)
        for rule, certificate in found:
            if rule.permits(certificate, user):
                return Decision(
                    True,
                    f"the rule '{rule}' matches {place_of(path, certificate)}",
                    str(rule),
                    fingerprint(certificate),
                )
        client = shown(path[0].subject)
        if not found:
            return Decision(
                False,
                f"no logon rule matches {client}; its fingerprint is sha256:{fingerprint(path[0])}",
            )
        rule, certificate = found[0]
        names = ", ".join(self.names(path) or ["nobody"])
        return Decision(
            False,
            f"{client} may log on as {names}, but not as {user}: the rule '{rule}' matches "
            f"{place_of(path, certificate)}",
            str(rule),
            fingerprint(certificate),
        )

    def _find(self, path: Sequence[x509.Certificate]) -> list[tuple[LogonRule, x509.Certificate]]:
        found = ((rule, rule.find(path)) for rule in self.entries)
        return [(rule, certificate) for rule, certificate in found if certificate is not None]
