"""How a link loses packets."""

import math
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The Gilbert-Elliott model: a good and a bad state, each with a chance to lose a packet.

    The chances to change the state are taken before every packet. Without a bad state it is
    independent random loss.
    """

    good: float = 0.0
    bad: float = 1.0
    good_to_bad: float = 0.0
    bad_to_good: float = 1.0

    def __post_init__(self) -> None:
        for chance in (self.good, self.bad, self.good_to_bad, self.bad_to_good):
            if not 0 <= chance <= 1:
                raise ValueError(f"{chance} is no probability")

    @classmethod
    def random(cls, share: float) -> Self:
        """Every packet has the same chance."""
        return cls(good=share)

    @classmethod
    def bursts(cls, share: float, length: float) -> Self:
        """Lose `share` of all packets, in bursts of `length` packets on average."""
        if length < 1:
            raise ValueError(f"a burst of {length} packets")
        if not 0 <= share < 1:
            raise ValueError(f"bursts cannot lose {share} of all packets")
        back = 1 / length
        return cls(good_to_bad=share * back / (1 - share), bad_to_good=back)

    @property
    def in_bad(self) -> float:
        """The share of packets that meet the bad state."""
        changes = self.good_to_bad + self.bad_to_good
        return self.good_to_bad / changes if changes else 0.0

    @property
    def mean(self) -> float:
        """The share of packets that are lost in the long run."""
        return self.in_bad * self.bad + (1 - self.in_bad) * self.good

    @property
    def mean_burst(self) -> float:
        """The mean number of packets in a row that meet the bad state."""
        return 1 / self.bad_to_good if self.bad_to_good else math.inf

    def interval(self, packets: int, deviations: float = 3.3) -> tuple[float, float]:
        """Between which numbers of lost packets it stays, but for one time in 1,000 (3.3 sigma)."""
        mean = packets * self.mean
        # What the state has in common from one packet to the next widens the binomial's variance.
        memory = 1 - self.good_to_bad - self.bad_to_good
        shared = (self.bad - self.good) ** 2 * self.in_bad * (1 - self.in_bad)
        correlation = 2 * shared * memory / (1 - memory) if memory < 1 else 0.0
        variance = packets * (self.mean * (1 - self.mean) + correlation)
        reach = deviations * math.sqrt(max(variance, 0.0))
        return max(mean - reach, 0.0), min(mean + reach, float(packets))
