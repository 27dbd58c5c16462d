"""`smbquic gateway`: QUIC, certificates and audit in front of SMB servers."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from smbquic import config
from smbquic.api import gateway as api
from smbquic.api.gateway import RunningGateway
from smbquic.api.listen import check_listen
from smbquic.api.stop import stop_event
from smbquic.auth.users import UserStore
from smbquic.cli.command import command, json_option, option
from smbquic.cli.loop import allow_many_files, frozen_program, notify_systemd, on_hangup, run
from smbquic.cli.options import Given, takes
from smbquic.cli.output import emit
from smbquic.cli.privileges import ProcessAccount
from smbquic.cli.reload import Reloaded, reload
from smbquic.cli.server_account import account_of, drop_privileges, open_audits
from smbquic.cli.server_certificate import certificates_of
from smbquic.cli.status import status_socket
from smbquic.gateway.pool import PoolTable
from smbquic.observe.audit import Sink
from smbquic.options.audit import AuditOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.gateway import PoolOptions
from smbquic.options.limits import Limits
from smbquic.options.model import values_of
from smbquic.options.server import ListenerOptions, ProcessOptions
from smbquic.pki.server_certificate import ServerCertificate

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_AS_ROOT = "the gateway runs as root: add --run-as USER"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """The settings, certificates and logs of a gateway, checked and opened before it starts.

    `ca` is the authority that clients may not know yet.
    """

    config_file: Path | None
    settings: config.Configuration
    certificates: Sequence[IdentityFiles]
    ca: Path | None
    account: ProcessAccount | None
    audit: Sink | None
    audit_unauthenticated: Sink | None

    def options(self) -> dict[str, Any]:
        """Return the keywords for `api.gateway`."""
        return {
            **values_of(self.settings, ListenerOptions),
            **vars(self.settings.backends),
            "listen": self.settings.listen,
            "certificates": self.certificates,
            "audit": self.audit,
            "audit_unauthenticated": self.audit_unauthenticated,
        }

    @property
    def reloaded(self) -> Reloaded:
        """The files that SIGHUP has read again, or opened anew."""
        return Reloaded(self.config_file, (self.audit, self.audit_unauthenticated))

    @property
    def watched(self) -> list[Path]:
        """The files that are read again when they change, or by SIGHUP."""
        files = [path for each in self.certificates for path in each.watched]
        return [*files, self.config_file] if self.config_file else files


@command("gateway")
@option("-c", "--config", "config_file", type=_FILE, help="A configuration file, TOML.")
@takes(
    PoolOptions,
    ListenerOptions,
    ProcessOptions,
    IdentityFiles,
    Limits,
    AuditOptions,
    files_exist=True,
)
@json_option
def gateway(config_file: Path | None, *, given: Given, as_json: bool) -> None:
    """Put QUIC, certificates and audit in front of SMB servers.

    \b
    smbquic gateway --backend tcp://nas:445 --cert fs.pfx
    smbquic gateway --backend tcp://nas:445 --cert fs.pem --key fs.key
    smbquic gateway -c /etc/smbquic.toml

    Clients connect over QUIC, and the gateway sends their messages, unchanged, to an SMB
    server over TCP. It sees who logs on, but not what is encrypted.

    Without --cert a private CA is created and kept, which the clients have to trust.
    Certificates are read again when their files change. On SIGHUP the certificates, access
    rules and pools of the configuration file are read again, and the audit file is reopened.
    """
    base = config.load(config_file) if config_file else config.Configuration(users=UserStore())
    if base.shares:
        raise click.UsageError(f"{config_file} has shares, which `smbquic serve` serves")
    settings = config.merged(base, given)
    settings = replace(settings, pools=_pools(settings, given[PoolOptions]))
    for address in settings.listen:
        if not address.startswith("quic:"):
            raise click.UsageError(f"--listen {address}: a gateway listens on quic://HOST:PORT")
    run(check_listen(settings.listen))
    certificates, ca = certificates_of(settings, given[IdentityFiles], config_file)
    account = account_of(settings.run_as)
    audit, unauthenticated = open_audits(settings.audit, account)
    for each in certificates:
        ServerCertificate.load(each)
    plan = _Plan(
        config_file=config_file,
        settings=settings,
        certificates=certificates,
        ca=ca,
        account=account,
        audit=audit,
        audit_unauthenticated=unauthenticated,
    )
    allow_many_files()
    run(_run(plan, as_json=as_json))


def _pools(settings: config.Configuration, given: dict[str, Any] | Any) -> Sequence[PoolOptions]:
    """Return the pools of the configuration file, or the one of the command line."""
    pools = settings.pools
    if given:
        if pools:
            raise click.UsageError("the configuration file has pools: write the back ends there")
        if "backends" not in given:
            raise click.UsageError("there is no back end: add --backend tcp://HOST:445")
        pools = (PoolOptions(**given),)
    try:
        PoolTable(pools, settings.backends)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return pools


async def _run(plan: _Plan, *, as_json: bool) -> None:
    """Run the gateway until the program is asked to stop and the clients have finished."""
    seconds = plan.settings.limits.drain_seconds
    async with api.gateway(plan.settings.pools, **plan.options()) as running:
        drop_privileges(plan.account, plan.watched, plan.settings.audit, _AS_ROOT)
        async with status_socket(running):
            # The handlers first: a program that reads the announcement may send a signal at once.
            with (
                frozen_program(),
                stop_event() as stop,
                on_hangup(lambda: reload(plan.reloaded, _use(running), as_json=as_json)),
            ):
                _announce(running, plan, as_json=as_json)
                notify_systemd()
                await stop.wait()
                stop.clear()
                if as_json:
                    emit({"event": "draining", "seconds": seconds})
                await running.drain(seconds, stop)
    if as_json:
        emit({"event": "stopped"})


def _use(running: RunningGateway) -> Callable[[config.Configuration | None], None]:
    """Return what makes the gateway use the certificates and pools of a configuration file."""

    def use(base: config.Configuration | None) -> None:
        if base is None:
            running.reload()
        else:
            # Without pools in the file, those of the command line stay.
            running.reload(base.certificates or None, base.pools or None, base.backends)

    return use


def _announce(running: RunningGateway, plan: _Plan, *, as_json: bool) -> None:
    """Print that the gateway is ready, and which servers are behind it."""
    pools = {pool.name: [each.url for each in pool.backends] for pool in running.gateway.pools}
    if as_json:
        event: dict[str, Any] = {
            "event": "ready",
            "listeners": running.listeners,
            "pools": pools,
        }
        if plan.ca:
            event["ca"] = str(plan.ca)
        emit(event)
        return
    click.echo(f"gateway on {' '.join(running.listeners)}, Ctrl-C ends")
    for name, urls in pools.items():
        click.echo(f"  {name}: {' '.join(urls)}")
    if plan.ca is not None:
        click.echo(f"clients trust the CA whose certificate is {plan.ca}")
    sys.stdout.flush()
