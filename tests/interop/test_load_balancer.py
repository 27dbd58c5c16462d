"""The load balancers of `examples/load-balancer`, between a client and two gateways.

Each machine is a network namespace: the client, the load balancer, and the gateways, each with an
SMB server of its own behind it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from smbquic.auth.users import UserStore
from smbquic.pki import PkiDirectory, init
from tests.interop.processes import PASSWORD, SHARE, USER, announcing, stop

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="networks of its own take root"),
    pytest.mark.usefixtures("network_namespaces"),
]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "load-balancer"
BALANCER = "192.0.2.1"
CLIENTS = [f"192.0.2.{n}" for n in range(10, 21)]
GATEWAYS = {"1": "10.0.0.11", "2": "10.0.0.12"}
WORKERS = {"1": "0", "2": "2"}
"""Worker processes of the gateways: their connection IDs differ in the first octet."""
MODULES = Path("/usr/lib/nginx/modules")
TIMEOUT = 120

Report = dict[str, Any]


def run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=TIMEOUT)


class Machines:
    """The namespaces: `client`, `balancer`, and the gateways by their numbers."""

    def __init__(self, names: ExitStack) -> None:
        self._prefix = f"smbquic-lb-{os.getpid()}"
        for machine in ("client", "balancer", *GATEWAYS):
            run("ip", "netns", "add", self._name(machine))
            names.callback(run, "ip", "netns", "delete", self._name(machine))
            self.run(machine, "ip", "link", "set", "lo", "up")
        self._link("client", "clients")
        self.run("balancer", "ip", "address", "add", f"{BALANCER}/24", "dev", "clients")
        for address in CLIENTS:
            self.run("client", "ip", "address", "add", f"{address}/24", "dev", "eth0")
        self.run("client", "ip", "route", "add", BALANCER, "dev", "eth0")
        for number, address in GATEWAYS.items():
            device = f"gateway{number}"
            self._link(number, device)
            self.run("balancer", "ip", "address", "add", "10.0.0.1/32", "dev", device)
            self.run("balancer", "ip", "route", "add", address, "dev", device)
            self.run(number, "ip", "address", "add", f"{address}/32", "dev", "eth0")
            self.run(number, "ip", "route", "add", "10.0.0.1", "dev", "eth0")
            self.run(number, "ip", "route", "add", "default", "via", "10.0.0.1")
        self.run("balancer", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")

    def _name(self, machine: str) -> str:
        return f"{self._prefix}-{machine}"

    def on(self, machine: str) -> tuple[str, ...]:
        """Return the command that runs another one on a machine."""
        return ("ip", "netns", "exec", self._name(machine))

    def run(self, machine: str, *command: str) -> None:
        """Run a command on a machine."""
        run(*self.on(machine), *command)

    def _link(self, machine: str, device: str) -> None:
        """Connect eth0 of a machine to a device of the load balancer."""
        near = ("ip", "link", "add", "name", "eth0", "netns", self._name(machine), "type", "veth")
        run(*near, "peer", "name", device, "netns", self._name("balancer"))
        self.run(machine, "ip", "link", "set", "eth0", "up")
        self.run("balancer", "ip", "link", "set", device, "up")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiDirectory:
    return init(tmp_path_factory.mktemp("balanced") / "pki", names=[BALANCER])


@contextmanager
def _gateway(machines: Machines, number: str, folder: Path, pki: PkiDirectory) -> Iterator[None]:
    """Run a gateway with a server ID, and the SMB server behind it."""
    share, users = folder / "share", folder / "users.txt"
    share.mkdir(parents=True)
    (share / "gateway").write_text(number)
    store = UserStore()
    store.add(USER, PASSWORD)
    store.save(users)
    server = ("serve", "--users", users, "--share", f"{SHARE}={share}")
    gateway = ("gateway", "--backend", "tcp://127.0.0.1:445", "--server-id", f"0{number}")
    workers = ("--workers", WORKERS[number])
    identity = ("--cert", pki.server.certificate, "--key", pki.server.key)
    quic = f"quic://{GATEWAYS[number]}:443"
    within = machines.on(number)
    with (
        announcing(
            folder / "server.log",
            *server,
            *("--listen", "tcp://127.0.0.1:445", "--no-extended-protection"),
            within=within,
        ),
        announcing(
            folder / "gateway.log", *gateway, *workers, *identity, "--listen", quic, within=within
        ),
    ):
        yield


@pytest.fixture(scope="module")
def machines(
    tmp_path_factory: pytest.TempPathFactory, pki: PkiDirectory, network_namespaces: None
) -> Iterator[Machines]:
    with ExitStack() as stack:
        made = Machines(stack)
        for number in GATEWAYS:
            folder = tmp_path_factory.mktemp("balanced") / number
            stack.enter_context(_gateway(made, number, folder, pki))
        yield made


class MovingClient:
    """Runs a client that moves from address to address while it uploads a file."""

    def __init__(self, machines: Machines, pki: PkiDirectory, folder: Path) -> None:
        self._command = [
            *machines.on("client"),
            *("env", "-C", str(folder), f"PYTHONPATH={ROOT}"),
            *(sys.executable, "-m", "tests.interop.moving_client", BALANCER, str(pki.ca)),
        ]

    def move(self, *addresses: str) -> Report:
        """Return what the client reports, which begins at the first address."""
        result = self._run(addresses)
        assert result.returncode == 0, result.stderr
        report: Report = json.loads(result.stdout)
        assert report["moves"] == len(addresses) - 1
        assert report["whole"]
        return report

    def move_too_far(self, *addresses: str) -> str:
        """Return the error of a client that loses its connection, without one of its own again."""
        result = self._run(addresses)
        assert result.returncode == 1
        return result.stderr.splitlines()[-1]

    def _run(self, addresses: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        command = [*self._command, *addresses]
        return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)


@pytest.fixture
def client(machines: Machines, pki: PkiDirectory, tmp_path: Path) -> MovingClient:
    return MovingClient(machines, pki, tmp_path)


@pytest.fixture
def nftables(machines: Machines) -> Iterator[None]:
    machines.run("balancer", "nft", "-f", str(EXAMPLES / "smbquic.nft"))
    yield
    machines.run("balancer", "nft", "flush", "ruleset")


@pytest.fixture
def nginx(machines: Machines, tmp_path: Path) -> Iterator[None]:
    main = tmp_path / "nginx.conf"
    main.write_text(
        f"load_module {MODULES}/ngx_stream_module.so;\n"
        f"daemon off; pid {tmp_path}/nginx.pid; error_log stderr; events {{}}\n"
        f"include {EXAMPLES}/nginx.conf;\n"
    )
    command = [*machines.on("balancer"), "nginx", "-c", str(main), "-p", str(tmp_path)]
    run(*command, "-t")
    process = subprocess.Popen(command, text=True, stderr=subprocess.DEVNULL)
    yield
    stop(process)


@pytest.mark.debian("nft")
@pytest.mark.usefixtures("nftables")
def test_nftables_brings_a_client_that_moves_to_its_gateway(client: MovingClient) -> None:
    found = set()
    # New connections are divided by address and port: it takes a few until both have had one.
    for _ in range(20):
        report = client.move(*CLIENTS)
        assert report["same connection"]
        found.add(report["gateway"])
        if found == GATEWAYS.keys():
            return
    raise AssertionError(f"all connections came to {found}")


@pytest.mark.debian("nginx")
@pytest.mark.usefixtures("nginx")
def test_nginx_brings_a_client_to_its_gateway_as_long_as_its_address_stays(
    client: MovingClient,
) -> None:
    gateways = {address: client.move(address)["gateway"] for address in CLIENTS[:6]}
    first = CLIENTS[0]
    near = next(each for each in gateways if each != first and gateways[each] == gateways[first])
    far = next(each for each in gateways if gateways[each] != gateways[first])

    # Only the port changes.
    assert client.move(first, first, first)["same connection"]
    # Another address is by chance that of the same gateway.
    assert client.move(first, near, first)["same connection"]
    # The other gateway does not know the connection, and nobody can tell the client.
    assert "IdleTimeout" in client.move_too_far(first, far)
