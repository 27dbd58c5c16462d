"""IPsec by strongSwan, whose kernel-libipsec keeps ESP in user space, out of the kernel."""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar

from benchmarks.headers import IPV4, UDP, Headers
from benchmarks.link import LinkError, Namespace, Network
from benchmarks.ports import VPN_PORT
from benchmarks.programs import SEARCH_PATH, ProgramError, terminate
from benchmarks.vpn.base import CLIENT, SERVER, TunnelEnds, namespaces_of
from benchmarks.workspace import Workspace

PROGRAMS = Path("/usr/lib/ipsec")
CHARON = PROGRAMS / "charon"
PLUGIN = PROGRAMS / "plugins" / "libstrongswan-kernel-libipsec.so"
INNER_MTU = 1400
"""Of the device that kernel-libipsec makes."""
# SPI and sequence, IV, padding to four bytes with the two of the trailer, tag.
AROUND = IPV4 + UDP + 8 + 8 + 4 + 16
PATIENCE = 20.0

_STRONGSWAN = """
charon {{
  load = random nonce openssl kernel-libipsec kernel-netlink socket-default vici
  port = 500
  port_nat_t = {port}
  plugins {{ vici {{ socket = unix://{socket} }} }}
}}
"""
_CONNECTION = """
connections {{ vpn {{
  version = 2
  encap = yes
  local_port = {port}
  remote_port = {port}
  remote_addrs = {remote}
  proposals = aes128gcm16-prfsha256-x25519
  local {{ auth = psk
    id = {own} }}
  remote {{ auth = psk
    id = {peer} }}
  children {{ files {{
    local_ts = {inner}/32
    remote_ts = {inner_peer}/32
    esp_proposals = aes128gcm16
  }} }}
}} }}
secrets {{ ike-1 {{ secret = "{secret}" }} }}
"""


class StrongSwan:
    """Two daemons with a shared key; the tunnel is up before anything is measured."""

    programs: ClassVar[dict[str, str]] = {"swanctl": "strongswan-swanctl"}
    headers = Headers.tunnelled(INNER_MTU, AROUND)

    def lacking(self) -> list[str]:
        """See `Tunnel`."""
        if os.geteuid():
            return ["strongSwan's daemon runs only as root"]
        return [
            f"{file} is not there (Debian: apt install {package})"
            for file, package in (
                (CHARON, "strongswan-charon"),
                (PLUGIN, "libcharon-extra-plugins"),
            )
            if not file.exists()
        ]

    @contextmanager
    def between(self, network: Network, workspace: Workspace) -> Iterator[TunnelEnds]:
        """See `Tunnel`."""
        secret = secrets.token_hex(16)
        client, server = namespaces_of(network)
        processes: list[subprocess.Popen[bytes]] = []
        with ExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix="ipsec-", dir=workspace.folder))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            sides = (
                (server, "server", "client", SERVER, CLIENT, "%any"),
                (client, "client", "server", CLIENT, SERVER, server.address),
            )
            for namespace, own, peer, inner, inner_peer, remote in sides:
                socket = folder / f"{own}.vici"
                process = _start(namespace, folder / f"{own}.conf", socket)
                stack.callback(terminate, process)
                processes.append(process)
                namespace.ip(f"address add {inner}/32 dev lo")
                connection = folder / f"{own}.swanctl"
                connection.write_text(
                    _CONNECTION.format(
                        port=VPN_PORT,
                        remote=remote,
                        own=own,
                        peer=peer,
                        inner=inner,
                        inner_peer=inner_peer,
                        secret=secret,
                    )
                )
                _wait(socket, process)
                _swanctl(namespace, socket, "--load-all", "--file", str(connection))
            control = folder / "client.vici"
            _swanctl(client, control, "--initiate", "--child", "files", "--timeout", "20")
            yield TunnelEnds(server=processes[0], client=processes[1])


def _start(namespace: Namespace, settings: Path, socket: Path) -> "subprocess.Popen[bytes]":
    """A daemon of our own: it has its own view of /run, where each wants to be the only one."""
    settings.write_text(_STRONGSWAN.format(port=VPN_PORT, socket=socket))
    return namespace.popen(
        [
            *("unshare", "--mount", "--propagation", "private", "--"),
            *("sh", "-c", f"mount -t tmpfs tmpfs /run && exec {CHARON}"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PATH": SEARCH_PATH, "STRONGSWAN_CONF": str(settings)},
        start_new_session=True,
    )


def _wait(socket: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the daemon accepts commands."""
    deadline = time.monotonic() + PATIENCE
    while not socket.exists():
        if process.poll() is not None:
            raise ProgramError(f"charon ended with exit code {process.returncode}")
        if time.monotonic() > deadline:
            raise ProgramError(f"charon is not up after {PATIENCE:g} s")
        time.sleep(0.02)


def _swanctl(namespace: Namespace, socket: Path, *arguments: str) -> None:
    command, *rest = arguments
    try:
        namespace.run(["swanctl", command, "--uri", f"unix://{socket}", *rest])
    except LinkError as error:
        raise ProgramError(f"swanctl {command}: {error}") from error
