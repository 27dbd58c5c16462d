"""`smbquic ping`: connect to a server, show what was negotiated, and time ECHO requests."""

import time
from contextlib import AsyncExitStack
from statistics import median
from typing import Any

import click

from smbquic.api.client import open_connection
from smbquic.cli.client import URL, Client, client_command
from smbquic.cli.command import command, option
from smbquic.cli.loop import run
from smbquic.cli.output import counted, emit, warn
from smbquic.client.connection import ClientConnection
from smbquic.client.late_imports import import_client
from smbquic.client.session import Session
from smbquic.client.url import SmbUrl
from smbquic.lazy_dataclass import dataclass
from smbquic.options.client import ConnectionOptions
from smbquic.options.model import values_of
from smbquic.pki.explain import days_left, expires_soon
from smbquic.pki.subject import now_utc
from smbquic.pki.verification import parse_der
from smbquic.transport.base import Peer
from smbquic.transport.resolver import SYSTEM


@dataclass(slots=True)
class Ping:
    """The connection of a ping, and the times of its ECHO requests in milliseconds.

    `session` is None if nobody has logged on.
    """

    connection: ClientConnection
    session: Session | None
    milliseconds: list[float]

    def channels(self) -> list[str]:
        """Return the addresses that the session has connections to."""
        connections = (
            [self.connection] if self.session is None else self.session.channels.connections
        )
        return [_address(connection.transport.peer) for connection in connections]

    def document(self, url: SmbUrl) -> dict[str, Any]:
        """Return the whole result for --json."""
        transport = self.connection.transport
        peer, path = transport.peer, transport.statistics()
        # None if no certificate was verified.
        certificate = parse_der(peer.certificates[0]) if peer.certificates else None
        negotiated = self.connection.protocol.negotiated
        assert negotiated is not None
        seconds = self.connection.stages.seconds()
        return {
            "url": str(url),
            "transport": peer.kind,
            "address": _address(peer),
            "channels": self.channels(),
            "resolved_by": peer.resolved_by,
            "engine": peer.engine or None,
            "engine_reason": peer.engine_reason or None,
            "alpn": peer.alpn or None,
            "tls_cipher": peer.cipher or None,
            "tls_group": peer.group or None,
            "resumed": peer.resumed if peer.kind == "quic" else None,
            "datagram_size": path.datagram_size,
            **path.figures(),
            "stages_ms": {stage: round(each * 1000, 2) for stage, each in seconds.items()},
            "handshake_ms": round(peer.handshake_seconds * 1000, 2),
            "dialect": negotiated.dialect.label,
            "signing": negotiated.signing_algorithm.name,
            "smb_encryption": negotiated.cipher.name if negotiated.cipher else None,
            "encryption_left_to_quic": negotiated.transport_security,
            "logged_on": self.session is not None,
            "certificate_days_left": certificate and days_left(certificate),
            "certificate_expires_soon": certificate and expires_soon(certificate, now_utc()),
            "echo_ms": [round(value, 3) for value in self.milliseconds],
        }


def _address(peer: Peer) -> str:
    return f"{peer.remote[0]}:{peer.remote[1]}"


@command("ping")
@click.argument("url", type=URL)
@option(
    "-c",
    "--count",
    type=click.IntRange(1, 1000),
    default=4,
    show_default=True,
    metavar="NUMBER",
    help="How many ECHO requests to send.",
)
@client_command
def ping(client: Client, url: SmbUrl, *, count: int) -> None:
    """Connect, show what was negotiated, and time some ECHO requests.

    \b
    smbquic ping smb+quic://fs.example            connect only
    smbquic ping smb+quic://alice@fs.example      log on too

    A warning says that the server's certificate ends within 30 days, or is in the
    last quarter of a shorter life.
    """

    import_client(url.transport)
    logged_on = bool(url.user) or client.options(url).guest

    async def work() -> None:
        async with AsyncExitStack() as stack:
            session = None
            if logged_on:
                session = await stack.enter_async_context(client.session(url))
                await session.channels.settled.wait()
                connection = session.connection
            else:
                connection = await stack.enter_async_context(
                    open_connection(url, **values_of(client.options(url), ConnectionOptions))
                )
            milliseconds = []
            for number in range(count):
                started = time.perf_counter()
                await connection.echo()
                milliseconds.append((time.perf_counter() - started) * 1000)
                if number == 0 and not client.as_json:
                    _print_connection(Ping(connection, session, milliseconds).document(url))
                if not client.as_json:
                    click.echo(f"echo {number + 1}: {milliseconds[-1]:.2f} ms")
            if client.as_json:
                emit(Ping(connection, session, milliseconds).document(url))
            else:
                lost = connection.transport.statistics().lost_packets
                click.echo(
                    f"min/median/max {min(milliseconds):.2f}/{median(milliseconds):.2f}"
                    f"/{max(milliseconds):.2f} ms"
                    + ("" if lost is None else f", {lost} packets lost")
                )

    run(work())


def _print_connection(found: dict[str, Any]) -> None:
    stages = found["stages_ms"]
    each = ", ".join(f"{stage} {milliseconds:.1f}" for stage, milliseconds in stages.items())
    click.echo(
        f"{found['url']}: {found['transport'].upper()} to {found['address']},"
        f" connected in {sum(stages.values()):.1f} ms ({each})"
    )
    if len(found["channels"]) > 1:
        click.echo(f"{len(found['channels'])} connections: {', '.join(found['channels'])}")
    if found["resolved_by"] != SYSTEM:
        click.echo(f"the name was resolved by {found['resolved_by']}")
    if found["transport"] == "quic":
        click.echo(_quic_line(found))
    if found["encryption_left_to_quic"]:
        encryption = "encryption left to QUIC"
    else:
        encryption = f"encryption {found['smb_encryption'] or 'not offered'}"
    if found["certificate_expires_soon"]:
        days = found["certificate_days_left"]
        left = counted(days, "day") if days > 0 else "less than a day"
        warn(f"the server's certificate expires in {left}: renew it on the server")
    logged_on = "logged on" if found["logged_on"] else "not logged on"
    click.echo(f"SMB {found['dialect']}, signing {found['signing']}, {encryption}, {logged_on}")


def _quic_line(found: dict[str, Any]) -> str:
    measured = ["session resumed"] if found["resumed"] else []
    measured.append(f"datagrams of {found['datagram_size']} bytes")
    if found["round_trip_ms"] is not None:
        measured.append(f"round trip {found['round_trip_ms']:.2f} ms")
    return (
        f"engine {found['engine']} ({found['engine_reason']}), {found['tls_cipher']},"
        f" {found['tls_group']}, ALPN {found['alpn']}, {', '.join(measured)}"
    )
