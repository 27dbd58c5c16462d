"""`smbquic serve`: share folders."""

import os
import secrets
import socket
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from smbquic import config
from smbquic.api import server as api
from smbquic.api.listen import ListenAddress, check_listen
from smbquic.api.serving import Serving
from smbquic.api.stop import stop_event
from smbquic.auth.users import UserStore, check_name
from smbquic.cli.announcement import Announcement, machine_name, names_of
from smbquic.cli.command import command, json_option, option
from smbquic.cli.loop import frozen_program, on_hangup, run, tell_ready
from smbquic.cli.options import Given, takes
from smbquic.cli.output import emit, warn
from smbquic.cli.passwords import ask_new
from smbquic.cli.privileges import ProcessAccount
from smbquic.cli.server_account import account_of, drop_privileges, open_audit
from smbquic.cli.server_certificate import (
    given_certificate,
    has_certificate,
    private_certificate,
)
from smbquic.cli.shares import collect
from smbquic.cli.status import answering
from smbquic.client.url import PORTS
from smbquic.errors import EXAMPLE_PORT, ListenError, SmbError
from smbquic.observe.audit import RotatingFile, Sink
from smbquic.options.audit import AuditOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.limits import Limits
from smbquic.options.model import values_of
from smbquic.options.server import DEFAULT_LISTEN, ProgramOptions, ServerOptions
from smbquic.pki.server_certificate import ServerCertificate
from smbquic.server.share import ServedShare
from smbquic.transport.addresses import is_ip_address, is_wildcard

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
_USER = "user"
"""Who logs on with the password that is made up where nobody was named."""
_WITHOUT_RIGHTS = (f"quic://0.0.0.0:{EXAMPLE_PORT}",)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is served, with all that had to be looked at before anything begins.

    `ca` is the authority to trust where that may be unknown to clients, `password` one that was
    made up, `machine` what this machine calls itself. With `certified` the certificate was given.
    """

    config_file: Path | None
    settings: config.Configuration
    shares: dict[str, ServedShare]
    certificates: Sequence[IdentityFiles]
    certified: bool
    ca: Path | None
    account: ProcessAccount | None
    audit: Sink | None
    audit_unauthenticated: Sink | None
    machine: str
    password: str | None

    def options(self) -> dict[str, Any]:
        """What `serve` of the library takes."""
        settings = self.settings
        return {
            **values_of(settings, ServerOptions),
            "listen": settings.listen,
            "target_names": (*settings.target_names, socket.getfqdn()),
            "certificates": self.certificates,
            "audit": self.audit,
            "audit_unauthenticated": self.audit_unauthenticated,
            "audit_files": settings.audit is not None and settings.audit.file_access,
        }

    @property
    def watched(self) -> list[Path]:
        """The files that are read again."""
        files = [path for each in self.certificates for path in each.watched]
        return [*files, self.config_file] if self.config_file else files

    def announcement(self, serving: Serving) -> Announcement:
        """What clients have to know."""
        settings = self.settings
        return Announcement(
            serving=serving,
            names=settings.private_names or (names_of(serving) if self.certified else ()),
            machine=self.machine,
            users=settings.users.names(),
            password=self.password,
            guest=settings.guest,
            ca=self.ca,
            client_certificate=any(each.client_ca for each in self.certificates),
        )


@command("serve")
@click.argument("folders", metavar="[FOLDER]...", type=_FOLDER, nargs=-1)
@option("-c", "--config", "config_file", type=_FILE, help="A configuration file, TOML.")
@option(
    "--share",
    "shares",
    multiple=True,
    metavar="NAME=PATH[:ro]",
    help="Share a folder under a name, :ro to read only; memory: in place of PATH shares an empty"
    " tree in memory (memory:BYTES,FILES sets its bounds, 256M,10000 by default). Repeatable.",
)
@option(
    "--user",
    "users",
    multiple=True,
    metavar="NAME[:PASSWORD]",
    help="Who may log on. Repeatable.",
)
@takes(ProgramOptions, IdentityFiles, Limits, AuditOptions, files_exist=True)
@json_option
def serve(
    folders: tuple[Path, ...],
    config_file: Path | None,
    shares: tuple[str, ...],
    users: tuple[str, ...],
    *,
    given: Given,
    as_json: bool,
) -> None:
    """Share folders over QUIC, and over TCP where asked for.

    \b
    smbquic serve .
    smbquic serve --share data=/srv/data --user alice
    smbquic serve --share pub=/srv/pub:ro --users users.txt --cert fs.pfx
    smbquic serve -c /etc/smbquic.toml

    A FOLDER is shared under its own name. Without users, one is made up and the
    password shown once; without --listen, another port is taken where 443
    cannot be had.

    Without --cert a private CA is made and kept; the clients have to be told to trust it.
    Certificates are read again when their files change. SIGHUP has the configuration file's
    certificates and access rules read again, and the audit file begun anew.
    """
    base = config.load(config_file) if config_file else config.Configuration(users=UserStore())
    settings = config.merged(base, given)
    served = collect(settings, shares, folders)
    if folders and not config_file and "listen" not in given[ProgramOptions]:
        settings = replace(settings, listen=_find_port())
    for text in users:
        check_name(text.partition(":")[0])
    is_open = bool(users or settings.users.names() or settings.guest)
    if not (is_open or folders):
        raise click.UsageError("nobody could log on: add --user NAME, --users FILE or --guest")
    run(check_listen(settings.listen))
    certificates, ca = _certificates(settings, given, config_file)
    account = account_of(settings.run_as)
    audit, unauthenticated = _audit(settings.audit, account)
    for each in certificates:
        ServerCertificate.load(each)
    machine = machine_name()
    # Last of all: nobody is to type a password in vain.
    _add_users(settings.users, users)
    plan = _Plan(
        config_file=config_file,
        settings=settings,
        shares=served,
        certificates=certificates,
        certified="certificate" in given[IdentityFiles] or bool(settings.certificates),
        ca=ca,
        account=account,
        audit=audit,
        audit_unauthenticated=unauthenticated,
        machine=machine,
        password=None if is_open else _made_up(settings.users),
    )
    _allow_many_files()
    run(_serve(plan, as_json=as_json))


async def _serve(plan: _Plan, *, as_json: bool) -> None:
    """Serve until somebody asks for the end, and until clients have finished."""
    seconds = plan.settings.limits.drain_seconds
    async with api.serve(plan.shares, plan.settings.users, **plan.options()) as serving:
        drop_privileges(plan.account, plan.watched, plan.settings.audit)
        async with answering(serving):
            # Who is told of the server may end it at once.
            with (
                frozen_program(),
                stop_event() as stop,
                on_hangup(lambda: _reload(serving, plan, as_json=as_json)),
            ):
                _announce(plan.announcement(serving), as_json=as_json)
                tell_ready()
                await stop.wait()
                stop.clear()
                if as_json:
                    emit({"event": "draining", "seconds": seconds})
                await serving.drain(seconds, stop)
    if as_json:
        emit({"event": "stopped"})


def _certificates(
    settings: config.Configuration, given: Given, config_file: Path | None
) -> tuple[Sequence[IdentityFiles], Path | None]:
    """The certificates, and the CA to trust where that may be unknown to clients."""
    of_command_line = given[IdentityFiles]
    if has_certificate(of_command_line):
        files, ca = given_certificate(of_command_line)
        return (files,), ca
    if settings.certificates:
        if of_command_line:
            raise click.UsageError(
                f"{config_file} has certificates: say there which clients they let in"
            )
        return settings.certificates, None
    if not any(address.startswith("quic:") for address in settings.listen):
        return (), None
    names = (*settings.private_names, *_addresses(settings.listen))
    private, ca = private_certificate(of_command_line, names)
    return (private,), ca


def _audit(
    options: AuditOptions | None, account: ProcessAccount | None
) -> tuple[Sink | None, Sink | None]:
    """Where audit records go, and those about clients that have not logged on."""
    if options is None:
        return None, None
    others = options.unauthenticated
    return open_audit(options, account), open_audit(others, account) if others else None


def _add_users(store: UserStore, users: tuple[str, ...]) -> None:
    """Add those of the command line; passwords that it does not say are asked for."""
    for text in users:
        name, colon, password = text.partition(":")
        if colon:
            warn(f"--user {name}:...: a password on the command line can be seen by others")
        elif "SMBQUIC_PASSWORD" in os.environ:
            password = os.environ["SMBQUIC_PASSWORD"]
        else:
            password = ask_new(name, "SMBQUIC_PASSWORD, or --users FILE")
        store.add(name, password)


def _made_up(store: UserStore) -> str:
    """Add a user, and return the password: 80 bits, without letters that look like others."""
    letters = "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(16))
    password = "-".join(letters[start : start + 4] for start in range(0, 16, 4))
    store.add(_USER, password)
    return password


def _addresses(listen: Iterable[str]) -> list[str]:
    """The addresses of this machine that are listened on by themselves."""
    hosts = [(address.host, address.port) for address in map(ListenAddress.parse, listen)]
    return [host[0] for host in hosts if is_ip_address(host[0]) and not is_wildcard(host)]


def _find_port() -> tuple[str, ...]:
    """Where to listen for QUIC: on port 443, else on another that can be had."""
    try:
        run(check_listen(DEFAULT_LISTEN))
        return DEFAULT_LISTEN
    except ListenError as error:
        warn(f"port {PORTS['quic']}: {error.strerror}; clients have to name another, as below")
    with suppress(ListenError):
        run(check_listen(_WITHOUT_RIGHTS))
        return _WITHOUT_RIGHTS
    return ("quic://0.0.0.0:0",)


def _allow_many_files() -> None:
    """Shells let a program have 1,024 descriptors or fewer; more are its own to take."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        # macOS refuses what it calls no limit.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _reload(serving: Serving, plan: _Plan, *, as_json: bool) -> None:
    """Certificates and access rules as their files have them now, or as before if they are bad.

    The audit file may have been moved away, so that another one is to be begun.
    """
    for sink in (plan.audit, plan.audit_unauthenticated):
        if not isinstance(sink, RotatingFile):
            continue
        try:
            sink.reopen()
        except OSError as error:
            warn(f"{error.filename}: audit records go where they went before: {error.strerror}")
    try:
        base = config.load(plan.config_file) if plan.config_file else None
        serving.reload(base.certificates if base and base.certificates else None)
    except (SmbError, OSError, ValueError) as error:
        warn(f"not reloaded, all stays as it was: {error}")
        if as_json:
            emit({"event": "reload-refused", "reason": str(error)})
        return
    if as_json:
        emit({"event": "reloaded"})
    else:
        click.echo("reloaded certificates and access rules")


def _announce(announcement: Announcement, *, as_json: bool) -> None:
    """Say that the server serves, and how it is used; a password never as an event."""
    if not as_json:
        for line in announcement.lines():
            click.echo(line)
        sys.stdout.flush()
        return
    serving = announcement.serving
    event: dict[str, Any] = {
        "event": "ready",
        "listeners": serving.listeners,
        "urls": [str(url) for url in announcement.urls()],
        "memory": serving.memory_limit,
        "open_files": {
            "limit": serving.server.files.budget.total,
            "limit_of_user": serving.server.files.budget.of_user,
        },
    }
    if announcement.ca:
        event["ca"] = str(announcement.ca)
    emit(event)
    if announcement.password is not None:
        warn(f"log on as {announcement.users[0]} with the password {announcement.password}")
