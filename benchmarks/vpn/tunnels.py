"""VPNs between the two ends of a link."""

import itertools
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar, Protocol

from benchmarks.headers import IPV4, UDP, Headers
from benchmarks.link import Link, LinkError, Namespace
from benchmarks.ports import VPN_PORT
from benchmarks.programs import ProgramError, terminate
from benchmarks.vpn import esp_model
from benchmarks.workspace import WIREGUARD_PREFIX, WIREGUARD_SOCKETS, Workspace

CLIENT, SERVER = "198.19.0.2", "198.19.0.1"
WIREGUARD_MTU = 1420
Processes = list["subprocess.Popen[Any]"]
_serial = itertools.count()


class Tunnel(Protocol):
    """Carries what is sent to the server's inner address."""

    programs: ClassVar[dict[str, str]]
    headers: Headers
    """Of a full packet outside of the tunnel, which holds one of TCP."""

    def lacking(self) -> list[str]:
        """What this machine has not got for it, besides programs."""

    def between(self, link: Link, workspace: Workspace) -> Any:
        """A context manager: the server's inner address, and the processes that are the tunnel."""


class WireGuard:
    """wireguard-go at both ends, with keys made for this link."""

    programs: ClassVar[dict[str, str]] = {
        "wireguard-go": "wireguard-go",
        "wg": "wireguard-tools",
    }
    # Type, receiver and counter take 16 bytes, the tag 16.
    headers = Headers.tunnelled(WIREGUARD_MTU, around=IPV4 + UDP + 32)

    def lacking(self) -> list[str]:
        """See `Tunnel`."""
        folder = next(p for p in (WIREGUARD_SOCKETS, *WIREGUARD_SOCKETS.parents) if p.exists())
        allowed = os.access(folder, os.W_OK)
        return [] if allowed else [f"wireguard-go needs to write to {folder}: run it as root"]

    @contextmanager
    def between(self, link: Link, workspace: Workspace) -> Iterator[tuple[str, Processes]]:
        """See `Tunnel`."""
        number = next(_serial)
        keys = [_output("wg", "genkey") for _ in range(2)]
        public = [_output("wg", "pubkey", input=key) for key in keys]
        sides = ((link.client, "c", CLIENT, SERVER), (link.server, "s", SERVER, CLIENT))
        processes: Processes = []
        with ExitStack() as stack:
            for index, (namespace, side, inner, peer) in enumerate(sides):
                # wireguard-go's sockets are in one folder for all namespaces.
                device = f"{WIREGUARD_PREFIX}{os.getpid()}-{number % 100}{side}"
                process = namespace.popen(
                    ["wireguard-go", "--foreground", device],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, "LOG_LEVEL": "error"},
                    start_new_session=True,
                )
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
                    lines.append(f"Endpoint = {link.server.address}:{VPN_PORT}")
                _configure(namespace, device, "\n".join(lines))
                namespace.ip(
                    f"address add {inner}/24 dev {device}",
                    f"link set {device} mtu {WIREGUARD_MTU} up",
                )
            yield SERVER, processes


class Model:
    """The tunnel of `benchmarks.vpn.esp_model`: the bytes and the cipher of ESP in UDP."""

    programs: ClassVar[dict[str, str]] = {}
    # Two bytes of trailer fill the padding up: none is left in a full packet.
    headers = Headers.tunnelled(
        esp_model.MTU, around=esp_model.UDP_AND_IP + esp_model.HEADER.size + esp_model.TAG + 2
    )

    def lacking(self) -> list[str]:
        """See `Tunnel`."""
        return []

    @contextmanager
    def between(self, link: Link, workspace: Workspace) -> Iterator[tuple[str, Processes]]:
        """See `Tunnel`."""
        key = secrets.token_hex(16)
        processes: Processes = []
        with ExitStack() as stack:
            for namespace, inner, outer in (
                (link.server, SERVER, "-"),
                (link.client, CLIENT, link.server.address),
            ):
                process = namespace.popen(
                    [sys.executable, "-m", "benchmarks.vpn.esp_model", inner, outer, str(VPN_PORT)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
                stack.callback(terminate, process)
                processes.append(process)
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(key + "\n")
                process.stdin.flush()
                if not process.stdout.readline():
                    raise ProgramError(f"the model tunnel ended with exit code {process.wait()}")
            yield SERVER, processes


def _output(*command: str, input: str | None = None) -> str:
    done = subprocess.run(command, input=input, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _wait_for_device(namespace: Namespace, device: str, process: "subprocess.Popen[Any]") -> None:
    """Until wireguard-go answers on its socket."""
    while True:
        try:
            namespace.run(["wg", "show", device])
            return
        except LinkError as error:
            if process.poll() is not None:
                raise ProgramError(
                    f"wireguard-go ended with exit code {process.returncode}"
                ) from error


def _configure(namespace: Namespace, device: str, configuration: str) -> None:
    """Over a pipe: the key does not get onto a command line or a disk."""
    namespace.run(["wg", "setconf", device, "/dev/stdin"], input=configuration)
