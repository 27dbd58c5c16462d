"""WireGuard in user space: wireguard-go."""

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

from benchmarks.headers import IPV4, UDP, Headers
from benchmarks.link import LinkError, Namespace, Network
from benchmarks.ports import VPN_PORT
from benchmarks.programs import ProgramError, terminate
from benchmarks.vpn.base import CLIENT, SERVER, TunnelEnds, namespaces_of
from benchmarks.workspace import WIREGUARD_PREFIX, WIREGUARD_SOCKETS, Workspace

MTU = 1420
_serial = itertools.count()


class WireGuard:
    """wireguard-go at both ends, with keys made for this link."""

    programs: ClassVar[dict[str, str]] = {
        "wireguard-go": "wireguard-go",
        "wg": "wireguard-tools",
    }
    # Type, receiver and counter take 16 bytes, the tag 16.
    headers = Headers.tunnelled(MTU, around=IPV4 + UDP + 32)

    def lacking(self) -> list[str]:
        """See `Tunnel`."""
        folder = next(p for p in (WIREGUARD_SOCKETS, *WIREGUARD_SOCKETS.parents) if p.exists())
        allowed = os.access(folder, os.W_OK)
        return [] if allowed else [f"wireguard-go needs to write to {folder}: run it as root"]

    @contextmanager
    def between(self, network: Network, workspace: Workspace) -> Iterator[TunnelEnds]:
        """See `Tunnel`."""
        number = next(_serial)
        client, server = namespaces_of(network)
        keys = [_output("wg", "genkey") for _ in range(2)]
        public = [_output("wg", "pubkey", input=key) for key in keys]
        sides = ((client, "c", CLIENT, SERVER), (server, "s", SERVER, CLIENT))
        processes: list[subprocess.Popen[Any]] = []
        with ExitStack() as stack:
            for index, (namespace, side, inner, peer) in enumerate(sides):
                # wireguard-go's sockets are in one folder for all namespaces.
                device = f"{WIREGUARD_PREFIX}{os.getpid()}-{number % 100}{side}"
                process = _start(namespace, device)
                stack.callback(terminate, process)
                processes.append(process)
                _wait_for_device(namespace, device, process)
                lines = [
                    "[Interface]",
                    f"PrivateKey = {keys[index]}",
                    f"ListenPort = {VPN_PORT}",
                    "[Peer]",
                    f"PublicKey = {public[1 - index]}",
                    f"AllowedIPs = {peer}/32",
                ]
                if side == "c":
                    lines.append(f"Endpoint = {server.address}:{VPN_PORT}")
                # Over a pipe: the key does not get onto a command line or a disk.
                namespace.run(["wg", "setconf", device, "/dev/stdin"], input="\n".join(lines))
                namespace.ip(
                    f"address add {inner}/24 dev {device}", f"link set {device} mtu {MTU} up"
                )
            yield TunnelEnds(client=processes[0], server=processes[1])


def _start(namespace: Namespace, device: str) -> "subprocess.Popen[Any]":
    return namespace.popen(
        ["wireguard-go", "--foreground", device],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LOG_LEVEL": "error"},
        start_new_session=True,
    )


def _output(*command: str, input: str | None = None) -> str:
    done = subprocess.run(command, input=input, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _wait_for_device(namespace: Namespace, device: str, process: "subprocess.Popen[Any]") -> None:
    """Wait until wireguard-go answers on its socket."""
    while True:
        try:
            namespace.run(["wg", "show", device])
            return
        except LinkError as error:
            if process.poll() is not None:
                raise ProgramError(
                    f"wireguard-go ended with exit code {process.returncode}"
                ) from error
