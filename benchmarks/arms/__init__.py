"""The ways to the files that the comparison compares."""

from functools import partial

from benchmarks.arms.base import Arm, Running
from benchmarks.arms.raw import RawQuic, RawTcp
from benchmarks.arms.samba import SambaArm
from benchmarks.arms.smb import SmbArm
from benchmarks.vpn.ipsec import StrongSwan
from benchmarks.vpn.model import Model
from benchmarks.vpn.openvpn import OpenVpn
from benchmarks.vpn.wireguard import WireGuard

REFERENCE = "tcp-encrypted"
AGAIN = "tcp-encrypted-again"
"""The reference once more: how far the two are apart is what the whole comparison cannot see."""

_tcp = partial(SmbArm, transport="tcp")
_quic = partial(SmbArm, transport="quic")
_ARMS: tuple[Arm, ...] = (
    _tcp(name="tcp", title="SMB over TCP, signed"),
    _tcp(name=REFERENCE, title="SMB over TCP, encrypted (AES-128-GCM)", encrypt=True),
    _tcp(name=AGAIN, title="the same once more (A/A)", encrypt=True),
    _tcp(name="tcp-bbr", title="SMB over TCP, encrypted, BBR", encrypt=True, tcp="bbr"),
    _quic(name="quic-aioquic", title="SMB over QUIC (aioquic, cubic)", engine="aioquic"),
    _quic(name="quic-qh3", title="SMB over QUIC (qh3, cubic)", engine="qh3"),
    _quic(
        name="quic-bbr", title="SMB over QUIC (aioquic, BBR)", engine="aioquic", congestion="bbr"
    ),
    _quic(name="quic-native", title="SMB over QUIC (native, cubic)", engine="native"),
    _quic(
        name="quic-native-bbr",
        title="SMB over QUIC (native, BBR)",
        engine="native",
        congestion="bbr",
    ),
    _quic(
        name="quic-double",
        title="SMB over QUIC (qh3), SMB encryption inside",
        engine="qh3",
        double=True,
    ),
    _tcp(
        name="wireguard",
        title="SMB over TCP in WireGuard (wireguard-go)",
        tunnel=WireGuard(),
    ),
    _tcp(
        name="wireguard-bbr",
        title="SMB over TCP in WireGuard, BBR",
        tcp="bbr",
        tunnel=WireGuard(),
    ),
    _tcp(name="openvpn", title="SMB over TCP in OpenVPN over UDP", tunnel=OpenVpn()),
    _tcp(
        name="ipsec",
        title="SMB over TCP in IPsec (strongSwan in user space)",
        tunnel=StrongSwan(),
    ),
    _tcp(name="vpn-model", title="SMB over TCP in a model of IPsec (ours)", tunnel=Model()),
    SambaArm(
        name="samba-tcp",
        title="Samba's smbclient and smbd over TCP, encrypted",
        protection="encrypt",
    ),
    RawTcp(),
    RawQuic(name="raw-quic", title="QUIC without SMB (qh3, cubic)", engine="qh3"),
)
ALL: dict[str, Arm] = {arm.name: arm for arm in _ARMS}

__all__ = ["AGAIN", "ALL", "REFERENCE", "Arm", "Running"]
