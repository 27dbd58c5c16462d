"""Nodes of a Samba cluster: smbd and ctdbd on machines, and the files that they share.

The commands and settings are those of ``docs/howto/cluster.md``.
"""

import contextlib
import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from smbquic.observe import process_usage
from tests.cluster.machines import Machine, MachineError, NetworkSwitch

Files = Literal["gluster", "folder"]
"""Where the files are: on GlusterFS, three copies, or in one folder of this machine."""

USERS = ("alice", "bob")
PASSWORD = "correct horse 7"
SHARED = "/mnt"
"""Where each node has the files that all nodes share."""
DATA = f"{SHARED}/data"
SHARE = "data"
ABOUT = "node"
"""A share whose file ``name`` says which node it is."""
VOLUME = "files"
STARTING = 90.0
"""Seconds that a cluster may take to be healthy."""
_FIRST_UID = 20_001

CTDB_CONF = f"""
[cluster]
  cluster lock = {SHARED}/.ctdb/lock
[legacy]
  realtime scheduling = false
"""
# By default a node that is cut off is missed after 25 s, and nobody recovers its locks until then.
TUNABLES = """
KeepaliveInterval=2
KeepaliveLimit=5
"""
SMB_CONF = f"""
[global]
  clustering = yes
  netbios name = FILES
  server multi channel support = no
  server smb encrypt = desired
  disable netbios = yes
  disable spoolss = yes
  load printers = no
  log level = 1
  vfs objects = fileid
  fileid:algorithm = fsname
  kernel share modes = no
  kernel oplocks = no
  posix locking = no
[{SHARE}]
  path = {DATA}
  read only = no
[{ABOUT}]
  path = /etc/{ABOUT}
"""
GLUSTER_SETTINGS = {
    # By default everybody waits 42 s for a server that is cut off...
    "network.ping-timeout": "10",
    # ... and locks of a node that is cut off are kept as long, CTDB's cluster lock too.
    "server.tcp-user-timeout": "10",
    "server.keepalive-time": "5",
    "server.keepalive-interval": "1",
    "server.keepalive-count": "5",
    # A node that keeps what it has seen does not see what others have changed since.
    "performance.stat-prefetch": "off",
    "performance.quick-read": "off",
    "performance.io-cache": "off",
    "performance.read-ahead": "off",
    "performance.write-behind": "off",
}


MOUNT_OPTIONS = "attribute-timeout=0,entry-timeout=0"
"""By default the kernel asks for a size or for a name once in a second."""


class Node(Machine):
    """A machine with smbd and ctdbd; `number` is CTDB's."""

    def __init__(self, number: int, addresses: Sequence[str], folder: Path) -> None:
        super().__init__(f"node{number}", addresses[number], folder)
        self.number = number
        self._write("ctdb/nodes", "".join(f"{each}\n" for each in addresses))
        self._write("ctdb/ctdb.conf", CTDB_CONF)
        self._write("ctdb/ctdb.tunables", TUNABLES)
        self._write("samba/smb.conf", SMB_CONF)
        self._write(f"{ABOUT}/name", self.name)
        for file, rest in (("passwd", ":{}::/:/usr/sbin/nologin"), ("group", ":")):
            kept = [
                line
                for line in (self.etc / file).read_text().splitlines()
                if line.partition(":")[0] not in USERS
            ]
            for number, user in enumerate(USERS, _FIRST_UID):
                kept.append(f"{user}:x:{number}{rest.format(number)}")
            self._write(file, "\n".join(kept) + "\n")

    def _write(self, name: str, text: str) -> None:
        path = self.etc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def start_ctdb(self) -> None:
        """Start ctdbd, which then finds the other nodes by itself."""
        self.run("ctdbd")

    def start_smbd(self) -> None:
        """Start smbd, and wait until it listens."""
        self.run("smbd", "-D")
        deadline = time.monotonic() + STARTING
        while not self.run("ss", "--no-header", "-lt", "sport = :445"):
            if time.monotonic() > deadline:
                raise MachineError(f"{self.name}: smbd does not listen")
            time.sleep(0.05)

    def stop_smbd(self) -> None:
        """Ask smbd to end, as for a new version of it."""
        self.run("sh", "-c", "kill $(cat /run/samba/smbd.pid)")

    def ctdb_states(self) -> dict[int, bool]:
        """Return whether each node is healthy, as this one sees it."""
        try:
            lines = self.run("ctdb", "-Y", "status").splitlines()
        except MachineError:
            return {}
        states = {}
        for line in lines:
            # Others are warnings, and the first one names the columns.
            number, _, *flags, _ = line.strip("|").split("|") if line[:1] == "|" else ("", "", "")
            if number.isdecimal():
                states[int(number)] = not any(int(flag) for flag in flags)
        return states

    def status(self) -> dict[str, Any]:
        """Return what smbd says about the whole cluster: sessions, open files and locks."""
        status: dict[str, Any] = json.loads(self.run("smbstatus", "--json"))
        return status

    def leader(self) -> int:
        """Return the number of the node that is CTDB's leader."""
        return int(self.run("ctdb", "leader").split()[-1])


