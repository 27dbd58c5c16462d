"""Importing modules, and compiling messages, while a server has not answered yet.

In a program that has just started, the modules of the client take longer to import than the packets
of many a round trip are under way.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module

from smbquic.client.url import TransportName

CLIENT = (
    "smbquic.protocol.client",
    "smbquic.client.connection",
    "smbquic.client.session",
    "smbquic.client.share",
    "smbquic.client.first_messages",
)
"""What every client needs once the transport is connected, in this order."""
TRANSPORTS: dict[TransportName, tuple[str, ...]] = {
    "tcp": ("smbquic.transport.tcp",),
    "quic": ("smbquic.transport.quic.client", "smbquic.pki.channel", "smbquic.pki.verification"),
}
"""What connecting takes besides, without a QUIC engine."""
TURNS = 10
"""Turns of the event loop in which a task does all that it can do without waiting."""


def import_client(transport: TransportName) -> None:
    """Import what a client needs now, where it is measured how long connecting takes."""
    for module in (*TRANSPORTS[transport], *CLIENT):
        import_module(module)


def _nothing() -> Iterator[None]:
    return iter(())


@contextmanager
def imported_meanwhile(
    *modules: str, then: Callable[[], Iterator[None]] = _nothing
) -> Iterator[None]:
    """Import modules one by one whenever the block waits for something.

    What is not imported when the block ends is imported where it is needed. When all are, `then` is
    called, and what it returns is taken step by step in the same way.
    """
    importing = asyncio.create_task(_import(modules, then))
    try:
        yield
    finally:
        importing.cancel()


async def _import(modules: Iterable[str], then: Callable[[], Iterator[None]]) -> None:
    for module in modules:
        if module not in sys.modules:
            await pass_turns()
            import_module(module)
    await pass_turns()
    for _ in then():
        await pass_turns()


async def pass_turns() -> None:
    """Let the other tasks go on until they wait for something, and receive what has come."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
