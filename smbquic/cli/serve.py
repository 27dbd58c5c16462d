"""`smbquic serve`: share folders."""

import os
import secrets
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from smbquic import config
from smbquic.api import server as api
from smbquic.api.listen import check_listen
from smbquic.api.serving import Serving
from smbquic.api.socket_activation import inherited_sockets
from smbquic.auth.users import UserStore, check_name
from smbquic.cli.announcement import Announcement, machine_name, names_of
from smbquic.cli.command import command, json_option, option
from smbquic.cli.loop import allow_many_files, run
from smbquic.cli.options import Given, takes
from smbquic.cli.output import emit, warn
from smbquic.cli.passwords import ask_new
from smbquic.cli.program import Prepared, prepare, run_until_stopped, with_sockets
from smbquic.cli.server_certificate import has_certificate
from smbquic.cli.share_changes import ShareChanges
from smbquic.cli.shares import collect
from smbquic.client.url import PORTS
from smbquic.config.document import Document
from smbquic.errors import EXAMPLE_PORT, ListenError
from smbquic.lazy_dataclass import dataclass
from smbquic.options.acme import AcmeOptions
from smbquic.options.audit import AuditOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.connection_ids import ConnectionIdOptions
from smbquic.options.limits import Limits
from smbquic.options.model import values_of
from smbquic.options.server import DEFAULT_LISTEN, ProgramOptions, ServerOptions
from smbquic.options.traces import TraceOptions
from smbquic.options.web import WebOptions
from smbquic.server.share import ServedShare

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
_USER = "user"
"""The user that is created where none is given, with a random password."""
_AS_ROOT = "files are served as root: add --run-as USER, a user who can use only the shares"
_UNPRIVILEGED_LISTEN = (f"quic://0.0.0.0:{EXAMPLE_PORT}",)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What a server needs, checked and opened before it starts.

    `password` is that of the created user, `machine` the name of this machine. `certified` says
    that the certificate was given.
    """

    prepared: Prepared
    shares: dict[str, ServedShare]
    certified: bool
    machine: str
    password: str | None

    def options(self) -> dict[str, Any]:
        """Return the keywords for `smbquic.serve`."""
        settings = self.prepared.settings
        return {
            **values_of(settings, ServerOptions),
            **self.prepared.options(),
            "target_names": (*settings.target_names, socket.getfqdn()),
            "audit_files": settings.audit is not None and settings.audit.file_access,
        }

    def announcement(self, serving: Serving) -> Announcement:
        """Return what to show to the operator once the server runs."""
        settings = self.prepared.settings
        return Announcement(
            serving=serving,
            names=settings.private_names or (names_of(serving) if self.certified else ()),
            machine=self.machine,
            users=settings.users.names(),
            password=self.password,
            guest=settings.guest,
            ca=self.prepared.ca,
            client_certificate=any(each.client_ca for each in self.prepared.certificates),
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
    help="A user who may log on. Repeatable.",
)
@takes(
    ProgramOptions,
    IdentityFiles,
    AcmeOptions,
    ConnectionIdOptions,
    WebOptions,
    TraceOptions,
    Limits,
    AuditOptions,
    files_exist=True,
)
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

    A FOLDER is shared under its own name. Without users, one is created and the
    password shown once; without --listen, another port is taken where 443
    is not available.

    Without --cert a private CA is created and kept, which the clients have to trust.
    Certificates are read again when their files change. On SIGHUP, or by smbquic reload,
    the configuration file is read again: shares, users, access rules, certificates, limits
    and the log level change while sessions go on. The audit file is reopened.
    """
    sockets = inherited_sockets()
    own_users = UserStore()
    read = partial(_read, config_file, given, sockets, own_users)
    settings = read()
    served = collect(settings, shares, folders)
    if folders and not (config_file or sockets or "listen" in given[ProgramOptions]):
        settings = replace(settings, listen=_find_port())
    creates_user = _creates_user(settings, users, folders)
    prepared = prepare(settings, given[IdentityFiles], config_file, sockets)
    machine = machine_name()
    # After all other checks, so that nobody types a password for a server that cannot start.
    _add_users(own_users, users)
    password = _create_user(own_users) if creates_user else None
    settings.users.include(own_users)
    plan = _Plan(
        prepared=prepared,
        shares=served,
        certified="certificate" in given[IdentityFiles]
        or bool(settings.certificates or prepared.acme),
        machine=machine,
        password=password,
    )
    allow_many_files()
    run(
        run_until_stopped(
            prepared,
            api.serve(plan.shares, settings.users, **plan.options()),
            announce=lambda serving: _announce(plan.announcement(serving), as_json=as_json),
            read=read,
            use=partial(_use, has_certificate(given[IdentityFiles])),
            as_root=_AS_ROOT,
            as_json=as_json,
        )
    )


