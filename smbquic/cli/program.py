"""What `smbquic serve` and `smbquic gateway` have in common, from their settings to their end."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from smbquic import config
from smbquic.api.connection_ids import connection_id_format
from smbquic.api.listen import ListenAddress, check_listen, listen_addresses
from smbquic.api.stop import stop_event
from smbquic.cli import logs
from smbquic.cli.command import verbosity
from smbquic.cli.loop import frozen_program, notify_systemd, on_hangup, run
from smbquic.cli.output import emit
from smbquic.cli.privileges import ProcessAccount
from smbquic.cli.reload import Reloader
from smbquic.cli.server_account import account_of, drop_privileges, open_audits
from smbquic.cli.server_certificate import Given, certificates_of
from smbquic.cli.status import StatusSource, status_socket
from smbquic.lazy_dataclass import dataclass
from smbquic.observe.audit import Sink
from smbquic.observe.trace_endpoint import check_traces
from smbquic.options.acme import AcmeOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.server import DEFAULT_LISTEN
from smbquic.pki.acme.http_listener import listen_address
from smbquic.pki.acme.renewer import OBTAIN_TIMEOUT, obtain_first
from smbquic.pki.acme.store import AcmeStore
from smbquic.pki.server_certificate import ServerCertificate
from smbquic.web.address import check_web
from smbquic.web.source import WebControls
from smbquic.workers.pool import default_workers


class Running(StatusSource, Protocol):
    """A server or a gateway that runs."""

    @property
    def controls(self) -> WebControls:
        """What an administrator can do on the status page."""

    async def drain(self, seconds: float, hurry: asyncio.Event) -> None:
        """Close idle connections until none is left, for `seconds`, or until `hurry` is set."""

    def become(self, uid: int, gid: int, groups: Sequence[int]) -> None:
        """Have the worker processes change to a user permanently, as this process has."""


R = TypeVar("R", bound=Running)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The settings, certificates and logs of a program, checked and opened before it starts.

    `sockets` are those that systemd has opened, whose addresses `listen` has as well. `ca` is the
    authority that clients may not know yet.
    """

    config_file: Path | None
    settings: config.Configuration
    sockets: Sequence[socket.socket]
    certificates: Sequence[IdentityFiles]
    acme: AcmeOptions | None
    acme_sockets: Sequence[socket.socket]
    ca: Path | None
    account: ProcessAccount | None
    audit: Sink | None
    audit_unauthenticated: Sink | None

    def options(self) -> dict[str, Any]:
        """Return the keywords that `smbquic.serve` and `api.gateway` both have."""
        workers = self.settings.workers
        if workers is None:
            # A socket that systemd has opened is one; each worker needs its own.
            workers = 0 if self.sockets else default_workers()
        return {
            "listen": self.settings.listen,
            "sockets": self.sockets,
            "workers": workers,
            "certificates": self.certificates,
            "acme": self.acme,
            "acme_sockets": self.acme_sockets,
            "audit": self.audit,
            "audit_unauthenticated": self.audit_unauthenticated,
        }

    @property
    def watched(self) -> list[Path]:
        """The files that are read again when they change, or by SIGHUP."""
        files = [path for each in self.certificates for path in each.watched]
        return [*files, self.config_file] if self.config_file else files


def with_sockets(
    settings: config.Configuration, sockets: Sequence[socket.socket]
) -> config.Configuration:
    """Return settings that listen on these sockets, too; by default on nothing else.

    Raises what `listen_addresses` raises.
    """
    sockets = [each for each in sockets if not answers_acme(settings, each)]
    if not sockets:
        return settings
    listen = () if settings.listen == DEFAULT_LISTEN else settings.listen
    return replace(settings, listen=tuple(map(str, listen_addresses(listen, sockets))))


def answers_acme(settings: config.Configuration, sock: socket.socket) -> bool:
    """Return whether a socket of systemd is for http-01: one of TCP, with the port of that."""
    if settings.acme is None or sock.type != socket.SOCK_STREAM:
        return False
    port: int = sock.getsockname()[1]
    return port == listen_address(settings.acme.http_listen)[1]


