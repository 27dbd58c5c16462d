"""OpenVPN over UDP, AES-128-GCM, in user space."""

import os
import selectors
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar

from benchmarks.headers import IPV4, MTU, UDP, Headers
from benchmarks.link import Namespace, Network
from benchmarks.ports import VPN_PORT
from benchmarks.programs import SEARCH_PATH, ProgramError, terminate
from benchmarks.vpn.base import TunnelEnds, namespaces_of
from benchmarks.workspace import Workspace

# Opcode and peer, packet number, tag.
AROUND = IPV4 + UDP + 4 + 4 + 16
INNER_MTU = MTU - AROUND
"""The largest packet whose datagram fills the outer MTU: nothing is fragmented."""
NETWORK = ("198.19.0.0", "255.255.255.0")
"""The server has its first address, which is that of all tunnels."""
PATIENCE = 20.0
READY = b"Initialization Sequence Completed"


class OpenVpn:
    """Two ends with certificates; the tunnel is up before anything is measured."""

    programs: ClassVar[dict[str, str]] = {"openvpn": "openvpn"}
    headers = Headers.tunnelled(INNER_MTU, AROUND)

    def lacking(self) -> list[str]:
        """See `Tunnel`."""
        return [] if os.geteuid() == 0 else ["openvpn was only tried as root"]

    @contextmanager
    def between(self, network: Network, workspace: Workspace) -> Iterator[TunnelEnds]:
        """See `Tunnel`."""
        pki = workspace.pki
        client, server = namespaces_of(network)
        # A server of many knows its clients by numbers, so that their addresses may change.
        serve = ["--server", *NETWORK, "--topology", "subnet", "--dh", "none"]
        join = ["--client", "--remote", server.address, str(VPN_PORT)]
        with ExitStack() as stack:
            processes = []
            for namespace, files, role in (
                (server, pki.server, serve),
                (client, pki.client, join),
            ):
                credentials = ["--cert", str(files.certificate), "--key", str(files.key)]
                process = _start(namespace, pki.ca, [*role, *credentials])
                stack.callback(terminate, process)
                processes.append(process)
            for process in processes:
                _wait(process)
            yield TunnelEnds(server=processes[0], client=processes[1])


def _start(namespace: Namespace, ca: Path, options: list[str]) -> "subprocess.Popen[bytes]":
    return namespace.popen(
        [
            *("openvpn", "--dev", "vpn0", "--dev-type", "tun", "--disable-dco"),
            *("--proto", "udp4", "--port", str(VPN_PORT), "--ca", str(ca)),
            *("--data-ciphers", "AES-128-GCM", "--tun-mtu", str(INNER_MTU), "--mssfix", "0"),
            *("--txqueuelen", "10000", "--verb", "1", *options),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PATH": SEARCH_PATH},
        start_new_session=True,
    )


def _wait(process: "subprocess.Popen[bytes]") -> None:
    """Until it says that the tunnel is up."""
    assert process.stdout is not None
    deadline = time.monotonic() + PATIENCE
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while READY not in said:
            if not selector.select(max(deadline - time.monotonic(), 0.0)):
                raise ProgramError(f"openvpn is not up after {PATIENCE:g} s: {said[-300:]!r}")
            more = os.read(process.stdout.fileno(), 4096)
            if not more:
                raise ProgramError(
                    f"openvpn ended with exit code {process.wait()}: {said[-300:]!r}"
                )
            said += more
