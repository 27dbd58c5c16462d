"""The connections of a server or a gateway, those that have ended included."""

from typing import Any

from smbquic.observe.connections import ObservedConnection, connection_facts
from smbquic.overload.service import LimitedService, ServedConnection
from smbquic.overload.slices import Slices
from smbquic.web.page.paging import Query, Row, table

_SEARCHED = ("name", "server_name", "reason")


async def connections(service: LimitedService[Any], query: Query) -> dict[str, Any]:
    """Return a page of the connections, the latest first; those that have ended come last."""
    found = await table(_entries(service), query, _text_of, _row_of)
    return {**found, "open": len(service.connections), "ended": len(_ended(service))}


async def lost_packets(service: LimitedService[Any]) -> int:
    """Return how many packets all connections have lost, those that have ended included."""
    slices = Slices()
    # Both at once: a connection that ends meanwhile must not count twice.
    lost, connections = service.lost_packets, list(service.connections)
    for connection in connections:
        await slices.step()
        lost += connection.transport.statistics().lost_packets or 0
    return lost


def find_connection(service: LimitedService[Any], number: int) -> ServedConnection | None:
    """Return the connection with this number in the audit records, if it is open."""
    found = (each for each in service.connections if each.trail.connection == number)
    return next(found, None)


def _ended(service: LimitedService[Any]) -> list[Row]:
    return list(service.ended_connections or ())


def _entries(service: LimitedService[Any]) -> list[ObservedConnection | Row]:
    return [*reversed(list(service.connections)), *reversed(_ended(service))]


def _text_of(entry: ObservedConnection | Row) -> str:
    if isinstance(entry, dict):
        return " ".join([*(str(entry[name]) for name in _SEARCHED), *entry["users"]])
    users = " ".join(entry.logged_on_users)
    return f"{entry.name} {entry.transport.peer.server_name} {users}"


def _row_of(entry: ObservedConnection | Row) -> Row:
    return entry if isinstance(entry, dict) else connection_facts(entry)
