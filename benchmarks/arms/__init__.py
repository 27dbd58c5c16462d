"""The ways to the files that are compared."""

from benchmarks.arms.base import Arm, Running
from benchmarks.arms.raw import RawQuic, RawTcp
from benchmarks.arms.samba import SambaTcp
from benchmarks.arms.smb import SmbArm
from benchmarks.vpn.ipsec import StrongSwan
from benchmarks.vpn.openvpn import OpenVpn
from benchmarks.vpn.tunnels import Model, WireGuard

REFERENCE = "tcp-encrypted"
AGAIN = "tcp-encrypted-again"
"""The reference once more: how far the two are apart is what the whole comparison cannot see."""

_ARMS: tuple[Arm, ...] = (
    SmbArm("tcp", "SMB over TCP, signed", transport="tcp"),
    SmbArm(REFERENCE, "SMB over TCP, encrypted (AES-128-GCM)", transport="tcp", encrypt=True),
    SmbArm(AGAIN, "the same once more (A/A)", transport="tcp", encrypt=True),
    SmbArm("tcp-bbr", "SMB over TCP, encrypted, BBR", transport="tcp", encrypt=True, tcp="bbr"),
    SmbArm("quic-aioquic", "SMB over QUIC (aioquic, cubic)", transport="quic", engine="aioquic"),
    SmbArm("quic-qh3", "SMB over QUIC (qh3, cubic)", transport="quic", engine="qh3"),
    SmbArm(
        "quic-bbr",
        "SMB over QUIC (aioquic, BBR)",
        transport="quic",
        engine="aioquic",
        congestion="bbr",
    ),
    SmbArm(
        "quic-double",
        "SMB over QUIC (qh3), SMB encryption inside",
        transport="quic",
        engine="qh3",
        double=True,
    ),
    SmbArm(
        "wireguard", "SMB over TCP in WireGuard (wireguard-go)", transport="tcp", tunnel=WireGuard()
    ),
    SmbArm(
        "wireguard-bbr",
        "SMB over TCP in WireGuard, BBR",
        transport="tcp",
        tcp="bbr",
        tunnel=WireGuard(),
    ),
    SmbArm("openvpn", "SMB over TCP in OpenVPN over UDP", transport="tcp", tunnel=OpenVpn()),
    SmbArm(
        "ipsec",
        "SMB over TCP in IPsec (strongSwan in user space)",
        transport="tcp",
        tunnel=StrongSwan(),
    ),
    SmbArm("vpn-model", "SMB over TCP in a model of IPsec (ours)", transport="tcp", tunnel=Model()),
    SambaTcp(),
    RawTcp(),
    RawQuic(),
)
ALL: dict[str, Arm] = {arm.name: arm for arm in _ARMS}

__all__ = ["AGAIN", "ALL", "REFERENCE", "Arm", "Running"]
