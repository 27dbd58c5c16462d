"""A whole server in this process, and a client that plays scripts with it."""

import asyncio
import logging
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

from smbquic.auth.credentials import Credentials
from smbquic.auth.initiator import new_initiator
from smbquic.auth.spnego.initiator import Initiator
from smbquic.options.limits import Limits
from smbquic.protocol.settings import DIALECTS, ServerSettings
from smbquic.server.access import AccessPolicy
from smbquic.server.server import CAPABILITIES, Server
from smbquic.server.share import ServedShare
from smbquic.storage.local import LocalStorage
from tests.fuzz import logons
from tests.fuzz.memory import pair
from tests.fuzz.place import FuzzPlace, small_files
from tests.fuzz.player import PATIENCE, Misbehaviour, Player
from tests.fuzz.source import Source

MANY = 1 << 30
LIMITS = Limits(
    failed_logon_delay=0.0,
    failed_logons=MANY,
    failed_logons_of_address=MANY,
    interim_delay=0.0,
    break_seconds=0.005,
    unauthenticated_share=1.0,
)
_DESCRIPTORS = Path("/proc/self/fd")
KINDS: tuple[Literal["tcp", "quic"], ...] = ("tcp", "quic")


def wrong() -> Initiator:
    """A logon that fails."""
    return new_initiator(Credentials(logons.USER, "wrong"), host="localhost")


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner(loop_factory=asyncio.new_event_loop)


def close() -> None:
    """End the event loop that all inputs share."""
    _runner().close()
    _runner.cache_clear()


def run_until_quiet(work: Coroutine[object, object, None]) -> None:
    """Run it, and raise what it raises, what is logged as a failure, and what it leaves behind."""
    runner = _runner()
    runner.get_loop()
    before = _descriptors()
    with failures() as failed:
        with ThreadPoolExecutor() as threads:
            runner.get_loop().set_default_executor(threads)
            runner.run(_quietly(work, failed))
        runner.run(asyncio.sleep(0))  # what the last threads have done is taken in
    if failed:
        raise failed[0]
    if _descriptors() > before:
        raise Misbehaviour(f"{_descriptors() - before} files were left open")


async def _quietly(work: Coroutine[object, object, None], failed: list[BaseException]) -> None:
    def take(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        failed.append(context.get("exception") or Misbehaviour(context["message"]))

    asyncio.get_running_loop().set_exception_handler(take)
    await work
    if rest := asyncio.all_tasks() - {asyncio.current_task()}:
        _, pending = await asyncio.wait(rest, timeout=PATIENCE)
        if pending:
            raise Misbehaviour(f"tasks were left: {pending}")


def _descriptors() -> int:
    return sum(1 for _ in _DESCRIPTORS.iterdir()) if _DESCRIPTORS.exists() else 0


@contextmanager
def failures() -> Iterator[list[BaseException]]:
    """Collect the errors that the package logs; everything else that it logs is dropped."""
    found: list[BaseException] = []

    class Taking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            found.append(error or Misbehaviour(record.getMessage()))

    logger, handler = logging.getLogger("smbquic"), Taking(logging.ERROR)
    before = logger.propagate, logger.level
    logger.propagate = False
    logger.setLevel(logging.ERROR)
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)
        logger.propagate, level = before
        logger.setLevel(level)


@contextmanager
def serving(make: type[Server] = Server) -> Iterator[tuple[Server, FuzzPlace]]:
    """A server of a fresh folder; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder, small_files():
        place = FuzzPlace(Path(folder))
        storage = LocalStorage(place.share)
        shares = [ServedShare("data", storage), ServedShare("readonly", storage, read_only=True)]
        settings = ServerSettings(
            guid=bytes(range(16)),
            dialects=DIALECTS,
            signing_required=False,
            capabilities=CAPABILITIES,
        )
        try:
            yield (
                make(
                    shares,
                    AccessPolicy(logons.authenticator(), pipes_over_quic=True),
                    settings,
                    limits=LIMITS,
                ),
                place,
            )
        finally:
            storage.close()
        place.check()


async def hung_up(server: Server, connection: asyncio.Task[None]) -> None:
    """Wait for the end of a server whose only client has gone, and look at what it kept."""
    done, _ = await asyncio.wait([connection], timeout=PATIENCE)
    if not done:
        raise Misbehaviour("the server goes on after its client has closed the connection")
    connection.result()
    await server.close()
    for what in ("connections", "sessions", "files"):
        if getattr(server, what):
            raise Misbehaviour(f"the server keeps {what} of a client that has gone")


def run(data: bytes) -> None:
    """One script, before or after a logon."""
    run_until_quiet(_play(Source(data)))


async def _play(source: Source) -> None:
    kind, after = source.pick(KINDS), source.below(4) != 0
    mine, theirs = pair(kind)
    with serving() as (server, _):
        connection = asyncio.create_task(server.serve(theirs))
        initiator = logons.initiator if after else wrong
        try:
            await Player(mine, source, initiator, after=after).play()
        finally:
            await hung_up(server, connection)
