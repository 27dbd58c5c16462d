"""QUIC handshakes one after another: how many in a second, and what each costs the server."""

import sys

from benchmarks.arms import Arm
from benchmarks.arms.smb import SmbArm
from benchmarks.programs import run
from benchmarks.throughput.bench import Bench, Figures
from benchmarks.throughput.networks import FastNetwork
from benchmarks.usage import tree_cpu_seconds

PROCESSES = 20
"""How many handshakes of ours are made for each of OpenSSL's, which takes a process of its own."""


def handshakes(bench: Bench, network: FastNetwork, arm: Arm) -> dict[str, Figures]:
    """Have our client make them, each end on a core of its own."""
    assert isinstance(arm, SmbArm)
    count, workspace = bench.operations, bench.workspace
    network = network.pinned()
    with arm.start(network, workspace) as running:
        host, port = running.address
        program = [sys.executable, "-m", "benchmarks.ends.handshakes", arm.engine, host, str(port)]
        before = tree_cpu_seconds(running.server.pid)
        done = run(network.client, [*program, str(count), str(workspace.pki.ca)]).document()
        used = tree_cpu_seconds(running.server.pid) - before
    return {
        "handshakes": {
            "operations": count / done["seconds"],
            "client_us": done["cpu_seconds"] / count * 1e6,
            "server_us": used / count * 1e6,
        }
    }


def openssl_handshakes(bench: Bench, network: FastNetwork, arm: Arm) -> dict[str, Figures]:
    """Have OpenSSL's client make them; how long its processes take says nothing of the server."""
    count, workspace = max(bench.operations // PROCESSES, 1), bench.workspace
    network = network.pinned()
    with arm.start(network, workspace) as running:
        host, port = running.address
        command = [
            *("openssl", "s_client", "-quic", "-alpn", "smb", "-connect", f"{host}:{port}"),
            *("-CAfile", str(workspace.pki.ca), "-verify_return_error"),
        ]
        run(network.client, command)
        before = tree_cpu_seconds(running.server.pid)
        for _ in range(count):
            run(network.client, command)
        used = tree_cpu_seconds(running.server.pid) - before
    return {"handshakes": {"server_us": used / count * 1e6}}
