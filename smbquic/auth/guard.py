"""Who has guessed passwords too often to guess another one.

Failed logons count against the user's name, whether or not there is such a user, against the
client's address or, where it shows one, its certificate, and against the two together. Whoever has
had too many is refused for a while, with the right password too, which tells a guesser nothing.

That must not let anybody lock others out. So where a user has logged on from an address before, or
with a certificate, only what is tried under this name from there, or with that, counts for or
against them. Who shows a certificate is counted apart from those who show none: guesses without one
lock the user's name for those without one only.

A success makes up for nothing but the failures of that user there: who has an account must not be
able to wipe out guesses at others by logging on to it in between.
"""

import hashlib
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus

REMEMBERED = 16_384
"""Keys of each kind that are remembered; then the longest unused one is forgotten."""

Key = tuple[str, ...]
Check = Callable[[str], object]
"""Raises `AuthenticationError` for users who may not log on."""
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLimits:
    """Failures that are borne within `seconds`, and for how many more it is then said no."""

    per_user: int = 10
    per_address: int = 50
    seconds: float = 600.0


@dataclass(slots=True)
class _Count:
    failures: int
    since: float
    until: float = 0.0


class LogonGuard:
    """Keeps count for one server. `clock` gives seconds that never go back."""

    def __init__(
        self, limits: GuardLimits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits or GuardLimits()
        self._clock = clock
        self._counts: OrderedDict[Key, _Count] = OrderedDict()
        self._known: OrderedDict[Key, None] = OrderedDict()

    def for_connection(
        self, address: str, certificate: bytes = b"", check: Check | None = None
    ) -> "ConnectionGuard":
        """Return what the logons of one connection are checked by.

        `certificate` is a verified client certificate in DER; `check` says who may log on with it.
        """
        digest = hashlib.sha256(certificate).hexdigest() if certificate else ""
        return ConnectionGuard(self, network(address), digest, check)

    def locked(self, keys: list[Key]) -> float:
        """For how many seconds more one of these is refused; 0 for none."""
        now = self._clock()
        return max(
            (self._counts[key].until - now for key in keys if key in self._counts), default=0.0
        )

    def count(self, key: Key) -> None:
        """One more failure."""
        now = self._clock()
        count = self._counts.get(key)
        if count is None or now - count.since > self._limits.seconds:
            count = _Count(0, now)
        count.failures += 1
        per_address = key[0] in ("address", "certificate")
        if count.failures >= (self._limits.per_address if per_address else self._limits.per_user):
            count.until = now + self._limits.seconds
        _remember(self._counts, key, count)

    def knows(self, key: Key) -> bool:
        """Whether this user has logged on from there before."""
        return key in self._known

    def learn(self, key: Key) -> None:
        """This user has logged on from there, and starts with a clean slate."""
        self._counts.pop(key, None)
        _remember(self._known, key, None)


class ConnectionGuard:
    """What counts and refuses the logons of one connection."""

    def __init__(
        self, guard: LogonGuard, place: str, certificate: str, check: Check | None
    ) -> None:
        self._guard = guard
        self._place = place
        self._certificate = certificate
        self._certificate_check = check

    def check(self, user: str) -> None:
        """Raise `AuthenticationError` for a user who may not even try.

        Where there were too many failures it is ACCOUNT_LOCKED_OUT.
        """
        seconds = self._guard.locked(self._keys(user))
        if seconds > 0:
            raise AuthenticationError(
                f"{user}: too many failed logons, no more from here for {seconds:.0f} s",
                NtStatus.ACCOUNT_LOCKED_OUT,
            )
        if self._certificate_check is not None:
            self._certificate_check(user)

    def failed(self, user: str) -> None:
        """Count a logon that had the wrong password, or the name of no user."""
        for key in self._keys(user):
            self._guard.count(key)

    def succeeded(self, user: str) -> None:
        """Remember that a user has proved who they are, which makes up for own failures."""
        self._guard.learn(self._own(user))

    def _own(self, user: str) -> Key:
        """What nobody else can spoil."""
        return ("user there", self._certificate or self._place, user.casefold())

    def _keys(self, user: str) -> list[Key]:
        """What counts for and against a logon."""
        own = self._own(user)
        if self._guard.knows(own):
            return [own]
        if self._certificate:
            return [own, ("certified user", user.casefold()), ("certificate", self._certificate)]
        return [own, ("user", user.casefold()), ("address", self._place)]


@lru_cache(REMEMBERED)
def network(address: str) -> str:
    """What stands for a client's address: an IPv6 host has a whole /64 at its disposal."""
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
