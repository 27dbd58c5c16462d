"""`smbquic relay`: QUIC for clients that only know TCP."""

import asyncio
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from smbquic.api import relay as api
from smbquic.api.listen import ListenAddress
from smbquic.api.stop import stop_event
from smbquic.cli.client import URL, config_option, options_of
from smbquic.cli.command import command, json_option, option
from smbquic.cli.loop import notify_systemd, run
from smbquic.cli.options import Given, takes
from smbquic.cli.output import emit, warn
from smbquic.client.url import SmbUrl
from smbquic.options.client import RelayOptions
from smbquic.transport.addresses import is_wildcard

_ANY_PORT = "tcp://127.0.0.1:0"


@command("relay")
@takes(RelayOptions)
@click.argument(
    "words",
    metavar="URL... [-- COMMAND...]",
    nargs=-1,
    required=True,
    shell_complete=lambda context, parameter, text: URL.shell_complete(context, parameter, text),
)
@option("--once", is_flag=True, help="Run COMMAND, and end when it ends, with its exit code.")
@json_option
@config_option
def relay(words: tuple[str, ...], *, given: Given, once: bool, as_json: bool) -> None:
    """Carry local TCP connections to a server over QUIC.

    The server's certificate is checked. Of several servers, each connection goes to the first
    that answers.

    \b
    smbquic relay --listen tcp://127.0.0.1:4450 smb+quic://fs.example
    smbclient //127.0.0.1/data -p 4450 -U alice
    mount -t cifs //127.0.0.1/data /mnt -o port=4450,username=alice,vers=3.1.1

    With --once, {port} in COMMAND stands for the port, which is a free one unless --listen
    names it.

    \b
    smbquic relay --once smb+quic://fs.example -- smbclient -p {port} -L localhost
    """
    urls, arguments = _split(words, once=once)
    options = vars(options_of(RelayOptions, given[RelayOptions], urls[0]))
    if once and "listen" not in given[RelayOptions]:
        options = {**options, "listen": _ANY_PORT}

    def lost(text: str) -> None:
        if as_json:
            emit({"event": "server-lost", "reason": text})
        else:
            warn(text)

    async def work() -> int:
        code = 0
        async with api.relay(urls, **options, on_lost=lost) as listener:
            # A program that reads that the relay is ready may end it at once.
            with stop_event() as stop:
                if as_json:
                    emit({"event": "ready", "listeners": [listener]})
                elif not once:
                    _announce(listener, urls[0])
                notify_systemd("READY=1")
                if once:
                    code = await _run_command(arguments, listener, stop)
                else:
                    await stop.wait()
        if as_json:
            emit({"event": "stopped"})
        return code

    code = run(work())
    if code:
        raise click.exceptions.Exit(code)


def _split(words: Sequence[str], *, once: bool) -> tuple[list[SmbUrl], list[str]]:
    """Return the URLs, and the command, which begins with the first word that has no colon."""
    count = next((place for place, word in enumerate(words) if ":" not in word), len(words))
    urls, arguments = words[:count], list(words[count:])
    if arguments and not once:
        raise click.UsageError(f"{arguments[0]!r} is no URL; a command needs --once")
    if once and not arguments:
        raise click.UsageError("--once needs a command: add -- COMMAND")
    if not urls:
        raise click.UsageError("there is no URL of a server before the command")
    return [URL.convert(each, None, None) for each in urls], arguments


async def _run_command(arguments: Sequence[str], listener: str, stop: asyncio.Event) -> int:
    """Run a command to its end, and return its exit code; when `stop` is set, ask it to end.

    Raises `OSError` for one that cannot be run.
    """
    port = str(ListenAddress.parse(listener).port)
    words = [each.replace("{port}", port) for each in arguments]
    try:
        process = await asyncio.create_subprocess_exec(*words)
    except OSError as error:
        raise OSError(error.errno, error.strerror, words[0]) from error
    ended = asyncio.create_task(process.wait())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not ended.done():
        # Its end is waited for: it may have something to finish over the connection.
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    code = await ended
    # As shells have it for a command that was ended by a signal.
    return 128 - code if code < 0 else code


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
