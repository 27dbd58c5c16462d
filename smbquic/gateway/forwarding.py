"""Forwards messages between two transports, in both directions, until one of them ends.

One message at a time is under way in each direction, besides what the two transports hold: so a
slow end slows the other one down, and the memory of a pair is bounded by that of its transports.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

from smbquic.errors import RemoteProtocolError, TransportError
from smbquic.lazy_dataclass import dataclass
from smbquic.transport.base import MessageTransport

Inspect = Callable[[memoryview], Awaitable[object] | None]
"""Called with each message before it is sent on; what it returns is waited for first."""


def _ignore(_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Direction:
    """From `source` to `target`. `charge` is called with the seconds that each message took."""

    source: MessageTransport
    target: MessageTransport
    inspect: Inspect = _ignore
    charge: Callable[[float], object] = _ignore


@dataclass(frozen=True, slots=True)
class ForwardResult:
    """The transport that has ended first, and why; None if neither said why."""

    ended: MessageTransport | None
    reason: str


async def forward(*directions: Direction) -> ForwardResult:
    """Forward messages until one end has disconnected and all its messages are sent on.

    Raises what an `inspect` raises.
    """
    tasks = {asyncio.create_task(_forward(each)): each for each in directions}
    running = set(tasks)
    try:
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                reason = task.result()
                if reason is not None:
                    return ForwardResult(tasks[task].source, reason)
        return ForwardResult(None, "")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _forward(direction: Direction) -> str | None:
    """Forward messages in one direction until an end disconnects.

    Returns why the source has, or None if the target has.
    """
    receive, target = direction.source.receive, direction.target
    inspect, charge = direction.inspect, direction.charge
    while True:
        try:
            message = await receive()
        except (TransportError, RemoteProtocolError) as error:
            return str(error)
        started = perf_counter()
        waiting = inspect(message)
        if waiting is not None:
            await waiting
            started = perf_counter()
        sent = target.send_now(message)
        charge(perf_counter() - started)
        if sent:
            continue
        try:
            await target.send(message)
        except TransportError:
            # The other direction finds out why, once it has sent on what is left.
            return None
