"""All measurements. Each is made once in each round."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from benchmarks.arms import Arm
from benchmarks.arms.gateway import SmbdArm
from benchmarks.arms.raw import RawQuic
from benchmarks.arms.samba import SambaArm
from benchmarks.arms.smb import SmbArm, SmbprotocolArm
from benchmarks.programs import missing_programs
from benchmarks.throughput.bench import Bench, Figures
from benchmarks.throughput.bulk import stream, transfers
from benchmarks.throughput.capacity import idle, slow_reader
from benchmarks.throughput.handshakes import handshakes, openssl_handshakes
from benchmarks.throughput.latency import latencies, torture, torture_smbd
from benchmarks.throughput.networks import FastNetwork
from benchmarks.throughput.several import several_clients
from benchmarks.throughput.watched import watched
from benchmarks.vpn.wireguard import WireGuard

ORDINARY = 1472
"""Bytes of UDP payload in a packet of Ethernet's 1500, IPv4."""
JUMBO = 8972
SMBD_PORT = 4450
Measure = Callable[[Bench, FastNetwork, Arm], dict[str, Figures]]
"""Gives figures for each thing that was done, such as ``get`` and ``put``."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """An arm, and what is measured of it; `once` says that a repetition would show nothing new."""

    name: str
    title: str
    measure: Measure
    arm: Arm
    network: Literal["ordinary", "jumbo"] = "ordinary"
    once: bool = False

    def missing(self) -> list[str]:
        """Return what this machine lacks for it, as sentences."""
        found = self.arm.missing()
        if self.arm.tunnel and os.geteuid():
            found.append("a VPN here needs root")
        if self.measure in (torture, torture_smbd):
            found += missing_programs({"smbtorture": "samba-testsuite"})
        if self.measure is openssl_handshakes:
            found += missing_programs({"openssl": "openssl"})
        return found

    def make(self, bench: Bench) -> dict[str, Figures]:
        """Make it. Raises `ProgramError`, `LinkError`."""
        network = bench.ordinary if self.network == "ordinary" else bench.jumbo
        return self.measure(bench, network, self.arm)


# The machine's own congestion control, and a port that needs no root.
_smb = partial(SmbArm, name="", title="", tcp=None, port=0)
_tcp = partial(_smb, transport="tcp")
_native = partial(_smb, transport="quic", engine="native", datagram_size=ORDINARY)
_qh3 = partial(_smb, transport="quic", engine="qh3", datagram_size=ORDINARY)
_aioquic = partial(_smb, transport="quic", engine="aioquic", datagram_size=ORDINARY)
_raw = partial(RawQuic, name="", title="", datagram_size=ORDINARY)
_samba = partial(SambaArm, name="", title="", protection="sign", tcp=None, port=SMBD_PORT)
_smbd = partial(SmbdArm, name="", title="", transport="tcp", tcp=None, smbd_port=SMBD_PORT)
_gateway_native = partial(_smbd, transport="quic", engine="native", datagram_size=ORDINARY)
_gateway_qh3 = partial(_smbd, transport="quic", engine="qh3", datagram_size=ORDINARY)
_gateway_aioquic = partial(_smbd, transport="quic", engine="aioquic", datagram_size=ORDINARY)

_jumbo = partial(Measurement, network="jumbo")
_once = partial(Measurement, once=True)


def all_measurements() -> list[Measurement]:
    """Return every one, those included that this machine lacks something for."""
    return [*_streams(), *_transfers(), *_workers(), *_requests(), *_connections()]


def _streams() -> list[Measurement]:
    """One QUIC stream, without SMB."""
    return [
        Measurement("raw-native", "engine native, one stream, 1472", stream, _raw(engine="native")),
        Measurement("raw-qh3", "engine qh3, one stream, 1472", stream, _raw(engine="qh3")),
        Measurement(
            "raw-aioquic",
            "engine aioquic, one stream, 1472",
            stream,
            _raw(engine="aioquic", part=4),
        ),
        Measurement(
            "stock-aioquic",
            "aioquic's own server and client, 1472",
            stream,
            _raw(engine="stock", part=8),
        ),
        _jumbo(
            "raw-native-jumbo",
            "engine native, one stream, 8972",
            stream,
            _raw(engine="native", datagram_size=JUMBO),
        ),
        _jumbo(
            "raw-qh3-jumbo",
            "engine qh3, one stream, 8972",
            stream,
            _raw(engine="qh3", datagram_size=JUMBO),
        ),
        _jumbo(
            "raw-aioquic-jumbo",
            "engine aioquic, one stream, 8972",
            stream,
            _raw(engine="aioquic", datagram_size=JUMBO),
        ),
    ]


def _transfers() -> list[Measurement]:
    """Large files, over SMB."""
    return [
        Measurement("quic-native", "SMB over QUIC, native, 1472", transfers, _native()),
        Measurement(
            "quic-native-mutual",
            "SMB over QUIC, native, 1472, client certificates, two names",
            transfers,
            _native(mutual=True),
        ),
        Measurement(
            "quic-native-thread",
            "SMB over QUIC, native, 1472, an I/O thread",
            transfers,
            _native(io_threads=1),
        ),
        Measurement("quic-qh3", "SMB over QUIC, qh3, 1472", transfers, _qh3()),
        Measurement("quic-aioquic", "SMB over QUIC, aioquic, 1472", transfers, _aioquic()),
        Measurement(
            "quic-qh3-worker", "SMB over QUIC, qh3, 1472, a worker", transfers, _qh3(workers=1)
        ),
        Measurement(
            "quic-qh3-workers", "SMB over QUIC, qh3, 1472, two workers", transfers, _qh3(workers=2)
        ),
        _jumbo(
            "quic-native-jumbo",
            "SMB over QUIC, native, 8972",
            transfers,
            _native(datagram_size=JUMBO),
        ),
        _jumbo("quic-qh3-jumbo", "SMB over QUIC, qh3, 8972", transfers, _qh3(datagram_size=JUMBO)),
        _jumbo(
            "quic-aioquic-jumbo",
            "SMB over QUIC, aioquic, 8972",
            transfers,
            _aioquic(datagram_size=JUMBO),
        ),
        Measurement(
            "gateway-native", "smbd behind our gateway, native", transfers, _gateway_native()
        ),
        Measurement("gateway-qh3", "smbd behind our gateway, qh3", transfers, _gateway_qh3()),
        Measurement(
            "gateway-aioquic",
            "smbd behind our gateway, aioquic",
            transfers,
            _gateway_aioquic(),
        ),
        Measurement("tcp", "SMB over TCP, signed", transfers, _tcp()),
        Measurement("tcp-encrypted", "SMB over TCP, encrypted", transfers, _tcp(encrypt=True)),
        Measurement("samba", "smbclient, smbd, TCP, signed", transfers, _samba()),
        Measurement(
            "samba-wireguard",
            "the same through wireguard-go",
            transfers,
            _samba(tunnel=WireGuard()),
        ),
        Measurement(
            "tcp-wireguard", "SMB over TCP in wireguard-go", transfers, _tcp(tunnel=WireGuard())
        ),
        Measurement(
            "smbprotocol",
            "smbprotocol over our QUIC",
            transfers,
            SmbprotocolArm(name="", title="", transport="quic", tcp=None, port=0),
        ),
    ]


def _workers() -> list[Measurement]:
    """Four clients at once, and none, one or two workers."""
    return [
        Measurement(
            f"four-{engine}{suffix}",
            f"four clients, {engine}, 1472, {title}",
            several_clients,
            server(workers=count),
        )
        for engine, server in (("native", _native), ("qh3", _qh3), ("aioquic", _aioquic))
        for count, suffix, title in (
            (0, "", "no worker"),
            (1, "-worker", "a worker"),
            (2, "-workers", "two workers"),
        )
    ]


def _requests() -> list[Measurement]:
    """Many small requests."""
    return [
        Measurement("small-tcp", "our client and server, TCP", latencies, _tcp()),
        Measurement("small-quic-native", "our client and server, native", latencies, _native()),
        Measurement("small-quic-qh3", "our client and server, qh3", latencies, _qh3()),
        Measurement("small-quic-aioquic", "our client and server, aioquic", latencies, _aioquic()),
        Measurement(
            "small-quic-qh3-metrics",
            "the same with qh3, metrics fetched",
            latencies,
            _qh3(web=True),
        ),
        Measurement("small-smbd", "our client and smbd, TCP", latencies, _smbd()),
        Measurement(
            "small-gateway-qh3", "our client and smbd, gateway, qh3", latencies, _gateway_qh3()
        ),
        Measurement("torture", "smbtorture, our server", torture, _tcp()),
        Measurement("torture-smbd", "smbtorture, smbd", torture_smbd, _samba()),
    ]


def _connections() -> list[Measurement]:
    """Return the measurements of connections that move little or nothing."""
    return [
        _once("slow-native", "slow reader, native", slow_reader, _native()),
        _once("slow-qh3", "slow reader, qh3", slow_reader, _qh3()),
        _once("slow-aioquic", "slow reader, aioquic", slow_reader, _aioquic()),
        _once("slow-tcp", "slow reader, TCP", slow_reader, _tcp()),
        Measurement("watched-native", "the status page open, native", watched, _native(web=True)),
        Measurement("watched-qh3", "the status page open, qh3", watched, _qh3(web=True)),
        Measurement("handshakes-native", "handshakes, native", handshakes, _native()),
        Measurement("handshakes-qh3", "handshakes, qh3", handshakes, _qh3()),
        Measurement("handshakes-aioquic", "handshakes, aioquic", handshakes, _aioquic()),
        # OpenSSL's client has a zero-length connection ID, with which qh3 cannot serve it.
        Measurement(
            "openssl-native", "handshakes of openssl, native", openssl_handshakes, _native()
        ),
        Measurement(
            "openssl-aioquic", "handshakes of openssl, aioquic", openssl_handshakes, _aioquic()
        ),
        _once("idle-native", "idle connections, native", idle, _native()),
        _once("idle-qh3", "idle connections, qh3", idle, _qh3()),
        _once("idle-aioquic", "idle connections, aioquic", idle, _aioquic()),
        _once("idle-tcp", "idle connections, TCP", idle, _tcp()),
    ]
