"""What an administrator can do on the status page. Each is recorded in the audit log."""

import logging
from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from smbquic.auth.logon_limiter import network
from smbquic.lazy_dataclass import dataclass
from smbquic.observe.audit import AuditEvent
from smbquic.overload.refusals import ServerRefusal
from smbquic.overload.service import LimitedService
from smbquic.server.server import Server
from smbquic.web.page.connections import find_connection
from smbquic.web.page.files import find_open, find_session
from smbquic.web.source import WebControls, WebSource

MAX_NAME = 256

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What an action is about: the number or the name of something, and for how long."""

    what: str | int | tuple[str, ...]
    seconds: float = inf

    @classmethod
    def parse(cls, body: object) -> "Order":
        """Return the order in the body of a request. Raises ValueError."""
        if not isinstance(body, dict):
            raise ValueError("an action has a JSON object")
        what, seconds = body.get("what", ""), body.get("seconds")
        if isinstance(what, list):
            what = tuple(map(str, what))
        if not isinstance(what, str | int | tuple) or len(str(what)) > MAX_NAME:
            raise ValueError("what it is about is a number or a name")
        if seconds is None:
            return cls(what)
        if not isinstance(seconds, int | float) or not 0 < seconds < inf:
            raise ValueError("seconds is a number above 0")
        return cls(what, float(seconds))


Action = Callable[[Any, WebControls, Order], str]
"""Does something to a server or a gateway; returns a sentence about it.

Raises `LookupError` for what is not there any more, and ValueError."""


def available(source: WebSource) -> list[str]:
    """Return the names of the actions that there are."""
    missing = {
        name
        for name, each in (("drain", source.controls.stop), ("reload", source.controls.reload))
        if each is None
    }
    return [name for name in _actions(source.service) if name not in missing]


def perform(source: WebSource, name: str, order: Order, client: str) -> str:
    """Do what an administrator at `client` asks for, and record it; return a sentence about it.

    Raises `LookupError` for what is not there (any more), and ValueError.
    """
    if name not in available(source):
        raise LookupError(f"there is no action {name!r} here")
    try:
        result = _actions(source.service)[name](source.service, source.controls, order)
    except (LookupError, ValueError) as error:
        _record(source.service, name, order, client, f"failed: {error}")
        raise
    _record(source.service, name, order, client, result)
    return result


def _record(
    service: LimitedService[Any], name: str, order: Order, client: str, result: str
) -> None:
    what = ", ".join(order.what) if isinstance(order.what, tuple) else str(order.what)
    _log.warning("an administrator at %s: %s: %s", client, f"{name} {what}".rstrip(), result)
    service.audit.record(
        AuditEvent.ADMINISTRATION,
        action=name,
        what=what or None,
        seconds=None if order.seconds == inf else order.seconds,
        address=client,
        result=result,
    )


def _actions(service: LimitedService[Any]) -> Mapping[str, Action]:
    return _OF_SERVERS if isinstance(service, Server) else _OF_ALL


def _close_connection(service: LimitedService[Any], _: WebControls, order: Order) -> str:
    connection = find_connection(service, _number(order))
    if connection is None:
        raise LookupError("this connection has ended already")
    connection.drop(ServerRefusal.ADMINISTRATOR)
    return f"closed the connection {connection.name}"


def _close_session(server: Server, _: WebControls, order: Order) -> str:
    session = find_session(server, _number(order))
    if session is None:
        raise LookupError("this session has ended already")
    server.sessions.end(session.session, keep=False)
    return f"closed the session of {session.session.identity}"


def _close_file(server: Server, _: WebControls, order: Order) -> str:
    entry = find_open(server, _number(order))
    if entry is None:
        raise LookupError("this file is closed already")
    entry.close()
    return f"closed {entry.file.name or 'the root of the share'}"


def _lock_out_user(server: Server, _: WebControls, order: Order) -> str:
    name = _name(order)
    server.logon_limiter.lockouts.add(name.casefold(), order.seconds)
    sessions = [
        each.session
        for each in list(server.sessions.values())
        if each.session.identity.user.casefold() == name.casefold()
    ]
    for session in sessions:
        server.sessions.end(session, keep=False)
    return f"locked the user {name} out, and closed {len(sessions)} sessions"


def _lock_out_address(service: LimitedService[Any], _: WebControls, order: Order) -> str:
    place = _network(order)
    service.connection_limiter.lockouts.add(place, order.seconds)
    connections = [each for each in list(service.connections) if each.client_network == place]
    for connection in connections:
        connection.drop(ServerRefusal.LOCKED_OUT)
    return f"locked {place} out, and closed {len(connections)} connections"


def _let_in_user(server: Server, _: WebControls, order: Order) -> str:
    name = _name(order)
    if not server.logon_limiter.lockouts.remove(name.casefold()):
        raise LookupError(f"{name} is not locked out")
    return f"let the user {name} in again"


def _let_in_address(service: LimitedService[Any], _: WebControls, order: Order) -> str:
    place = _name(order)
    if not service.connection_limiter.lockouts.remove(place):
        raise LookupError(f"{place} is not locked out")
    return f"let {place} in again"


def _forget_failures(server: Server, _: WebControls, order: Order) -> str:
    if not isinstance(order.what, tuple) or not server.logon_limiter.unlock(order.what):
        raise LookupError("these failed logons are forgotten already")
    return f"forgot the failed logons of {order.what[-1]}"


def _drain(service: LimitedService[Any], controls: WebControls, _: Order) -> str:
    # A second signal to stop would disconnect everybody at once.
    if service.draining:
        raise LookupError("it is stopping already")
    assert controls.stop is not None
    controls.stop()
    return "clients may finish now, and the program ends then"


def _reload(_: LimitedService[Any], controls: WebControls, __: Order) -> str:
    assert controls.reload is not None
    event = controls.reload()
    if "reason" in event:
        raise ValueError(f"not reloaded: {event['reason']}")
    changed = ", ".join(event.get("changed", ())) or "nothing"
    restart = ", ".join(event.get("restart", ()))
    later = f"; it takes a restart for {restart}" if restart else ""
    return f"read the files again; of the configuration {changed} has changed{later}"


def _number(order: Order) -> int:
    if not isinstance(order.what, int):
        raise ValueError("this action is about a number")
    return order.what


def _name(order: Order) -> str:
    if not isinstance(order.what, str) or not order.what.strip():
        raise ValueError("this action needs a name")
    return order.what.strip()


def _network(order: Order) -> str:
    name = _name(order)
    try:
        return network(name)
    except ValueError:
        raise ValueError(f"{name} is no IP address") from None


_OF_ALL: Mapping[str, Action] = {
    "close-connection": _close_connection,
    "lock-out-address": _lock_out_address,
    "let-in-address": _let_in_address,
    "drain": _drain,
    "reload": _reload,
}
_OF_SERVERS: Mapping[str, Action] = {
    **_OF_ALL,
    "close-session": _close_session,
    "close-file": _close_file,
    "lock-out-user": _lock_out_user,
    "let-in-user": _let_in_user,
    "forget-failures": _forget_failures,
}
