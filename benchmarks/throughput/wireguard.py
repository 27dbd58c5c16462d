"""A WireGuard tunnel between the two ends of a place: wireguard-go, with keys made for the run."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.programs import terminate
from benchmarks.throughput.place import End, Place

MTU = 1420
PORT = 51820
ADDRESSES = {"client": "198.19.0.2", "server": "198.19.0.1"}
NETWORK = "198.19.0.0/24"
SOCKETS = Path("/var/run/wireguard")
"""Shared by all network namespaces, hence the names below."""
STARTING = 10.0


def missing() -> list[str]:
    """The programs that are needed and not there."""
    return [name for name in ("wireguard-go", "wg") if shutil.which(name) is None]


@contextlib.contextmanager
def tunnel(outside: Place) -> Iterator[Place]:
    """The place inside the tunnel; its end is the tunnel's."""
    keys = {role: _output("wg", "genkey") for role in ADDRESSES}
    with contextlib.ExitStack() as stack:
        ends = {}
        for role, peer, end, other in (
            ("client", "server", outside.client, outside.server),
            ("server", "client", outside.server, outside.client),
        ):
            device = f"wg{os.getpid()}{role[0]}"
            process = stack.enter_context(_device(end, device))
            _configure(end, device, role, keys[role], _output("wg", "pubkey", keys[peer]), other)
            ends[role] = End(ADDRESSES[role], end.namespace, helpers=[process.pid])
        yield Place(ends["client"], ends["server"], MTU, f"wireguard-go, MTU {MTU}")


def _output(*command: str) -> str:
    *command_line, given = command if command[1] == "pubkey" else (*command, "")
    done = subprocess.run(command_line, input=given, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextlib.contextmanager
def _device(end: End, device: str) -> Iterator["subprocess.Popen[str]"]:
    assert end.namespace is not None
    process = subprocess.Popen(
        [*end.namespace.entry, "wireguard-go", "--foreground", device],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "LOG_LEVEL": "error", "WG_PROCESS_FOREGROUND": "1"},
    )
    try:
        deadline = time.monotonic() + STARTING
        while not (SOCKETS / f"{device}.sock").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("wireguard-go did not start")
            time.sleep(0.02)
        yield process
    finally:
        terminate(process)
        (SOCKETS / f"{device}.sock").unlink(missing_ok=True)


def _configure(
    end: End, device: str, role: str, private_key: str, peer_key: str, other: End
) -> None:
    assert end.namespace is not None
    with tempfile.NamedTemporaryFile("w") as key:
        key.write(private_key)
        key.flush()
        endpoint = [] if role == "server" else ["endpoint", f"{other.address}:{PORT}"]
        end.namespace.run(
            [
                *("wg", "set", device, "private-key", key.name),
                *(("listen-port", str(PORT)) if role == "server" else ()),
                *("peer", peer_key, *endpoint, "allowed-ips", NETWORK),
            ]
        )
    end.namespace.ip(
        f"address add {ADDRESSES[role]}/24 dev {device}", f"link set {device} mtu {MTU} up"
    )
