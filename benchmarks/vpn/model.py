"""The model of an IPsec VPN: `benchmarks.vpn.esp_model` at both ends."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

from benchmarks.headers import Headers
from benchmarks.link import Network
from benchmarks.ports import VPN_PORT
from benchmarks.programs import ProgramError, terminate
from benchmarks.vpn import esp_model
from benchmarks.vpn.base import CLIENT, SERVER, TunnelEnds, namespaces_of
from benchmarks.workspace import Workspace


class Model:
    """The bytes and the cipher of ESP in UDP, and nothing else of IPsec."""

    programs: ClassVar[dict[str, str]] = {}
    # Two bytes of trailer fill the padding up: none is left in a full packet.
    headers = Headers.tunnelled(
        esp_model.MTU, around=esp_model.UDP_AND_IP + esp_model.HEADER.size + esp_model.TAG + 2
    )

    def lacking(self) -> list[str]:
        """See `Tunnel`."""
        return []

    @contextmanager
    def between(self, network: Network, workspace: Workspace) -> Iterator[TunnelEnds]:
        """See `Tunnel`."""
        client, server = namespaces_of(network)
        key = secrets.token_hex(16)
        processes: list[subprocess.Popen[Any]] = []
        with ExitStack() as stack:
            for namespace, inner, outer in (
                (server, SERVER, "-"),
                (client, CLIENT, server.address),
            ):
                process = namespace.popen(
                    [
                        *(sys.executable, "-m", "benchmarks.vpn.esp_model"),
                        *(inner, outer, str(VPN_PORT)),
                    ],
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
                    raise ProgramError(f"the model ended with exit code {process.wait()}")
            yield TunnelEnds(server=processes[0], client=processes[1])