def _read(
    file: Path | None, given: Given, sockets: Sequence[socket.socket], own_users: UserStore
) -> config.Configuration:
    """Return the settings of the file and of the command line, which has `own_users`."""
    settings = with_sockets(config.merged(_loaded(file), given), sockets)
    settings.users.include(own_users)
    return settings


def _creates_user(
    settings: config.Configuration, users: tuple[str, ...], folders: tuple[Path, ...]
) -> bool:
    """Return whether a user is created, as nobody could log on; only for folders.

    Raises `click.UsageError` where nobody could, and `UsersError` for a name that is none.
    """
    for text in users:
        check_name(text.partition(":")[0])
    if users or settings.users.names() or settings.guest:
        return False
    if not folders:
        raise click.UsageError("nobody could log on: add --user NAME, --users FILE or --guest")
    return True


def _loaded(file: Path | None) -> config.Configuration:
    if file is None:
        return config.Configuration(users=UserStore())
    loaded = config.load(file)
    if loaded.pools:
        text = "a server has no pools: run `smbquic gateway`"
        raise Document.load(file).error(("gateway", "pools", loaded.pools[0].name), text)
    config.check_contents(file, loaded)
    return loaded


def _use(
    certified: bool, serving: Serving, former: config.Configuration, new: config.Configuration
) -> None:
    """Have a server use new settings. `certified` says that its command line has a certificate."""
    if not (new.users.names() or new.guest):
        raise ValueError("nobody could log on: there is no user left")
    with ShareChanges.opened(former.shares, new.shares, serving.server.shares) as changes:
        serving.reload(None if certified else new.certificates or None)
        changes.apply(serving)
    serving.replace_users(new.users)
    serving.use_limits(new.limits)


def _add_users(store: UserStore, users: tuple[str, ...]) -> None:
    """Add the users of the command line; ask for the passwords that it does not have."""
    for text in users:
        name, colon, password = text.partition(":")
        if colon:
            warn(f"--user {name}:...: a password on the command line can be seen by others")
        elif "SMBQUIC_PASSWORD" in os.environ:
            password = os.environ["SMBQUIC_PASSWORD"]
        else:
            password = ask_new(name, "SMBQUIC_PASSWORD, or --users FILE")
        store.add(name, password)


def _create_user(store: UserStore) -> str:
    """Create a user; return the password of 80 random bits, without similar letters."""
    letters = "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(16))
    password = "-".join(letters[start : start + 4] for start in range(0, 16, 4))
    store.add(_USER, password)
    return password


def _find_port() -> tuple[str, ...]:
    """Return where to listen for QUIC: on port 443, else on another free port."""
    try:
        run(check_listen(DEFAULT_LISTEN))
        return DEFAULT_LISTEN
    except ListenError as error:
        warn(f"port {PORTS['quic']}: {error.strerror}; clients have to name another, as below")
    with suppress(ListenError):
        run(check_listen(_UNPRIVILEGED_LISTEN))
        return _UNPRIVILEGED_LISTEN
    return ("quic://0.0.0.0:0",)


def _announce(announcement: Announcement, *, as_json: bool) -> None:
    """Print that the server is ready, and how it is used; never a password in an event."""
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
    if serving.web:
        event["web"] = serving.web
    if announcement.ca:
        event["ca"] = str(announcement.ca)
    emit(event)
    if announcement.password is not None:
        warn(f"log on as {announcement.users[0]} with the password {announcement.password}")
