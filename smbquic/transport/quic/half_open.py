"""Handshakes that have begun and are not over.

Each costs the server more than a connection that is established: a state, and a signature. So
their number is limited, and that of a validated address as well: an address that is not may be
anybody's. Where all places are taken, the address with the most makes room for others, and else
the oldest handshake once it is `MINIMUM_TIME` old: a client needs two round trips, an attacker that
only wants the place keeps it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Generic, TypeVar

MINIMUM_TIME = 2.0
"""Seconds that a handshake may take before it may have to make room for another one."""

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
        """Whether so many have begun that clients have to validate their addresses."""
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
        """Count a handshake that begins."""
        self._begun[connection] = _Begun(now, address)
        if address:
            self._count_of[address] += 1

    def remove(self, connection: C) -> None:
        """Forget a handshake that is over; it may have been before."""
        begun = self._begun.pop(connection, None)
        if begun is not None and begun.address:
            self._count_of[begun.address] -= 1
            if not self._count_of[begun.address]:
                del self._count_of[begun.address]

    def to_replace(self, address: str, now: float) -> C | None:
        """Return the one that makes room for another one of `address`, if one does."""
        most, count = max(self._count_of.items(), key=itemgetter(1), default=("", 0))
        # More than the new one's address will have: the two would replace each other for ever.
        if count > self._count_of[address] + 1:
            return next(one for one, each in self._begun.items() if each.address == most)
        oldest, begun = next(iter(self._begun.items()))
        return oldest if now - begun.since >= MINIMUM_TIME else None
