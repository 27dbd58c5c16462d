"""Reasons to refuse clients, their counters, and their lines in the log."""

import logging
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from time import monotonic
from typing import Self

REPORT_INTERVAL = 10.0
"""Seconds in which refusals for the same reason are reported once, however many there are."""

logger = logging.getLogger(__name__)


class Refusal(StrEnum):
    """A reason to refuse or disconnect a client. Its value is the word for programs.

    `text` says what happened to the client, for people. This class has no members: those of a
    listener are in `ListenerRefusal`, and a server has its own.
    """

    text: str

    def __new__(cls, word: str, text: str) -> Self:
        """Make a member of its word and its text."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.text = text
        return member


class ListenerRefusal(Refusal):
    """Reasons for which a listener refuses a client, whatever it serves."""

    CONNECTIONS = (
        "connections",
        "was refused: the listener has as many connections as allowed (`connections` in [limits])",
    )
    HALF_OPEN = (
        "half-open",
        "was not answered: as many handshakes are half open as allowed (`half_open` in [limits])",
    )
    HALF_OPEN_OF_ADDRESS = (
        "half-open-of-address",
        "was not answered: its address has as many half-open handshakes as allowed"
        " (`half_open_of_address` in [limits])",
    )
    UNVALIDATED = (
        "unproven-address",
        "has to validate its address: many handshakes are half open",
    )
    TOO_MUCH = ("too-much", "was disconnected: it has sent more than a logon takes")


class Refusals:
    """The counts of refusals by reason. `report` is called with reason, client, and how many more.

    It is called at once, and then every `REPORT_INTERVAL` seconds for each reason at most: whoever
    floods a server must not fill its disk with lines about that.
    """

    def __init__(
        self,
        report: Callable[[Refusal, str, int], object],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.counts: Counter[Refusal] = Counter()
        self._report = report
        self._clock = clock
        self._reported: dict[Refusal, tuple[float, int]] = {}

    def add(self, reason: Refusal, client: str, count: int = 1) -> None:
        """Count one more, or `count`; `client` is the (last) address, with or without its port."""
        self.counts[reason] += count
        now, counted = self._clock(), self.counts[reason]
        before, reported = self._reported.get(reason, (None, 0))
        if before is None or now - before >= REPORT_INTERVAL:
            self._reported[reason] = now, counted
            self._report(reason, client, counted - reported)


def log_refusal(reason: Refusal, client: str, count: int) -> None:
    """Write a line to the log about the refusals since the last one."""
    more = f" (and {count - 1} others before it)" if count > 1 else ""
    logger.warning("%s %s%s", client, reason.text, more)
