"""The size of the datagrams of a qh3 core, and whether the path carries them.

The core decides about the size. A client's core probes for larger ones while it has nothing to
send, up to what an Ethernet carries; a server's keeps the size that it began with. Neither notices
when the path carries less than before (a black hole, [RFC8899] 4.3), so that is found out here. A
core that was configured to send smaller datagrams never sends larger ones again. So jumbo frames
are used only from the beginning, on a private network whose client has an interface for them.

Private names of the library are used, as in `connection.py`.
"""

from typing import Any

from smbquic.lazy_dataclass import dataclass
from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.mtu import OnSizeChanged
from smbquic.transport.quic.options import INTERNET_DATAGRAM
from smbquic.transport.quic.qh3.connection import INITIAL_RTT, MAX_ACK_DELAY, Qh3Connection

TIMEOUTS = 2
"""Probe timeouts in a row after which the path may carry less than it did."""
SECOND_TRIAL = 4
"""Probe timeouts after a trial within which a second one has to confirm its result."""
SEARCH_STEP = 1.0
"""Seconds without a larger size after which a core's search counts as complete."""
BEFORE_TRIALS = 2
"""The number before that of the first trial; smaller ones are of PINGs for something else."""


def first_size(sizes: DatagramSizes, *, is_client: bool, first_datagram: int) -> int:
    """Return the size of the first datagrams, which for a server is the size of all.

    `first_datagram` is the size of the client's first one.
    """
    if is_client:
        # Losing the first flight costs a probe timeout, which only jumbo frames are worth.
        return sizes.most if sizes.jumbo else sizes.start
    # The client has shown that the path carries more than an Ethernet; else that is assumed, as the
    # core would never get beyond `start`. Two answers that are lost show that it was wrong.
    if sizes.start == sizes.most or first_datagram > sizes.ethernet:
        return sizes.most
    return min(sizes.most, sizes.ethernet)


def probe_timeout(core: Any) -> float:
    """Return about how long an acknowledgement may take, in seconds ([RFC9002] 6.2.1)."""
    return 2 * (core.smoothed_rtt or INITIAL_RTT) + MAX_ACK_DELAY


@dataclass(frozen=True, slots=True)
class _Trial:
    """A small datagram that was sent after large ones that are not acknowledged.

    `large` has the packet numbers of those, `lost` how many packets were lost until then.
    """

    uid: int
    timeouts: int
    large: tuple[int, ...]
    lost: int


class PathMtuMonitor:
    """A monitor of whether the path carries the datagrams of a connection; `size` is their size.

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
        """Begin with the size of the end of the handshake, which is not reported."""
        # The core gives its paths as tuples; this is the size of the datagrams.
        self.size = self._reported_size = self._core.active_path[5]

    def check_growth(self, now: float) -> None:
        """Report a larger size once the core's search is complete.

        The core goes from one size to the next, and has no event for the last one.
        """
        size = self._core.active_path[5]
        if size != self.size:
            self.size, self._grown_at = size, now
        elif size > self._reported_size and now > self._grown_at + SEARCH_STEP:
            self._report()

    def _report(self) -> None:
        self._on_settled(self._reported_size, self.size)
        self._reported_size = self.size

    def wants_trial(self, core: Any, now: float, *, established: bool) -> bool:
        """Return whether to send a PING with the number `trial` in a small datagram now.

        `core` is the bare one.
        """
        size, timeouts = self.size, core.pto_count
        # 1,200 bytes are what every path carries ([RFC9000] 14): nothing smaller could be tried.
        if self._sizes.certain or size <= INTERNET_DATAGRAM or not timeouts:
            return False
        # A single timeout may be due to congestion, unless a first trial has a result already.
        if timeouts < TIMEOUTS and now > self._second_trial_until:
            return False
        # One trial for each timeout.
        if self._trial is not None and self._trial.timeouts == timeouts:
            return False
        if not established:
            # Nothing has arrived yet to compare with, so the next smaller size is used at once.
            # Without the peer's transport parameters the core cannot be given another size.
            if self._quic._transport_parameters_applied:
                self._shrink()
            return False
        # Only packets that are larger than every path carries can be missing because of their size.
        outstanding = core.outstanding_application_packets
        large = tuple(number for number, size, _ in outstanding if size > INTERNET_DATAGRAM)
        if not large:
            return False
        self.trial += 1
        self._trial = _Trial(self.trial, timeouts, large, core.loss_total)
        return True

    def acknowledged(self, uid: int, received_at: float) -> None:
        """Evaluate a trial whose PING was acknowledged in a datagram received at that time."""
        if self._trial is not None and self._trial.uid == uid:
            self._evaluate(self._trial, received_at)

    def _evaluate(self, trial: _Trial, received_at: float) -> None:
        """Find out whether any of the large datagrams before the small one has arrived, too.

        If none has, the small one may have been the first after an outage. So it takes a second
        trial, with what was sent after the first.
        """
        core = self._core
        self._trial = None
        # A packet that is neither outstanding nor lost was acknowledged.
        waiting = {number for number, _, _ in core.outstanding_application_packets}
        outstanding = sum(number in waiting for number in trial.large)
        if outstanding + core.loss_total - trial.lost < len(trial.large):
            return
        if received_at <= self._second_trial_until:
            # Confirmed: the second small datagram has arrived, too, and no large one.
            self._second_trial_until = 0.0
            self._shrink()
        else:
            self._second_trial_until = received_at + SECOND_TRIAL * probe_timeout(core)

    def _shrink(self) -> None:
        """Use an Ethernet's size instead of jumbo frames, and else what every path carries."""
        ethernet = self._sizes.ethernet
        self._quic.shrink(ethernet if self.size > ethernet else INTERNET_DATAGRAM)
        # Smaller sizes are reported at once: they say that a path has become worse.
        self._reported_size = self.size
        self.size = self._core.active_path[5]
        self._report()
