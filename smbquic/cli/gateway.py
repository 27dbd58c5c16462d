"""`smbquic gateway`: QUIC, certificates and audit in front of SMB servers."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from smbquic import config
from smbquic.api import gateway as api
from smbquic.api.gateway import RunningGateway
from smbquic.api.socket_activation import inherited_sockets
from smbquic.auth.users import UserStore
from smbquic.cli.command import command, json_option, option
from smbquic.cli.loop import allow_many_files, run
from smbquic.cli.options import Given, takes
from smbquic.cli.output import emit
from smbquic.cli.program import prepare, run_until_stopped, with_sockets
from smbquic.cli.server_certificate import has_certificate
from smbquic.config.document import Document
from smbquic.gateway.pool import PoolTable
from smbquic.options.acme import AcmeOptions
from smbquic.options.audit import AuditOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.connection_ids import ConnectionIdOptions
from smbquic.options.gateway import PoolOptions
from smbquic.options.limits import Limits
from smbquic.options.model import values_of
from smbquic.options.server import ListenerOptions, ProcessOptions
from smbquic.options.web import WebOptions

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_AS_ROOT = "the gateway runs as root: add --run-as USER"


@command("gateway")
@option("-c", "--config", "config_file", type=_FILE, help="A configuration file, TOML.")
@takes(
    PoolOptions,
    ListenerOptions,
    ProcessOptions,
    IdentityFiles,
    AcmeOptions,
    ConnectionIdOptions,
    WebOptions,
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
    Certificates are read again when their files change. On SIGHUP, or by smbquic reload,
    the configuration file is read again: certificates, access rules, pools, limits and the
    log level change while connections go on. The audit file is reopened.
    """

    sockets = inherited_sockets()

    def read() -> config.Configuration:
        settings = with_sockets(config.merged(_loaded(config_file), given), sockets)
        return replace(settings, pools=_pools(settings, given[PoolOptions]))

    settings = read()
    for address in settings.listen:
        if not address.startswith("quic:"):
            raise click.UsageError(f"--listen {address}: a gateway listens on quic://HOST:PORT")
    prepared = prepare(settings, given[IdentityFiles], config_file, sockets)
    allow_many_files()
    run(
        run_until_stopped(
            prepared,
            api.gateway(
                settings.pools,
                **values_of(settings, ListenerOptions),
                **vars(settings.backends),
                **prepared.options(),
            ),
            announce=partial(_announce, ca=prepared.ca, as_json=as_json),
            read=read,
            use=partial(_use, has_certificate(given[IdentityFiles])),
            as_root=_AS_ROOT,
            as_json=as_json,
        )
    )


def _loaded(file: Path | None) -> config.Configuration:
    if file is None:
        return config.Configuration(users=UserStore())
    loaded = config.load(file)
    if loaded.shares:
        text = "a gateway has no shares: run `smbquic serve`"
        raise Document.load(file).error(("shares", loaded.shares[0].name), text)
    if loaded.traces.endpoint is not None:
        text = "a gateway sees no requests to trace: run `smbquic serve`"
        raise Document.load(file).error(("traces", "endpoint"), text)
    config.check_contents(file, loaded)
    return loaded


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


def _use(
    certified: bool, running: RunningGateway, _: config.Configuration, new: config.Configuration
) -> None:
    """Have a gateway use new settings. `certified` says that its command line has a certificate."""
    running.reload(None if certified else new.certificates or None, new.pools, new.backends)
    running.use_limits(new.limits)


def _announce(running: RunningGateway, *, ca: Path | None, as_json: bool) -> None:
    """Print that the gateway is ready, and which servers are behind it."""
    pools = {pool.name: [each.url for each in pool.backends] for pool in running.gateway.pools}
    if as_json:
        event: dict[str, Any] = {
            "event": "ready",
            "listeners": running.listeners,
            "pools": pools,
        }
        if running.web:
            event["web"] = running.web
        if ca:
            event["ca"] = str(ca)
        emit(event)
        return
    click.echo(f"gateway on {' '.join(running.listeners)}, Ctrl-C ends")
    for name, urls in pools.items():
        click.echo(f"  {name}: {' '.join(urls)}")
    if running.web:
        click.echo(f"web listener on {running.web}")
    if ca is not None:
        click.echo(f"clients trust the CA whose certificate is {ca}")
    sys.stdout.flush()
