"""Half-open handshakes: those that have begun and are not complete.

Each costs the server memory and a signature, before anything is known of the client. So their
number is limited, and that of each validated address, too; other addresses may be forged. When
the limit is reached, the address with the most makes room for another one, and else the oldest
handshake once it is `MINIMUM_TIME` old: an honest client takes two round trips, and an attacker
stays as long as it can.
"""

from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from typing import Generic, TypeVar

from smbquic.lazy_dataclass import dataclass

MINIMUM_TIME = 2.0
"""Seconds until a handshake may have to make room for another one."""

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class _Begun:
    since: float
    address: str


class HalfOpenHandshakes(Generic[C]):
    """The half-open handshakes of one listener, the oldest first.

    There may be `limit`, and `limit_of_address` for each address that is validated. An address is
    empty where it is not.
    """

    def __init__(self, limit: int, limit_of_address: int) -> None:
        self._limit = limit
        self._limit_of_address = limit_of_address
        self._begun: dict[C, _Begun] = {}
        self._count_of: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._begun)

    def __iter__(self) -> Iterator[C]:
        return iter(self._begun)

    @property
    def many(self) -> bool:
        """Whether there are so many that clients have to validate their addresses first."""
        return len(self._begun) >= self._limit // 2

    @property
    def full(self) -> bool:
        """Whether one has to end before another one may begin."""
        return len(self._begun) >= self._limit

    def full_of(self, address: str) -> bool:
        """Return whether an address has as many as it may."""
        return bool(address) and self._count_of[address] >= self._limit_of_address

    def addresses(self) -> list[str]:
        """Return the address of each."""
        return [each.address for each in self._begun.values()]

    def add(self, connection: C, address: str, now: float) -> None:
        """Add a handshake that has begun."""
        self._begun[connection] = _Begun(now, address)
        if address:
            self._count_of[address] += 1

    def remove(self, connection: C) -> None:
        """Remove a handshake that is complete or has failed, if it is still there."""
        begun = self._begun.pop(connection, None)
        if begun is not None and begun.address:
            self._count_of[begun.address] -= 1
            if not self._count_of[begun.address]:
                del self._count_of[begun.address]

    def to_replace(self, address: str, now: float) -> C | None:
        """Return the handshake that makes room for one of `address`; None if none does."""
        most, count = max(self._count_of.items(), key=itemgetter(1), default=("", 0))
        # Not for an address that will have as many: the two would replace each other forever.
        if count > self._count_of[address] + 1:
            return next(one for one, each in self._begun.items() if each.address == most)
        oldest, begun = next(iter(self._begun.items()))
        return oldest if now - begun.since >= MINIMUM_TIME else None
