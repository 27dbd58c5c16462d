"""Limits how often passwords can be guessed.

A failed logon counts against the name of the user, whether or not there is such a user, against the
client's address or, if it has one, its certificate, and against the pair of both. A name, address,
certificate or pair with too many failures is locked for a while: every logon is refused then, also
with the right password, so that the response is no help to a client that guesses.

A lock must not keep out the user whose password is guessed. Where a user has logged on before, from
an address or with a certificate, only the logons as this user from this address, or with this
certificate, count and are locked. Clients with a certificate are counted apart from those without:
guesses without a certificate lock the name for clients without a certificate only.

A successful logon clears only the failures of this user at this address or with this certificate.
Otherwise a client that has an account could clear its guesses at others by logging on to its own.

An administrator may lock a user out, too: then the user may not log on from anywhere.
"""

import hashlib
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from smbquic.auth.lockouts import Lockouts
from smbquic.errors import AuthenticationError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus

REMEMBERED = 16_384
"""Keys that are kept in each table; then the one that was not used for longest is forgotten."""

Key = tuple[str, ...]
Check = Callable[[str], object]
"""Raises `AuthenticationError` for users who may not log on."""
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogonLimits:
    """The numbers of failed logons within `seconds` that lock a key, for `seconds` from then on.

    `per_address` is for certificates as well.
    """

    per_user: int = 10
    per_address: int = 50
    seconds: float = 600.0


@dataclass(slots=True)
class _Failures:
    count: int
    since: float
    locked_until: float = 0.0


class LogonLimiter:
    """The failed logons at one server. `clock` returns seconds of a monotonic clock.

    `lockouts` are the users, in lower case, whom an administrator has locked out.
    `limits` may be replaced at any time.
    """

    def __init__(
        self, limits: LogonLimits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limits = limits or LogonLimits()
        self._clock = clock
        self._failures: OrderedDict[Key, _Failures] = OrderedDict()
        self._known: OrderedDict[Key, None] = OrderedDict()
        self.lockouts = Lockouts(clock)

    def __len__(self) -> int:
        """Return how many keys are remembered, with failures or as known."""
        return len(self._failures) + len(self._known)

    def for_connection(
        self, address: str, certificate: bytes = b"", check: Check | None = None
    ) -> "ConnectionLogonLimiter":
        """Return the limiter for the logons of one connection.

        `certificate` is a verified client certificate in DER; `check` says who may log on with it.
        """
        digest = hashlib.sha256(certificate).hexdigest() if certificate else ""
        return ConnectionLogonLimiter(self, network(address), digest, check)

    def locked_for(self, keys: list[Key]) -> float:
        """Return for how many more seconds one of these keys is locked, 0 if none is."""
        now = self._clock()
        return max(
            (self._failures[key].locked_until - now for key in keys if key in self._failures),
            default=0.0,
        )

    def locked(self) -> dict[Key, float]:
        """Return the keys that failed logons have locked, with the seconds that are left."""
        now = self._clock()
        return {
            key: each.locked_until - now
            for key, each in self._failures.items()
            if each.locked_until > now
        }

    def unlock(self, key: Key) -> bool:
        """Forget the failures of a key; return whether there were any."""
        return self._failures.pop(key, None) is not None

    def record_failure(self, key: Key) -> None:
        """Count one failure, and lock the key if there were too many."""
        now = self._clock()
        failures = self._failures.get(key)
        # The time counts from the first failure on: mistakes that are further apart never add up.
        if failures is None or now - failures.since > self.limits.seconds:
            failures = _Failures(0, now)
        failures.count += 1
        per_address = key[0] in ("address", "certificate")
        if failures.count >= (self.limits.per_address if per_address else self.limits.per_user):
            failures.locked_until = now + self.limits.seconds
        _remember(self._failures, key, failures)

    def record_success(self, key: Key) -> None:
        """Remember that this user has logged on from there, and clear the failures of this pair."""
        self._failures.pop(key, None)
        _remember(self._known, key, None)

    def is_known(self, key: Key) -> bool:
        """Return whether this user has logged on from there before."""
        return key in self._known


class ConnectionLogonLimiter:
    """A `LogonLimiter` for one connection: it counts failed logons, and refuses further ones."""

    def __init__(
        self, limiter: LogonLimiter, network: str, certificate: str, check: Check | None
    ) -> None:
        self._limiter = limiter
        self._network = network
        self._certificate = certificate
        self._certificate_check = check

    def check(self, user: str) -> None:
        """Raise `AuthenticationError` for a user who may not try to log on.

        Its status is ACCOUNT_LOCKED_OUT after too many failures, and for who is locked out.
        """
        if self._limiter.lockouts.seconds_left(user.casefold()):
            raise AuthenticationError(
                f"{user}: locked out by an administrator", NtStatus.ACCOUNT_LOCKED_OUT
            )
        seconds = self._limiter.locked_for(self._keys(user))
        if seconds > 0:
            raise AuthenticationError(
                f"{user}: too many failed logons, no more from here for {seconds:.0f} s",
                NtStatus.ACCOUNT_LOCKED_OUT,
            )
        if self._certificate_check is not None:
            self._certificate_check(user)

    def failed(self, user: str) -> None:
        """Count a logon with a wrong password, or with the name of no user."""
        for key in self._keys(user):
            self._limiter.record_failure(key)

    def succeeded(self, user: str) -> None:
        """Remember that a user has logged on from here."""
        self._limiter.record_success(self._pair(user))

    def _pair(self, user: str) -> Key:
        """Return the key of the user at this address or certificate, which no other can lock."""
        return ("user there", self._certificate or self._network, user.casefold())

    def _keys(self, user: str) -> list[Key]:
        """Return the keys that a logon counts for, and that may be locked for it."""
        pair = self._pair(user)
        if self._limiter.is_known(pair):
            return [pair]
        if self._certificate:
            return [pair, ("certified user", user.casefold()), ("certificate", self._certificate)]
        return [pair, ("user", user.casefold()), ("address", self._network)]


@lru_cache(REMEMBERED)
def network(address: str) -> str:
    """Return the network that failures of an address count for.

    That is the address itself for IPv4, and the /64 for IPv6: one host can use all of its /64.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _remember(table: OrderedDict[Key, V], key: Key, value: V) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > REMEMBERED:
        table.popitem(last=False)
