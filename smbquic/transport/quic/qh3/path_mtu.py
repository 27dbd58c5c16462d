"""How large the datagrams of a qh3 core are, and whether the path carries them.

The core decides about the size. A client's looks for larger ones when it has nothing to send, up
to what an Ethernet carries; a server's keeps the size that it began with. Neither notices a path
that carries less than it did, so that is looked out for here; once told to send smaller
datagrams, a core does not grow again. So jumbo frames are had only from the beginning, on a
private network whose client has an interface for them.

Private names of the library are used, as in `connection.py`.
"""

from dataclasses import dataclass
from typing import Any

from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.mtu import OnSizeChanged
from smbquic.transport.quic.options import INTERNET_DATAGRAM
from smbquic.transport.quic.qh3.connection import INITIAL_RTT, MAX_ACK_DELAY, Qh3Connection

TIMEOUTS = 2
"""After so many time-outs in a row the size of the datagrams is under suspicion."""
SECOND_TRIAL = 4
"""Probe time-outs within which a suspicion is confirmed, or was none."""
SEARCH_STEP = 1.0
"""Seconds without a step after which a core's search for larger datagrams counts as over."""
BEFORE_TRIALS = 2
"""The largest number of a PING that is for something else; those of trials count on from it."""


def first_size(sizes: DatagramSizes, *, is_client: bool, first_datagram: int) -> int:
    """The size of the first datagrams, for a server the size of all.

    `first_datagram` is the size of the client's. A server that was not invited to more hopes for
    an Ethernet; two answers that are lost show that it was none.
    """
    if is_client:
        return sizes.most if sizes.jumbo else sizes.start
    if sizes.start == sizes.most or first_datagram > sizes.ethernet:
        return sizes.most
    return min(sizes.most, sizes.ethernet)


def probe_timeout(core: Any) -> float:
    """About how long an answer may take, in seconds ([RFC9002] 6.2.1)."""
    return 2 * (core.smoothed_rtt or INITIAL_RTT) + MAX_ACK_DELAY


@dataclass(frozen=True, slots=True)
class _Trial:
    """A small datagram was sent after large ones that nobody acknowledges.

    `large` holds their packet numbers, `lost` how many packets had ever been lost by then.
    """

    uid: int
    timeouts: int
    large: tuple[int, ...]
    lost: int


class PathMtuMonitor:
    """Finds out whether the path carries the datagrams of one connection; `size` is their size.

    `on_size_changed` is called with the former size and the new one. `trial` is the number of the
    PING of the latest trial.
    """

    def __init__(
        self, quic: Qh3Connection, sizes: DatagramSizes, size: int, on_size_changed: OnSizeChanged
    ) -> None:
        self.size = size
        self.trial = BEFORE_TRIALS
        self._quic = quic
        self._sizes = sizes
        self._on_settled = on_size_changed
        self._reported_size = size
        self._grown_at = 0.0
        self._trial: _Trial | None = None
        self._second_trial_until = 0.0

    @property
    def _core(self) -> Any:
        return self._quic._core

    def established(self) -> None:
        """The handshake is over; whatever size it ended with counts as the first."""
        self.size = self._reported_size = self._core.active_path[5]

    def check_growth(self, now: float) -> None:
        """A core goes from one size to the next, and does not say when it is done."""
        size = self._core.active_path[5]
        if size != self.size:
            self.size, self._grown_at = size, now
        elif size > self._reported_size and now > self._grown_at + SEARCH_STEP:
            self._report()

    def _report(self) -> None:
        self._on_settled(self._reported_size, self.size)
        self._reported_size = self.size

    def suspects(self, core: Any, now: float, *, established: bool) -> bool:
        """Whether to try if small datagrams arrive where large ones do not, with a PING `trial`.

        `core` is the bare one.
        """
        size, timeouts = self.size, core.pto_count
        if self._sizes.certain or size <= INTERNET_DATAGRAM or not timeouts:
            return False
        if timeouts < TIMEOUTS and now > self._second_trial_until:
            return False
        if self._trial is not None and self._trial.timeouts == timeouts:
            return False
        if not established:
            # Nothing is known of the path yet, and much else may be why nobody answers.
            if self._quic._transport_parameters_applied:
                self._shrink()
            return False
        outstanding = core.outstanding_application_packets
        large = tuple(number for number, size, _ in outstanding if size > INTERNET_DATAGRAM)
        if not large:
            return False
        self.trial += 1
        self._trial = _Trial(self.trial, timeouts, large, core.loss_total)
        return True

    def acknowledged(self, uid: int, received_at: float) -> None:
        """A PING has arrived, as was heard at that time."""
        if self._trial is not None and self._trial.uid == uid:
            self._judge(self._trial, received_at)

    def _judge(self, trial: _Trial, received_at: float) -> None:
        """The small datagram arrived; did any of the large ones before it?

        If not, it may have been the first one after an outage. So it takes a second trial, of
        what was sent after the first.
        """
        core = self._core
        self._trial = None
        waiting = {number for number, _, _ in core.outstanding_application_packets}
        unheard_of = sum(number in waiting for number in trial.large)
        if unheard_of + core.loss_total - trial.lost < len(trial.large):
            return
        if received_at <= self._second_trial_until:
            self._second_trial_until = 0.0
            self._shrink()
        else:
            self._second_trial_until = received_at + SECOND_TRIAL * probe_timeout(core)

    def _shrink(self) -> None:
        """From jumbo frames to an Ethernet's, from there to what every path carries."""
        ethernet = self._sizes.ethernet
        self._quic.shrink(ethernet if self.size > ethernet else INTERNET_DATAGRAM)
        self._reported_size = self.size
        self.size = self._core.active_path[5]
        self._report()
