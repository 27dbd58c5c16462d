"""`smbquic relay`: QUIC for clients that only know TCP."""

import shlex
import sys

import click

from smbquic.api import relay as api
from smbquic.api.listen import ListenAddress
from smbquic.api.stop import stop_event
from smbquic.cli.client import URL, config_option, options_of
from smbquic.cli.command import command, json_option
from smbquic.cli.loop import run
from smbquic.cli.options import Given, takes
from smbquic.cli.output import emit
from smbquic.client.url import SmbUrl
from smbquic.options.client import RelayOptions
from smbquic.transport.addresses import is_wildcard


@command("relay")
@takes(RelayOptions)
@click.argument("url", type=URL)
@json_option
@config_option
def relay(url: SmbUrl, *, given: Given, as_json: bool) -> None:
    """Carry local TCP connections to a server over QUIC.

    The server's certificate is checked.

    \b
    smbquic relay --listen tcp://127.0.0.1:4450 smb+quic://fs.example
    smbclient //127.0.0.1/data -p 4450 -U alice
    mount -t cifs //127.0.0.1/data /mnt -o port=4450,username=alice,vers=3.1.1
    """
    options = options_of(RelayOptions, given[RelayOptions], url)

    async def work() -> None:
        async with api.relay(url, **vars(options)) as listener:
            # A program that reads that the relay is ready may end it at once.
            with stop_event() as stop:
                if as_json:
                    emit({"event": "ready", "listeners": [listener]})
                else:
                    _announce(listener, url)
                await stop.wait()
        if as_json:
            emit({"event": "stopped"})

    run(work())


def _announce(listener: str, url: SmbUrl) -> None:
    """Say where the relay is, what to type, and why a list of shares may stay empty."""
    click.echo(f"relaying {listener} to {url}, Ctrl-C ends")
    address = ListenAddress.parse(listener)
    host = "127.0.0.1" if is_wildcard((address.host, address.port)) else address.host
    share, user = url.share or "SHARE", url.user or "USER"
    line = ["smbclient", f"//{host}/{share}", "-p", str(address.port), "-U", user]
    click.echo(f"  {shlex.join(line)}")
    if url.transport == "quic":
        # Samba's client says nothing about a refusal.
        click.echo(
            "most servers do not list their shares over QUIC, and smbclient -L shows none then"
            " (ours do with --pipes-over-quic)"
        )
    sys.stdout.flush()
