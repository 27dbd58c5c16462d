"""`smbquic probe`: show which step of a connection fails, why, and what to do about it."""

from contextlib import aclosing
from typing import Any

import click

from smbquic.cli.client import URL, Client, client_command
from smbquic.cli.command import command
from smbquic.cli.failure import ExitCode, exit_code
from smbquic.cli.loop import run
from smbquic.cli.output import emit, printable
from smbquic.client.probe import failure, probe
from smbquic.client.probe_results import ProbeOptions, ProbeOutcome, ProbeResult, ProbeStep
from smbquic.client.transports import (
    optional_path,
    quic_options,
    trust_from_files,
    urls_to_try,
)
from smbquic.client.url import SmbUrl
from smbquic.options.client import ResolverOptions
from smbquic.options.model import values_of
from smbquic.transport.quic import ClientTls
from smbquic.transport.resolver import Resolver

_MARKS = {
    ProbeOutcome.OK: "ok     ",
    ProbeOutcome.WARNING: "warning",
    ProbeOutcome.FAILED: "FAILED ",
    ProbeOutcome.SKIPPED: "skipped",
}
_PAGE = "docs/howto/troubleshooting.md"
"""A page of the documentation with a section for each step."""
_EXIT_CODES = {ProbeStep.LOGON: ExitCode.AUTHENTICATION, ProbeStep.SHARE: ExitCode.REFUSED}


@command("probe")
@click.argument("url", type=URL)
@client_command
def probe_command(client: Client, url: SmbUrl) -> None:
    """Show which step of a connection fails, why, and what to do.

    The steps: name, addresses, reachability, quic-version, tls, alpn, certificate,
    client-certificate, negotiate, logon, share. A name with addresses of IPv6 and IPv4 is tried
    over each, up to negotiate. Works with any server of SMB over QUIC. The exit code is 4 up to
    negotiate, 3 for the logon, 5 for the share, and 1 if only one of IPv6 and IPv4 works.

    \b
    smbquic probe smb+quic://fs.example                 without a logon
    smbquic probe smb+quic://alice@fs.example/data      all of it
    """
    if client.options(url).guest:
        raise click.UsageError("probe logs on with a password: leave out --guest")
    # Each step is that of one transport: the preferred one.
    url = urls_to_try(url, client.options(url).transport)[0]
    options = _options(client, url)

    async def work() -> list[ProbeResult]:
        results = []
        async with aclosing(probe(url, options)) as steps:
            async for result in steps:
                results.append(result)
                if not client.as_json:
                    _print(result)
        return results

    results = run(work())
    failed = failure(results)
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
    if any(each.outcome is ProbeOutcome.FAILED for each in results):
        raise click.exceptions.Exit(ExitCode.PARTLY)


def _options(client: Client, url: SmbUrl) -> ProbeOptions:
    given = client.options(url)
    return ProbeOptions(
        trust=trust_from_files(optional_path(given.ca), optional_path(given.crl)),
        insecure=given.insecure,
        client=ClientTls(
            certificate=optional_path(given.client_certificate), key=optional_path(given.client_key)
        ),
        password=client.password(url) if url.user else None,
        quic=quic_options(given),
        resolver=Resolver(**values_of(given, ResolverOptions)),
        timeout=given.timeout,
    )


def _code(failed: ProbeResult) -> ExitCode:
    if failed.error is not None and failed.step in (ProbeStep.LOGON, ProbeStep.SHARE):
        code = exit_code(failed.error)
        return code if code is not ExitCode.PARTLY else _EXIT_CODES[failed.step]
    return ExitCode.TRANSPORT


def _document(result: ProbeResult) -> dict[str, Any]:
    return {
        "step": result.step,
        "family": result.family or None,
        "outcome": result.outcome,
        "text": result.text,
        "advice": result.advice or None,
        "help": _help(result),
        **result.details,
    }


def _print(result: ProbeResult) -> None:
    where = f" over {result.family}" if result.family else ""
    click.echo(f"{_MARKS[result.outcome]}  {result.step}{where}: {printable(result.text)}")
    if result.advice:
        click.echo(f"         what to do: {printable(result.advice)}")
    if (page := _help(result)) is not None:
        click.echo(f"         more: {page}")


def _help(result: ProbeResult) -> str | None:
    """Return the section of the documentation about a step that failed."""
    return f"{_PAGE}#{result.step}" if result.outcome is ProbeOutcome.FAILED else None
