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
from typing import Any, get_args

import click

from smbquic import config
from smbquic.api import server as api
from smbquic.api.listen import ListenAddress, check_listen
from smbquic.api.serving import Serving
from smbquic.api.stop import stop_event
from smbquic.auth.users import UserStore, check_name
from smbquic.cli.announcement import Announcement, machine_name, names_of, outside_address
from smbquic.cli.command import CERTIFICATE, PROTOCOL, command, json_option, option
from smbquic.cli.loop import frozen_program, on_hangup, run, tell_ready
from smbquic.cli.output import emit, warn
from smbquic.cli.passwords import ask_new
from smbquic.cli.privileges import Account, is_root, only_roots, unreadable
from smbquic.cli.shares import collect
from smbquic.cli.status import answering
from smbquic.client.url import PORTS
from smbquic.errors import EXAMPLE_PORT, ListenError, PkiError, SmbError
from smbquic.observe.audit import RotatingFile, Sink, open_sink
from smbquic.options.audit import AuditOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.quic import Congestion, EngineName
from smbquic.options.server import DEFAULT_LISTEN
from smbquic.pki.authority import Purpose, general_name
from smbquic.pki.checks import CertificateError
from smbquic.pki.container import ders, read_certificates
from smbquic.pki.directory import PkiDirectory
from smbquic.pki.identities import Identity
from smbquic.pki.private import ensure_private_ca, user_data_directory
from smbquic.pki.verification import Trust, verify
from smbquic.protocol.settings import (
    DIALECT_NAMES,
    MINIMUM_DIALECT,
    EncryptionOverQuic,
    EncryptionPolicy,
    SigningPolicy,
)
from smbquic.transport.addresses import is_ip_address, is_wildcard

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
_USER = "user"
"""Who logs on with the password that is made up where nobody was named."""
_WITHOUT_RIGHTS = (f"quic://0.0.0.0:{EXAMPLE_PORT}",)


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


def _make_password() -> str:
    """A password of 80 bits that is easily typed: without letters that look like others."""
    letters = "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def _addresses(listen: tuple[str, ...]) -> list[str]:
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


def _certificate(
    cert: Path | None,
    key: Path | None,
    password_file: Path | None,
    names: tuple[str, ...],
    *,
    quic: bool,
) -> tuple[IdentityFiles | None, Path | None]:
    """The server's certificate, and the CA to trust where it is one of our making."""
    if cert:
        files = IdentityFiles(certificate=cert, key=key, password_file=password_file)
        return files, _authority_beside(cert)
    if key or password_file:
        raise click.UsageError("--key and --key-password-file are about a certificate: add --cert")
    if not quic:
        return None, None
    pki = ensure_private_ca(user_data_directory(), _names(names))
    return IdentityFiles(certificate=pki.server.certificate, key=pki.server.key), pki.ca


def _authority_beside(certificate: Path) -> Path | None:
    """The root of the PKI in whose folder a certificate is, where that has issued it."""
    root = PkiDirectory(certificate.parent).ca
    try:
        verify(ders(read_certificates(certificate)), Purpose.SERVER, Trust.load(root))
    except (PkiError, CertificateError):
        return None
    return root.absolute()


def _names(given: tuple[str, ...]) -> list[str]:
    """What a certificate made here is for: the names that were given, and the machine's own.

    A machine may call itself what is no DNS name, and then nobody finds it by that.
    """
    for name in given:
        if not _is_name(name):
            raise click.UsageError(f"--name {name}: this is neither a DNS name nor an IP address")
    machine = {socket.gethostname(), socket.getfqdn()}
    own = set(filter(_is_name, machine))
    if not own and not given:
        called = " or ".join(sorted(machine))
        warn(f"this machine is called {called}, which is no DNS name: add --name NAME")
    addresses = map(outside_address, (socket.AF_INET, socket.AF_INET6))
    return sorted(own.union(given, filter(None, addresses)))


def _is_name(name: str) -> bool:
    try:
        general_name(name)
    except ValueError:
        return False
    return True


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