def prepare(
    settings: config.Configuration,
    given: Given,
    config_file: Path | None,
    sockets: Sequence[socket.socket],
) -> Prepared:
    """Check where a program will listen, and its certificates, and open its logs.

    `given` are the values of `IdentityFiles` that the command line gave, `sockets` those that
    systemd has opened.
    """
    logs.configure_server(settings.log_level, settings.log_format, verbosity())
    acme_sockets = [each for each in sockets if answers_acme(settings, each)]
    sockets = [each for each in sockets if each not in acme_sockets]
    opened = {str(ListenAddress.of(sock)) for sock in sockets}
    run(check_listen([each for each in settings.listen if each not in opened]))
    run(check_web(settings.web))
    check_traces(settings.traces)
    connection_id_format(settings.connection_ids)
    certificates, ca = certificates_of(settings, given, config_file)
    account = account_of(settings.run_as, config_file)
    audit, unauthenticated = open_audits(settings.audit, account)
    acme = settings.acme if _is_used(settings.acme, certificates) else None
    if acme is not None:
        _obtain_first(acme, acme_sockets, account)
    for each in certificates:
        ServerCertificate.load(each)
    return Prepared(
        config_file=config_file,
        settings=settings,
        sockets=sockets,
        certificates=certificates,
        acme=acme,
        acme_sockets=acme_sockets,
        ca=ca,
        account=account,
        audit=audit,
        audit_unauthenticated=unauthenticated,
    )


def _is_used(acme: AcmeOptions | None, certificates: Sequence[IdentityFiles]) -> bool:
    """Return whether the certificate of ACME is among those that are served."""
    if acme is None:
        return False
    file = AcmeStore(acme).certificate
    return any(each.certificate == file for each in certificates)


def _obtain_first(
    acme: AcmeOptions, sockets: Sequence[socket.socket], account: ProcessAccount | None
) -> None:
    """Obtain the first certificate, with the rights of the account that renews it later."""

    def on_wait(pause: timedelta) -> None:
        _extend_start_timeout(pause.total_seconds() + OBTAIN_TIMEOUT)

    _extend_start_timeout(OBTAIN_TIMEOUT)
    rights = account.acting() if account else None
    run(obtain_first(acme, sockets=sockets, rights=rights, on_wait=on_wait))


def _extend_start_timeout(seconds: float) -> None:
    """Have systemd wait longer: it would end a service that is not ready in time."""
    notify_systemd(f"EXTEND_TIMEOUT_USEC={seconds * 1_000_000:.0f}")


async def run_until_stopped(
    prepared: Prepared,
    starting: AbstractAsyncContextManager[R],
    *,
    announce: Callable[[R], None],
    read: Callable[[], config.Configuration],
    use: Callable[[R, config.Configuration, config.Configuration], None],
    as_root: str,
    as_json: bool,
) -> None:
    """Run what `starting` starts until the program is asked to stop and the clients have finished.

    `announce` prints that it is ready. A reload gets the settings by `read`, and has the program
    use them in place of the former ones by `use`. `as_root` is the warning for a program that stays
    root.
    """
    settings = prepared.settings
    sinks = (prepared.audit, prepared.audit_unauthenticated)
    async with starting as running:
        drop_privileges(prepared.account, prepared.watched, settings.audit, as_root)
        if prepared.account is not None:
            running.become(prepared.account.uid, prepared.account.gid, prepared.account.groups)
        reloader = Reloader(running, settings, read, use, sinks, as_json)
        async with status_socket(running, {"reload": reloader.reload}):
            # The handlers first: a program that reads the announcement may send a signal at once.
            with frozen_program(), stop_event() as stop, on_hangup(reloader.reload):
                running.controls.stop, running.controls.reload = stop.set, reloader.reload
                announce(running)
                notify_systemd("READY=1")
                await stop.wait()
                stop.clear()
                notify_systemd("STOPPING=1")
                seconds = reloader.settings.limits.drain_seconds
                if as_json:
                    emit({"event": "draining", "seconds": seconds})
                await running.drain(seconds, stop)
    if as_json:
        emit({"event": "stopped"})
