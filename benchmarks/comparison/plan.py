"""In which order the arms take their turns."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

DISCARDED = 0
"""The block that warms up what there is to warm up, and is not counted."""
REPEATS = 2
"""How often an invalid visit is made again."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One arm's turn on one link."""

    link: str
    block: int
    arm: str
    attempt: int = 0

    @property
    def again(self) -> "Visit":
        """The next attempt."""
        return Visit(self.link, self.block, self.arm, self.attempt + 1)


def visits(arms: Mapping[str, Sequence[str]], blocks: int, seed: int) -> list[Visit]:
    """All turns: on each link in blocks, and in each block every one of its arms, in random order.

    Block 0 comes in addition, and is discarded.
    """
    pick = random.Random(seed)
    found = []
    for link, names in arms.items():
        for block in range(blocks + 1):
            order = list(names)
            pick.shuffle(order)
            found += [Visit(link, block, arm) for arm in order]
    return found


def seed_of(visit: Visit, seed: int) -> int:
    """The seed of a visit's losses and choices; the same again when a run is repeated."""
    return random.Random(f"{seed} {visit}").getrandbits(31)


def remaining(planned: Iterable[Visit], done: dict[Visit, bool]) -> list[Visit]:
    """Return the visits that are still to be made; `done` says of each visit whether it was valid.

    Invalid visits are made again when all others are through.
    """
    first = [visit for visit in planned if visit not in done]
    again = [
        visit.again
        for visit, valid in done.items()
        if not valid and visit.attempt < REPEATS and visit.again not in done
    ]
    return first + again