_certificate_option = partial(option, heading=CERTIFICATE)
_protocol_option = partial(option, heading=PROTOCOL)


@command("serve")
@click.argument("folders", metavar="[FOLDER]...", type=_FOLDER, nargs=-1)
@option("-c", "--config", "config_file", type=_FILE, help="A configuration file, TOML.")
@option(
    "--share",
    "shares",
    multiple=True,
    metavar="NAME=PATH[:ro]",
    help="Share a folder under a name, :ro to read only; memory: in place of PATH shares an empty"
    " tree in memory (memory:BYTES,FILES sets its bounds, 256M,10000 by default); repeatable.",
)
@option(
    "--listen",
    multiple=True,
    metavar="URL",
    help="Where to listen: quic://HOST:PORT or tcp://HOST:PORT; repeatable. Port 0 picks a free"
    f" one.  [default: {DEFAULT_LISTEN[0]}]",
)
@option("--user", "users", multiple=True, metavar="NAME[:PASSWORD]", help="Who may log on.")
@option("--users", "users_file", type=_FILE, help="A file of users: see smbquic user.")
@_certificate_option(
    "--cert",
    type=_FILE,
    help="The server's certificate: PEM, then its intermediates; or PKCS #12 with its key.",
)
@_certificate_option("--key", type=_FILE, help="The certificate's key.")
@_certificate_option(
    "--key-password-file",
    type=_FILE,
    help="The password of the key or PKCS #12 file, on the first line.",
)
@_certificate_option(
    "--client-ca", type=_FILE, help="Demand client certificates from these authorities."
)
@_certificate_option("--client-crl", type=_FILE, help="Revocation lists for client certificates.")
@_certificate_option(
    "--allow",
    multiple=True,
    metavar="RULE",
    help="Let in clients whose certificate matches, and no others; repeatable. RULE is sha256:HEX,"
    " issuer:NAME, subject:NAME or san:PATTERN.",
)
@_certificate_option("--deny", multiple=True, metavar="RULE", help="Keep out those; repeatable.")
@_certificate_option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="A name for the certificate made by default.",
)
@option(
    "--run-as",
    metavar="USER[:GROUP]",
    help="Become that user once the ports are bound and the keys are read; needs root.",
)
@option(
    "--drain-seconds",
    type=click.FloatRange(min=0),
    help="How long clients may finish what they are at when the server is asked to stop; a second"
    " Ctrl-C or SIGTERM ends it at once.  [default: 30]",
)
@option("--guest", is_flag=True, help="Let unknown users in, to read.")
@_protocol_option(
    "--encrypt",
    is_flag=True,
    help="Demand SMB encryption. What QUIC encrypts counts where both ends skip it there.",
)
@_protocol_option(
    "--smb-encryption-over-quic",
    "over_quic",
    type=click.Choice([each.value for each in EncryptionOverQuic]),
    help="Leave SMB encryption within QUIC out where the client wants that too, have it as over"
    " TCP, or demand it.  [default: skip]",
)
@_protocol_option(
    "--minimum-dialect",
    type=click.Choice(list(DIALECT_NAMES)),
    help=f"The oldest SMB dialect that is spoken.  [default: {MINIMUM_DIALECT.label}]",
)
@_protocol_option(
    "--signing",
    type=click.Choice([each.value for each in SigningPolicy]),
    help="Demand that every session but a guest's is signed or encrypted, or leave that to the"
    " clients.  [default: required]",
)
@_protocol_option(
    "--target-name",
    "target_names",
    multiple=True,
    metavar="NAME",
    help="A further name or address by which clients reach this server; repeatable.",
)
@_protocol_option(
    "--no-extended-protection",
    "extended_protection",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Take logons that were meant for another server or another TLS connection.",
)
@_protocol_option(
    "--pipes-over-quic", is_flag=True, help="Let clients list the shares over QUIC too."
)
@_protocol_option(
    "--engine", type=click.Choice(get_args(EngineName)), help="The QUIC engine.  [default: auto]"
)
@_protocol_option(
    "--congestion",
    type=click.Choice(get_args(Congestion)),
    help="Congestion control over QUIC; bbr is for paths that lose packets.  [default: cubic]",
)
@option(
    "--audit",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write audit records to this file, or - for standard output.",
)
@json_option
def serve(
    folders: tuple[Path, ...],
    config_file: Path | None,
    shares: tuple[str, ...],
    listen: tuple[str, ...],
    users: tuple[str, ...],
    users_file: Path | None,
    cert: Path | None,
    key: Path | None,
    key_password_file: Path | None,
    client_ca: Path | None,
    client_crl: Path | None,
    allow: tuple[str, ...],
    deny: tuple[str, ...],
    names: tuple[str, ...],
    *,
    run_as: str | None,
    drain_seconds: float | None,
    guest: bool,
    encrypt: bool,
    over_quic: str | None,
    minimum_dialect: str | None,
    signing: str | None,
    extended_protection: bool,
    target_names: tuple[str, ...],
    pipes_over_quic: bool,
    engine: EngineName | None,
    congestion: Congestion | None,
    audit: Path | None,
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
    served = collect(base, shares, folders)
    guest = guest or base.guest
    listen = listen or (_find_port() if folders and not config_file else tuple(base.listen))
    store = UserStore.load(users_file) if users_file else base.users
    for text in users:
        check_name(text.partition(":")[0])
    is_open = bool(users or store.names() or guest)
    if not (is_open or folders):
        raise click.UsageError("nobody could log on: add --user NAME, --users FILE or --guest")
    run(check_listen(listen))
    called = (*base.private_names, *names)
    certified = cert is not None or bool(base.certificates)
    quic = any(address.startswith("quic:") for address in listen)
    ca: Path | None = None
    if cert or key or key_password_file or not base.certificates:
        certificate, ca = _certificate(
            cert, key, key_password_file, (*called, *_addresses(listen)), quic=quic
        )
        certificates = _only(certificate, client_ca, client_crl, allow, deny)
    else:
        if client_ca or client_crl or allow or deny:
            raise click.UsageError(
                f"{config_file} has certificates: say there which clients they let in"
            )
        certificates = tuple(base.certificates)
    encrypted = encrypt or base.encryption is EncryptionPolicy.REQUIRED

    account = _account(run_as or base.run_as)
    options = base.audit
    if audit is not None:
        options = replace(
            options or AuditOptions(file=None), file=None if str(audit) == "-" else audit
        )
    sink = _open(options, account) if options is not None else None
    others = options.unauthenticated if options is not None else None
    strangers = _open(others, account) if others is not None else None
    for each in certificates:
        Identity.load(each)
    machine = machine_name()
    # Last of all: nobody is to type a password in vain.
    _add_users(store, users)
    password = None if is_open else _make_password()
    if password is not None:
        store.add(_USER, password)

    limits = base.limits
    if drain_seconds is not None:
        limits = replace(limits, drain_seconds=drain_seconds)

    async def work() -> None:
        async with api.serve(
            served,
            store,
            listen,
            guest=guest,
            server_name=base.server_name,
            encryption=EncryptionPolicy.REQUIRED if encrypted else EncryptionPolicy.ALLOWED,
            encryption_over_quic=EncryptionOverQuic(over_quic or base.encryption_over_quic),
            minimum_dialect=(
                DIALECT_NAMES[minimum_dialect] if minimum_dialect else base.minimum_dialect
            ),
            signing=SigningPolicy(signing or base.signing),
            extended_protection=extended_protection and base.extended_protection,
            target_names=(*base.target_names, *target_names, socket.getfqdn()),
            pipes_over_quic=pipes_over_quic or base.pipes_over_quic,
            certificates=certificates,
            limits=limits,
            engine=engine or base.engine,
            congestion=congestion or base.congestion,
            tls_ciphers=base.tls_ciphers,
            tls_groups=base.tls_groups,
            tls_tickets=base.tls_tickets,
            audit=sink,
            audit_unauthenticated=strangers,
            audit_files=options is not None and options.file_access,
        ) as serving:
            _drop_privileges(account, certificates, config_file, options)
            async with answering(serving):
                # Who is told of the server may end it at once.
                with (
                    frozen_program(),
                    stop_event() as stop,
                    on_hangup(
                        lambda: _reload(serving, config_file, (sink, strangers), as_json=as_json)
                    ),
                ):
                    announcement = Announcement(
                        serving=serving,
                        names=called or (names_of(serving) if certified else ()),
                        machine=machine,
                        users=store.names(),
                        password=password,
                        guest=guest,
                        ca=ca,
                        client_certificate=any(each.client_ca for each in certificates),
                    )
                    _announce(announcement, as_json=as_json)
                    tell_ready()
                    await stop.wait()
                    stop.clear()
                    if as_json:
                        emit({"event": "draining", "seconds": limits.drain_seconds})
                    await serving.drain(limits.drain_seconds, stop)
        if as_json:
            emit({"event": "stopped"})

    _allow_many_files()
    run(work())


def _open(options: AuditOptions, account: Account | None = None) -> Sink:
    """Open the audit file, with root's rights only where nobody else can have put it there."""
    try:
        if account is None or options.file is None or not is_root():
            return open_sink(options)
        try:
            with account.acting():
                return open_sink(options)
        except PermissionError:
            if not only_roots(options.file.absolute().parent):
                raise
        sink = open_sink(options)
        if isinstance(sink, RotatingFile):
            sink.own(account.uid, account.gid)
        return sink
    except OSError as error:
        raise click.UsageError(f"{options.file}: cannot be written to: {error.strerror}") from error


def _account(name: str | None) -> Account | None:
    try:
        return Account.parse(name) if name else None
    except ValueError as error:
        raise click.UsageError(f"--run-as {name}: {error}") from error


def _drop_privileges(
    account: Account | None,
    certificates: tuple[IdentityFiles, ...],
    config_file: Path | None,
    audit: AuditOptions | None,
) -> None:
    """Become the account, and say what will not work as that one; or say that root serves."""
    if account is not None:
        account.become()
        files = [path for each in certificates for path in each.watched]
        for path in unreadable([*files, *([config_file] if config_file else [])]):
            warn(f"{account.user} cannot read {path}: changes of it are not taken up")
        if audit is not None and audit.file is not None:
            folder = audit.file.absolute().parent
            if not os.access(folder, os.W_OK | os.X_OK):
                warn(f"{account.user} cannot write in {folder}: audit files are not rotated")
    if is_root():
        warn("files are served as root: add --run-as USER, a user that may use the shares only")


def _only(
    files: IdentityFiles | None,
    client_ca: Path | None,
    client_crl: Path | None,
    allow: tuple[str, ...],
    deny: tuple[str, ...],
) -> tuple[IdentityFiles, ...]:
    """The certificate of the command line, which is for every name."""
    if files is None:
        return ()
    if (allow or deny or client_crl) and client_ca is None:
        raise click.UsageError("--allow, --deny and --client-crl need --client-ca")
    files = replace(files, default=True, client_ca=client_ca, client_crl=client_crl)
    return (replace(files, allow=allow, deny=deny) if allow or deny else files,)


def _reload(
    serving: Serving, config_file: Path | None, sinks: Sequence[Sink | None], *, as_json: bool
) -> None:
    """Certificates and access rules as their files have them now, or as before if they are bad.

    The audit file may have been moved away, so that another one is to be begun.
    """
    for sink in sinks:
        if not isinstance(sink, RotatingFile):
            continue
        try:
            sink.reopen()
        except OSError as error:
            warn(f"{error.filename}: audit records go where they went before: {error.strerror}")
    try:
        base = config.load(config_file) if config_file else None
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
            "limit": serving.server.open_files.total,
            "limit_of_user": serving.server.open_files.of_user,
        },
    }
    if announcement.ca:
        event["ca"] = str(announcement.ca)
    emit(event)
    if announcement.password is not None:
        warn(f"log on as {announcement.users[0]} with the password {announcement.password}")
