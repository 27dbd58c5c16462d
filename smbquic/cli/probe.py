"""`smbquic probe`: which step fails, why, and what to do about it."""

from contextlib import aclosing
from typing import Any

import click

from smbquic.cli.client import URL, Client, client_command
from smbquic.cli.failure import ExitCode, exit_code
from smbquic.cli.loop import run
from smbquic.cli.output import emit, printable
from smbquic.client.dial import given_trust
from smbquic.client.probe import Outcome, ProbeOptions, Result, Step, probe
from smbquic.client.url import SmbUrl
from smbquic.transport.quic import ClientTls, QuicOptions
from smbquic.transport.resolver import Resolver

_MARKS = {
    Outcome.OK: "ok     ",
    Outcome.WARNING: "warning",
    Outcome.FAILED: "FAILED ",
    Outcome.SKIPPED: "skipped",
}
_EXIT_CODES = {Step.LOGON: ExitCode.AUTHENTICATION, Step.SHARE: ExitCode.REFUSED}


@click.command("probe")
@click.argument("url", type=URL)
@client_command
def command(client: Client, url: SmbUrl) -> None:
    """Try each step of a connection, and say which one fails, why, and what to do.

    The steps: name, addresses, reachability, quic-version, tls, alpn, certificate,
    client-certificate, negotiate, logon, share. Works with any server of SMB over QUIC. The exit
    code is 4 up to negotiate, 3 for the logon, 5 for the share.

    \b
    smbquic probe smb+quic://fs.example                 without a logon
    smbquic probe smb+quic://alice@fs.example/data      all of it
    """
    options = ProbeOptions(
        trust=given_trust(client.ca, client.crl),
        insecure=client.insecure,
        client=ClientTls(certificate=client.client_cert, key=client.client_key),
        password=client.password(url) if url.user else None,
        quic=QuicOptions(engine=client.engine, congestion=client.congestion),
        resolver=Resolver(client.dns, client.doh_url),
        timeout=client.timeout,
    )

    async def work() -> list[Result]:
        results = []
        async with aclosing(probe(url, options)) as steps:
            async for result in steps:
                results.append(result)
                if not client.as_json:
                    _print(result)
        return results

    results = run(work())
    last = results[-1]
    failed = last if last.outcome is Outcome.FAILED else None
    if client.as_json:
        emit(
            {
                "url": str(url),
                "failed": failed.step if failed else None,
                "steps": [_document(each) for each in results],
            }
        )
    if failed is not None:
        raise click.exceptions.Exit(_code(failed))


def _code(failed: Result) -> ExitCode:
    if failed.error is not None and failed.step in (Step.LOGON, Step.SHARE):
        code = exit_code(failed.error)
        return code if code is not ExitCode.PARTLY else _EXIT_CODES[failed.step]
    return ExitCode.TRANSPORT


def _document(result: Result) -> dict[str, Any]:
    return {
        "step": result.step,
        "outcome": result.outcome,
        "text": result.text,
        "advice": result.advice or None,
        **result.details,
    }


def _print(result: Result) -> None:
    click.echo(f"{_MARKS[result.outcome]}  {result.step}: {printable(result.text)}")
    if result.advice:
        click.echo(f"         what to do: {printable(result.advice)}")


COMMANDS = (command,)
