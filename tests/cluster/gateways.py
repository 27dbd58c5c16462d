"""Gateways in front of a cluster, each on a machine of its own."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smbquic.pki import PkiDirectory
from tests.cluster.machines import Machine, MachineError, children, only_child

STARTING = 30.0
WORKERS = 2
_ROOT = Path(__file__).parents[2]


class GatewayMachine(Machine):
    """A machine that runs `smbquic gateway` with back ends and their weights."""

    def __init__(
        self, number: int, address: str, backends: Sequence[str], pki: PkiDirectory, folder: Path
    ) -> None:
        super().__init__(f"gateway{number}", address, folder)
        self._pki = pki
        self._process: subprocess.Popen[str] | None = None
        self.process_id = 0
        self._configuration = self.folder / "gateway.toml"
        self.configure(dict.fromkeys(backends, 1))

    def configure(self, weights: dict[str, int]) -> None:
        """Write the configuration, with a weight for the address of each back end."""
        backends = json.dumps([f"tcp://{host}:445 weight={w}" for host, w in weights.items()])
        server = self._pki.server
        self._configuration.write_text(
            f'listen = ["quic://{self.address}:443"]\nworkers = {WORKERS}\n'
            f"[gateway]\nhealth_interval = 1\n"
            f"[gateway.pools.files]\nbackends = {backends}\n"
            f'[[certificate]]\nfile = "{server.certificate}"\nkey = "{server.key}"\n'
        )

    def serve(self) -> None:
        """Start the gateway, and wait until it listens."""
        log = self.folder / "gateway.log"
        with log.open("a") as errors:
            self._process = self.popen(
                *(sys.executable, "-m", "smbquic", "-v", "gateway"),
                *("-c", str(self._configuration), "--json"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=_ROOT,
            )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], STARTING)
        if not ready or not self._process.stdout.readline():
            raise MachineError(f"{self.name} does not start:\n{log.read_text()}")
        self.process_id = only_child(self._process.pid)

    def reload(self) -> None:
        """Have it read its configuration again."""
        os.kill(self.process_id, signal.SIGHUP)

    def kill_process(self) -> None:
        """Kill the gateway, and not its machine."""
        os.kill(self.process_id, signal.SIGKILL)
        self.wait()

    def kill_worker(self) -> None:
        """Kill one of its worker processes, which it then starts again."""
        os.kill(children(self.process_id)[0], signal.SIGKILL)

    def wait(self) -> None:
        """Wait until the gateway has ended, which it was told or whose machine was killed."""
        if self._process is not None and self._process.stdout is not None:
            self._process.wait()
            self._process.stdout.close()

    def backends(self) -> dict[str, dict[str, Any]]:
        """Return what the gateway says about its back ends, by their addresses."""
        text = self.run(sys.executable, "-m", "smbquic", "status", "--json")
        status = json.loads(text)
        [pool] = status["pools"]
        return {each["url"].split("/")[2].partition(":")[0]: each for each in pool["backends"]}