class SambaCluster:
    """The nodes on a network, and what they share."""

    def __init__(
        self,
        stack: ExitStack,
        switch: NetworkSwitch,
        addresses: Sequence[str],
        files: Files,
        folder: Path,
    ) -> None:
        self.switch = switch
        self.files = files
        self._stack = stack
        self._folder = folder
        self.nodes = [Node(number, addresses, folder) for number in range(len(addresses))]

    def start(self) -> None:
        """Start all nodes, and wait until they are one cluster."""
        for node in self.nodes:
            node.start(self._stack)
            self.switch.attach(node)
        if self.files == "gluster":
            self._start_gluster()
        for node in self.nodes:
            self._mount(node)
        first = self.nodes[0]
        first.run("mkdir", "-p", f"{SHARED}/.ctdb", DATA)
        first.run("chmod", "1777", DATA)
        for node in self.nodes:
            node.start_ctdb()
        self.wait_healthy(self.nodes)
        for user in USERS:
            # The accounts are in a database of CTDB: all nodes have them.
            twice = f"{PASSWORD}\n" * 2
            first.run("smbpasswd", "-a", "-s", user, input=twice)
        for node in self.nodes:
            node.start_smbd()

    def restart(self, node: Node) -> None:
        """Start a node again that was killed, and wait until it is one of the cluster.

        It is once its files are as new as the others': else there might be no majority without the
        next node that is lost.
        """
        node.start(self._stack)
        self.switch.attach(node)
        if self.files == "gluster":
            node.run("glusterd")
        self._mount(node)
        if self.files == "gluster":
            self._wait_healed()
        node.start_ctdb()
        self.wait_healthy(self.nodes)
        node.start_smbd()

    def wait_healthy(self, nodes: Sequence[Node]) -> None:
        """Wait until each of these nodes says that they are healthy, and that the others are not.

        Raises `MachineError`.
        """
        wanted = {node.number: node in nodes for node in self.nodes}
        deadline = time.monotonic() + STARTING
        for node in nodes:
            while node.ctdb_states() != wanted:
                if time.monotonic() > deadline:
                    raise MachineError(node.run("ctdb", "status", check=False))
                time.sleep(0.1)

    def _start_gluster(self) -> None:
        starting = [node.popen("glusterd") for node in self.nodes]
        if any(process.wait() for process in starting):
            raise MachineError("glusterd does not start")
        first, *others = self.nodes
        for node in others:
            self._gluster("peer", "probe", node.address)
        deadline = time.monotonic() + STARTING
        while first.run("gluster", "peer", "status").count("(Connected)") < len(others):
            if time.monotonic() > deadline:
                raise MachineError("the servers of GlusterFS do not find each other")
            time.sleep(0.1)
        bricks = []
        for node in self.nodes:
            brick = node.folder / "brick"
            brick.mkdir()
            bricks.append(f"{node.address}:{brick}")
        count = str(len(bricks))
        self._gluster("volume", "create", VOLUME, "replica", count, *bricks, "force")
        for name, value in GLUSTER_SETTINGS.items():
            self._gluster("volume", "set", VOLUME, name, value)
        self._gluster("volume", "start", VOLUME)

    def _wait_healed(self) -> None:
        """Wait until each node uses all copies of the files, and none lacks anything."""
        deadline = time.monotonic() + STARTING
        copies = f"{SHARED}/.meta/graphs/active/{VOLUME}-client-*/private"
        wanted = len(self.nodes)
        for node in self.nodes:
            while (
                node.run("sh", "-c", f"cat {copies}", check=False).count("connected = 1") < wanted
                or node.run("gluster", "volume", "heal", VOLUME, "info").count("entries: 0")
                < wanted
            ):
                if time.monotonic() > deadline:
                    raise MachineError(node.run("gluster", "volume", "heal", VOLUME, "info"))
                time.sleep(0.5)

    def _gluster(self, *command: str) -> None:
        deadline = time.monotonic() + STARTING
        while True:
            try:
                self.nodes[0].run("gluster", "--mode=script", *command)
            except MachineError:
                # A server that was just found may be busy with being told of the others.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
            else:
                return

    def _mount(self, node: Node) -> None:
        if self.files == "folder":
            shared = self._folder / "shared"
            shared.mkdir(exist_ok=True)
            node.run("mount", "--bind", str(shared), SHARED)
            return
        deadline = time.monotonic() + STARTING
        while True:
            # The same name on each node: smbd tells files apart by the file system's name.
            place = (f"localhost:/{VOLUME}", SHARED)
            node.run("mount", "-t", "glusterfs", "-o", MOUNT_OPTIONS, *place, check=False)
            if node.run("findmnt", "--noheadings", SHARED, check=False):
                return
            if time.monotonic() > deadline:
                raise MachineError(f"{node.name}: GlusterFS cannot be mounted")
            time.sleep(0.5)


def processor_seconds(pids: Sequence[int]) -> float:
    """Return the processor time that these processes have taken so far."""
    # One that has just ended counts no more.
    return sum(process_usage.processor_seconds(pid) or 0.0 for pid in pids)


def proportional_memory(pids: Sequence[int]) -> int:
    """Return the memory that these processes have, in bytes: what they share counts once."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total
