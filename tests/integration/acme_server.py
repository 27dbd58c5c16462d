"""A real ACME server for tests: Let's Encrypt's pebble, with its DNS server, on loopback."""

import json
import os
import socket
import ssl
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smbquic.options.acme import AcmeOptions
from smbquic.pki import PkiDirectory

TIMEOUT = 60.0
EAB_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
"""The key of the external account `kid-1`, from pebble's example."""


@dataclass(frozen=True, kw_only=True)
class AcmePorts:
    """Where the programs listen, on 127.0.0.1."""

    directory: int
    management: int
    http: int
    dns: int
    records: int


@dataclass(frozen=True, kw_only=True)
class AcmeServer:
    """A pebble that runs. It asks for http-01 at `ports.http` of the loopback address."""

    ports: AcmePorts
    pki: PkiDirectory
    folder: Path

    @property
    def directory(self) -> str:
        return f"https://localhost:{self.ports.directory}/dir"

    @property
    def http(self) -> str:
        return f"127.0.0.1:{self.ports.http}"

    def options(self, **more: Any) -> AcmeOptions:
        """Options for a certificate for localhost, by http-01 on the port that it asks at."""
        return AcmeOptions(
            **{
                "names": ("localhost", "fs.example"),
                "email": "admin@fs.example",
                "directory": self.directory,
                "ca": self.pki.ca,
                "state": self.folder / "state",
                "http_listen": self.http,
                **more,
            }
        )

    def root(self) -> Path:
        """The root of what it issues, in a file."""
        context = ssl.create_default_context(cafile=self.pki.ca)
        url = f"https://localhost:{self.ports.management}/roots/0"
        path = self.folder / "root.pem"
        with urllib.request.urlopen(url, context=context, timeout=TIMEOUT) as answer:
            path.write_bytes(answer.read())
        return path

    def dns_hook(self) -> Path:
        """A hook in dehydrated's manner, which changes the records of the DNS server."""
        path = self.folder / "hook"
        path.write_text(
            textwrap.dedent(f"""\
                #!{sys.executable}
                import json, sys, urllib.request

                what, name, token, value = sys.argv[1:]
                action = {{"deploy_challenge": "set-txt", "clean_challenge": "clear-txt"}}[what]
                record = {{"host": f"_acme-challenge.{{name}}.", "value": value}}
                url = f"http://127.0.0.1:{self.ports.records}/{{action}}"
                urllib.request.urlopen(url, json.dumps(record).encode(), 60).close()
                with open({str(self.folder / "calls")!r}, "a") as calls:
                    print(what, name, file=calls)
            """)
        )
        path.chmod(0o700)
        return path


def free_ports() -> AcmePorts:
    """AcmePorts that nobody has right now, for programs that cannot pick one themselves."""
    with ExitStack() as stack:
        found = []
        for _ in range(5):
            link = stack.enter_context(socket.socket())
            link.bind(("127.0.0.1", 0))
            found.append(link.getsockname()[1])
    names = ("directory", "management", "http", "dns", "records")
    return AcmePorts(**dict(zip(names, found, strict=True)))


@contextmanager
def acme_server(
    folder: Path,
    pki: PkiDirectory,
    *,
    refused_nonces: int = 5,
    external_accounts: bool = False,
    ports: AcmePorts | None = None,
) -> Iterator[AcmeServer]:
    """Run pebble, which refuses so many of a hundred nonces."""
    server = AcmeServer(ports=ports or free_ports(), pki=pki, folder=folder)
    at = server.ports
    config = {
        "listenAddress": f"127.0.0.1:{at.directory}",
        "managementListenAddress": f"127.0.0.1:{at.management}",
        "certificate": str(pki.server.certificate),
        "privateKey": str(pki.server.key),
        "httpPort": at.http,
        "tlsPort": at.http,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": external_accounts,
        "externalAccountMACKeys": {"kid-1": EAB_KEY} if external_accounts else {},
        "retryAfter": {"authz": 1, "order": 1},
        "certificateValidityPeriod": 90 * 86400,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
    dns = [
        *("pebble-challtestsrv", "-dns01", f"127.0.0.1:{at.dns}"),
        *("-management", f"127.0.0.1:{at.records}", "-defaultIPv6", ""),
        *("-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""),
    ]
    pebble = [
        *("pebble", "-strict", "-config", str(folder / "pebble.json")),
        *("-dnsserver", f"127.0.0.1:{at.dns}"),
    ]
    variables = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(refused_nonces)}
    with (
        _running(dns, folder / "dns.log", {}, at.records),
        _running(pebble, folder / "pebble.log", variables, at.directory),
    ):
        yield server


@contextmanager
def _running(
    command: list[str], log: Path, variables: Mapping[str, str], port: int
) -> Iterator[None]:
    """Run a program until the end, from the moment that it accepts connections."""
    with (
        log.open("ab") as output,
        subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **variables}
        ) as process,
    ):
        try:
            while not _accepts(port):
                assert process.poll() is None, log.read_text()
                time.sleep(0.02)
            yield
        finally:
            process.kill()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), TIMEOUT).close()
    except ConnectionRefusedError:
        return False
    return True
