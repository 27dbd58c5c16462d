"""The reload of a running server or gateway: on SIGHUP, and by `smbquic reload`."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from typing import Any, Generic, TypeVar

import click

from smbquic import config
from smbquic.cli import logs
from smbquic.cli.command import command, json_option, verbosity
from smbquic.cli.failure import ExitCode
from smbquic.cli.output import emit, printable, warn
from smbquic.cli.status import ask_servers
from smbquic.errors import SmbError
from smbquic.lazy_dataclass import dataclass
from smbquic.observe.audit import RotatingFile, Sink
from smbquic.options.limits import Limits, replaceable
from smbquic.options.model import declared
from smbquic.options.server import ProgramOptions

_KEYS = {
    "certificates": "certificate",
    "acme": "acme",
    "backends": "gateway",
    "pools": "gateway.pools",
}
_RELOADED = frozenset({"certificates", "backends", "pools", "users_file", "log_level"})
"""The options that a running program takes over, besides shares, users and limits."""

_log = logging.getLogger(__name__)

R = TypeVar("R")


@dataclass(slots=True)
class Reloader(Generic[R]):
    """Reads the configuration of a running program again, and has the program use it.

    `settings` are those in use, `read` returns what the file and the command line have now, and
    `use` gives the program the new settings after the former ones. Both may raise; nothing has
    changed then. The audit files of `sinks` are reopened, as another program may have moved them.
    """

    running: R
    settings: config.Configuration
    read: Callable[[], config.Configuration]
    use: Callable[[R, config.Configuration, config.Configuration], None]
    sinks: Iterable[Sink | None]
    as_json: bool

    def reload(self) -> dict[str, Any]:
        """Reload, say what has come of it, and return that as an event."""
        self._reopen()
        try:
            new = self.read()
            kept = kept_options(self.settings, new)
            changed = list(changed_keys(self.settings, new))
            usable = new
            if new.acme != self.settings.acme:
                # The certificate of the new one is obtained by a restart.
                usable = replace(new, certificates=self.settings.certificates)
            self.use(self.running, self.settings, usable)
        except (SmbError, OSError, ValueError, click.ClickException) as error:
            reason = error.format_message() if isinstance(error, click.ClickException) else error
            _log.error("not reloaded, the former configuration stays: %s", reason)
            event: dict[str, Any] = {"event": "reload-refused", "reason": str(reason)}
        else:
            logs.configure_server(new.log_level, self.settings.log_format, verbosity())
            limits = replaceable(new.limits, self.settings.limits)
            former = {name: getattr(self.settings, name) for name in kept}
            in_use = replace(usable, limits=limits, **former)
            restart = list(changed_keys(in_use, new))
            self.settings = replace(in_use, users=self.settings.users)
            event = {
                "event": "reloaded",
                "changed": [key for key in changed if key not in restart],
                "restart": restart,
            }
            if not self.as_json:
                click.echo("\n".join(said(event)))
        if self.as_json:
            emit(event)
        return event

    def _reopen(self) -> None:
        for sink in self.sinks:
            if not isinstance(sink, RotatingFile):
                continue
            try:
                sink.reopen()
            except OSError as error:
                _log.error(
                    "%s: not reopened, the former file goes on: %s", error.filename, error.strerror
                )


def kept_options(former: config.Configuration, new: config.Configuration) -> list[str]:
    """Return the names of the options that differ, and that a running program does not take."""
    return [
        name
        for name in _options()
        if name not in _RELOADED and getattr(former, name) != getattr(new, name)
    ]


def changed_keys(former: config.Configuration, new: config.Configuration) -> Iterator[str]:
    """Yield the keys of the configuration file whose values differ."""
    known = declared(ProgramOptions)
    for name in _options():
        if getattr(former, name) != getattr(new, name):
            each = known.get(name)
            yield _KEYS.get(name) or (each and each.key) or name
    for field in fields(Limits):
        if getattr(former.limits, field.name) != getattr(new.limits, field.name):
            yield f"limits.{field.name}"
    shares = {each.name: each for each in former.shares}
    now = {each.name: each for each in new.shares}
    for name in {**shares, **now}:
        if shares.get(name) != now.get(name):
            yield f"shares.{name}"
    if former.users.accounts() != new.users.accounts():
        yield "users"


def _options() -> Iterator[str]:
    """Yield the names of the options that are compared as a whole."""
    others = ("limits", "shares", "users")
    return (each.name for each in fields(config.Configuration) if each.name not in others)


def said(event: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that say what a reload has changed, and what needs a restart."""
    changed = ", ".join(event["changed"])
    yield f"reloaded, changed: {changed}" if changed else "reloaded, no option has changed"
    if event["restart"]:
        yield (
            f"{', '.join(event['restart'])}: a running program keeps its former value; restart it"
            " to use the new one"
        )


@command("reload")
@click.argument("processes", metavar="[PID]...", type=int, nargs=-1)
@json_option
def reload(processes: tuple[int, ...], *, as_json: bool) -> int:
    """Have running servers and gateways read their configuration files again.

    \b
    smbquic reload
    smbquic reload 4711

    These are all servers of this user and, as root, those of the system; or those with a
    PID. Sessions go on. Shares, users, access rules, certificates, limits and the log level
    change at once. What needs a restart is named; a wrong file changes nothing, and the exit
    code is 1 then.
    """
    answers = list(ask_servers("reload", processes))
    for process, event in answers:
        if as_json:
            emit({"pid": process, **event})
        elif event.get("event") == "reloaded":
            for line in said(event):
                click.echo(f"process {process}: {printable(line)}")
        else:
            reason = event.get("reason", "this server is of another version: restart it")
            warn(f"process {process}: not reloaded: {reason}")
    refused = any(event.get("event") != "reloaded" for _, event in answers)
    return ExitCode.PARTLY if refused else ExitCode.DONE
