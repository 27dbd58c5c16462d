"""`smbquic access`: check whether a client certificate may connect, and why."""

from pathlib import Path

import click

from smbquic import config
from smbquic.cli.command import command_group, json_option, option
from smbquic.cli.failure import ExitCode
from smbquic.cli.output import emit, printable
from smbquic.pki.access import Decision
from smbquic.pki.checks import CertificateError
from smbquic.pki.container import ders, read_certificates
from smbquic.pki.reload import ServerCertificates

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@command_group("access")
def group() -> None:
    """Check which client certificates may connect."""


@group.command("check")
@click.argument("certificate", type=_FILE)
@option("-c", "--config", "config_file", type=_FILE, required=True, help="The server's file.")
@option(
    "--name", default="", metavar="NAME", help="The name of the server that the client asks for."
)
@option("--user", metavar="NAME", help="The user to log on as.")
@json_option
def check(
    certificate: Path, config_file: Path, name: str, user: str | None, *, as_json: bool
) -> None:
    """Show whether a client may connect, by which rule, and why.

    With --user it also shows whether the client may log on as that user with the right password.

    The exit code is 0 if it may, else 4. CERTIFICATE is PEM or DER.

    \b
    smbquic access check alice.pem -c /etc/smbquic.toml
    smbquic access check alice.pem -c /etc/smbquic.toml --user alice
    """
    chain = ders(read_certificates(certificate))
    users: list[str] | None = None
    try:
        shown = ServerCertificates(config.load(config_file).certificates)
        decision = _decide(shown, name, chain)
        if decision.granted:
            users = shown.users(name, chain)
            if user is not None:
                decision = shown.decide_logon(name, chain, user) or decision
        reason = None
    except CertificateError as error:
        decision, reason = Decision(False, str(error)), error.reason
    if as_json:
        emit(
            {
                "granted": decision.granted,
                "why": decision.reason,
                "rule": decision.rule,
                "certificate": decision.certificate,
                "invalid": reason,
                "users": users,
            }
        )
    else:
        click.echo(printable(str(decision)))
        if users is not None and user is None:
            click.echo(printable(f"may log on as: {', '.join(users) or 'nobody'}"))
    if not decision.granted:
        raise click.exceptions.Exit(ExitCode.TRANSPORT)


def _decide(shown: ServerCertificates, name: str, chain: list[bytes]) -> Decision:
    if shown.find(name) is None:
        asked = f"the name {name!r}" if name else "clients that ask for no name"
        return Decision(False, f"the server has no certificate for {asked}, and no default")
    decision = shown.decide(name, chain)
    return decision or Decision(True, "client certificates are not asked for")
