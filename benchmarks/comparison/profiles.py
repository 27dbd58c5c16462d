"""Profiles of a run: which works on which links, with how much to do, how often."""

from dataclasses import dataclass

from benchmarks.comparison.links import LAN, LOSSES, RATED
from benchmarks.comparison.works import ALL as WORKS
from benchmarks.workspace import Sizes

MIB = 1 << 20
CONNECT = ("connect", "connect-again", "connect-resumed")
BULK = ("bulk-write", "bulk-read")
SMALL = ("small-write", "small-read", "list-100", "stat-storm", "random-read-16")


@dataclass(frozen=True, slots=True)
class Leg:
    """A link, and what is done on it."""

    link: str
    works: tuple[str, ...]
    sizes: Sizes
    arms: tuple[str, ...] = ()
    """Only these; none: all that the run has."""


@dataclass(frozen=True, slots=True)
class Profile:
    """`blocks` are counted without the one that is discarded."""

    name: str
    about: str
    blocks: int
    legs: tuple[Leg, ...]
    calibration_seconds: int = 5


QUICK = Profile(
    "quick",
    "every arm on one clean link, three times; within five minutes",
    blocks=3,
    legs=(
        Leg(
            "20ms-100mbit",
            (*CONNECT, *BULK, *SMALL, "loaded-latency"),
            Sizes(bulk=3 * MIB, small_files=20, listings=(100,), stats=10, random_reads=16),
        ),
    ),
    calibration_seconds=2,
)

# Under loss the congestion control decides: each on its own, with each transport, is enough.
LOSS_ARMS = (
    "tcp-encrypted",
    "tcp-encrypted-again",
    "tcp-bbr",
    "quic-aioquic",
    "quic-qh3",
    "quic-bbr",
    "quic-native",
    "quic-native-bbr",
    "wireguard",
    "wireguard-bbr",
    "raw-tcp",
)
FAIRNESS_ARMS = (
    *("tcp-encrypted", "tcp-bbr", "quic-aioquic", "quic-qh3", "quic-bbr"),
    *("quic-native", "quic-native-bbr"),
    "wireguard",
)
HEADLINE = Profile(
    "headline",
    "a clean link, a lossy one, one that is shared, and the machine's limit, ten times; 40 minutes",
    blocks=10,
    legs=(
        Leg(
            "20ms-100mbit",
            (
                *(*CONNECT, *BULK, "small-write", "small-read", "list-100", "random-read-16"),
                "loaded-latency",
            ),
            Sizes(bulk=8 * MIB, small_files=40, listings=(100,), random_reads=32),
        ),
        Leg(
            "50ms-50mbit-1%",
            ("bulk-read", "loaded-latency"),
            Sizes(bulk=2 * MIB, listings=()),
            LOSS_ARMS,
        ),
        Leg("20ms-50mbit", ("against-tcp",), Sizes(bulk=6 * MIB, listings=()), FAIRNESS_ARMS),
        Leg(LAN, BULK, Sizes(bulk=16 * MIB, listings=())),
    ),
    calibration_seconds=4,
)

ROAMING = Profile(
    "roaming",
    "whose transfers survive a new address of the client, three times; three minutes",
    blocks=3,
    legs=(
        Leg(
            "20ms-100mbit",
            ("address-change",),
            Sizes(bulk=8 * MIB, listings=()),
            (
                *("tcp-encrypted", "quic-aioquic", "quic-qh3", "quic-bbr", "quic-native"),
                *("wireguard", "openvpn", "ipsec"),
            ),
        ),
    ),
    calibration_seconds=2,
)

CONNECTING = Profile(
    "connecting",
    "how long a connection takes up to the share, twenty times; four minutes",
    blocks=20,
    legs=(
        Leg(
            "20ms-100mbit",
            CONNECT,
            Sizes(bulk=MIB, small_files=0, listings=()),
            ("tcp", "tcp-encrypted", "quic-aioquic", "quic-qh3", "quic-native"),
        ),
    ),
    calibration_seconds=2,
)

_FULL_SIZES = Sizes(
    bulk=16 * MIB,
    small_files=1000,
    listings=(10, 1000, 10_000),
    stats=100,
    random_reads=64,
)
_LOSSY = (*BULK, "loaded-latency")
FULL = Profile(
    "full",
    "every link of the method with every work; a night",
    blocks=10,
    legs=(
        *(
            Leg(link, tuple(name for name in WORKS if name != "list-100"), _FULL_SIZES)
            for link in (LAN, *RATED)
        ),
        *(
            Leg(f"{link}-{loss}", _LOSSY, Sizes(bulk=4 * MIB, listings=()))
            for link in RATED
            for loss in LOSSES
        ),
        *(
            Leg(f"{RATED[1]}-{queue}", _LOSSY, Sizes(bulk=8 * MIB, listings=()))
            for queue in ("0.5bdp", "4bdp")
        ),
    ),
    calibration_seconds=10,
)

ALL = {profile.name: profile for profile in (QUICK, HEADLINE, ROAMING, CONNECTING, FULL)}
