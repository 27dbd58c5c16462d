"""What can be measured. Each arm is measured once in each round."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.throughput import bulk, capacity, samba, small, wireguard
from benchmarks.throughput.bench import Bench, Engine, Figures
from benchmarks.throughput.place import Place

ORDINARY = 1472
"""Bytes of UDP payload in a packet of Ethernet's 1500, IPv4."""
JUMBO = 8972


@dataclass(frozen=True, slots=True)
class Arm:
    """`measure` gives figures for each thing that was done, such as ``get`` and ``put``.

    `once` says that a repetition would show nothing new.
    """

    name: str
    title: str
    measure: Callable[[Bench], dict[str, Figures]]
    lacking: list[str]
    once: bool = False


def _raw(engine: str, datagram: int, share: int) -> Callable[[Bench], dict[str, Figures]]:
    def measure(bench: Bench) -> dict[str, Figures]:
        place = bench.ordinary if datagram == ORDINARY else bench.jumbo
        return bulk.raw(bench, place, engine, datagram, share)

    return measure


def _quic(engine: Engine, datagram: int) -> Callable[[Bench], dict[str, Figures]]:
    def measure(bench: Bench) -> dict[str, Figures]:
        place = bench.ordinary if datagram == ORDINARY else bench.jumbo
        return bulk.ours(bench, place, "quic", engine=engine, datagram=datagram)

    return measure


def _tcp(*, encrypt: bool) -> Callable[[Bench], dict[str, Figures]]:
    return lambda bench: bulk.ours(bench, bench.ordinary, "tcp", encrypt=encrypt)


def _in_wireguard(
    measure: Callable[[Bench, Place], dict[str, Figures]],
) -> Callable[[Bench], dict[str, Figures]]:
    def inside(bench: Bench) -> dict[str, Figures]:
        assert bench.inside_wireguard is not None
        return measure(bench, bench.inside_wireguard)

    return inside


def _tcp_in(bench: Bench, place: Place) -> dict[str, Figures]:
    return bulk.ours(bench, place, "tcp")


def _here(
    measure: Callable[..., dict[str, Figures]], *arguments: str
) -> Callable[[Bench], dict[str, Figures]]:
    return lambda bench: measure(bench, bench.ordinary, *arguments)


def all_arms() -> list[Arm]:
    """Every arm, with what this machine lacks for it."""
    root = [] if os.geteuid() == 0 else ["root"]
    smbd = [*samba.missing(), *root]
    vpn = [*wireguard.missing(), *root]
    arm = partial(Arm, lacking=[])
    return [
        arm("raw-qh3", "engine qh3, one stream, 1472", _raw("qh3", ORDINARY, 1)),
        arm("raw-aioquic", "engine aioquic, one stream, 1472", _raw("aioquic", ORDINARY, 4)),
        arm("stock-aioquic", "aioquic's own server and client, 1472", _raw("stock", ORDINARY, 8)),
        arm("raw-qh3-jumbo", "engine qh3, one stream, 8972", _raw("qh3", JUMBO, 1)),
        arm("raw-aioquic-jumbo", "engine aioquic, one stream, 8972", _raw("aioquic", JUMBO, 1)),
        arm("quic-qh3", "SMB over QUIC, qh3, 1472", _quic("qh3", ORDINARY)),
        arm("quic-aioquic", "SMB over QUIC, aioquic, 1472", _quic("aioquic", ORDINARY)),
        arm("quic-qh3-jumbo", "SMB over QUIC, qh3, 8972", _quic("qh3", JUMBO)),
        arm("quic-aioquic-jumbo", "SMB over QUIC, aioquic, 8972", _quic("aioquic", JUMBO)),
        arm("tcp", "SMB over TCP, signed", _tcp(encrypt=False)),
        arm("tcp-encrypted", "SMB over TCP, encrypted", _tcp(encrypt=True)),
        Arm("samba", "smbclient, smbd, TCP, signed", _here(bulk.sambas), smbd),
        Arm(
            "samba-wireguard",
            "the same through wireguard-go",
            _in_wireguard(bulk.sambas),
            [*smbd, *vpn],
        ),
        Arm("tcp-wireguard", "SMB over TCP in wireguard-go", _in_wireguard(_tcp_in), vpn),
        arm("smbprotocol", "smbprotocol over our QUIC", _here(bulk.smbprotocol)),
        arm("small-tcp", "our client and server, TCP", _here(small.latencies, "tcp")),
        arm("small-quic-qh3", "our client and server, qh3", _here(small.latencies, "quic")),
        arm(
            "small-quic-aioquic",
            "our client and server, aioquic",
            _here(small.latencies, "quic", "aioquic"),
        ),
        Arm("torture", "smbtorture, our server", _here(small.torture_ours), samba.missing()),
        Arm("torture-smbd", "smbtorture, smbd", _here(small.torture_smbd), smbd),
        arm("slow-qh3", "slow reader, qh3", _here(capacity.slow_reader, "quic"), once=True),
        arm(
            "slow-aioquic",
            "slow reader, aioquic",
            _here(capacity.slow_reader, "quic", "aioquic"),
            once=True,
        ),
        arm("slow-tcp", "slow reader, TCP", _here(capacity.slow_reader, "tcp"), once=True),
        arm("idle-qh3", "idle connections, qh3", _here(capacity.idle, "quic"), once=True),
        arm(
            "idle-aioquic",
            "idle connections, aioquic",
            _here(capacity.idle, "quic", "aioquic"),
            once=True,
        ),
        arm("idle-tcp", "idle connections, TCP", _here(capacity.idle, "tcp"), once=True),
    ]
