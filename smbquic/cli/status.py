"""`smbquic status`: what the servers on this machine are doing.

A server listens on a socket in the file system that only its user and root can open. A client
sends a line with a command, ``status`` or ``reload``, gets one JSON document, and is disconnected.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import click

from smbquic.cli.command import command, json_option
from smbquic.cli.output import emit, printable, warn
from smbquic.cli.privileges import is_root
from smbquic.errors import ConnectError
from smbquic.pki.private import user_data_directory

SYSTEM = Path("/run/smbquic")
"""The folder for the sockets of system services."""
RESPONSE_TIMEOUT = 5.0
"""Seconds to wait for the response of a server, and for the command of a client."""
_LONGEST_COMMAND = 64

Answers = Mapping[str, Callable[[], dict[str, Any]]]
"""The functions that answer the commands of clients, by command."""
_NONE: Answers = {}

_log = logging.getLogger(__name__)


class StatusSource(Protocol):
    """A server or a gateway that runs."""

    def status(self) -> dict[str, Any]:
        """Return what it is doing, as plain values."""


def folder() -> Path:
    """Return the folder for the sockets of this user's servers; systemd may set it."""
    if "RUNTIME_DIRECTORY" in os.environ:
        return Path(os.environ["RUNTIME_DIRECTORY"])
    if "XDG_RUNTIME_DIR" in os.environ:
        return Path(os.environ["XDG_RUNTIME_DIR"]) / "smbquic"
    return SYSTEM if is_root() else user_data_directory() / "run"


@contextlib.asynccontextmanager
async def status_socket(serving: StatusSource, others: Answers = _NONE) -> AsyncIterator[None]:
    """Answer `smbquic status` and `others`; a server without the socket serves all the same."""
    answers = {"status": serving.status, **others}
    async with contextlib.AsyncExitStack() as stack:
        if sys.platform != "win32":
            try:
                await stack.enter_async_context(_listen_for_status(answers))
            except OSError as error:
                # Whoever names a folder relies on the socket, such as for a health check.
                level = logging.WARNING if "RUNTIME_DIRECTORY" in os.environ else logging.INFO
                _log.log(level, "`smbquic status` will not find this server: %s", error)
        yield


@contextlib.asynccontextmanager
async def _listen_for_status(answers: Answers) -> AsyncIterator[None]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # ValueError is a line that is too long.
        with contextlib.closing(writer), contextlib.suppress(OSError, ValueError, TimeoutError):
            async with asyncio.timeout(RESPONSE_TIMEOUT):
                command = (await reader.readline()).decode("ascii", "replace").strip()
                known = answers.get(command)
                found = {"error": "unknown command"} if known is None else known()
                writer.write(json.dumps(found).encode())
                await writer.drain()

    place = folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = place / f"{os.getpid()}.sock"
    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(answer, path, limit=_LONGEST_COMMAND)
    try:
        path.chmod(0o600)
        yield
    finally:
        server.close()
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def ask_servers(
    command: str, processes: Collection[int] = ()
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Send a command to the servers of this user and of the system; yield PIDs and answers.

    With `processes`, only to these. Raises `ConnectError` if none answers.
    """
    places = dict.fromkeys((folder(), SYSTEM))
    answered = False
    for path in (path for place in places for path in sorted(place.glob("*.sock"))):
        process = int(path.stem) if path.stem.isdecimal() else 0
        if processes and process not in processes:
            continue
        found = ask(path, command)
        if found is not None:
            answered = True
            yield process, found
    if not answered:
        where = " or ".join(map(str, places))
        raise ConnectError(f"no server answers in {where}: is one running, as this user?")


def ask(path: Path, command: str) -> dict[str, Any] | None:
    """Return the answer of one server; None where it has ended and left its socket behind."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(RESPONSE_TIMEOUT)
        try:
            link.connect(str(path))
            link.sendall(f"{command}\n".encode())
            response = b"".join(iter(lambda: link.recv(1 << 16), b""))
            found: dict[str, Any] = json.loads(response)
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return None
        except TimeoutError:
            warn(f"{path}: the server does not answer within {RESPONSE_TIMEOUT:g} s")
            return None
        except OSError as error:
            warn(f"{path}: the server cannot be reached: {error.strerror}")
            return None
        except ValueError:
            warn(f"{path}: this is not the answer of a server")
            return None
    return found


@command("status")
@json_option
def status(*, as_json: bool) -> None:
    """Show what the servers on this machine are doing.

    These are the servers of this user and those of the system.

    \b
    smbquic status
    smbquic status --json
    """
    for _, each in ask_servers("status"):
        if as_json:
            emit(each)
        else:
            try:
                click.echo("\n".join(_lines(each)))
            except (KeyError, TypeError):
                warn("a server of another version answers: restart it, or use --json")


def _gateway_lines(found: dict[str, Any]) -> Iterator[str]:
    yield (
        f"gateway {found['name']}, process {found['pid']}: {found['connections']} connections,"
        f" {found['logged_on']} of them logged on, {found['received'] >> 20} MiB from clients,"
        f" {found['sent'] >> 20} MiB to them"
    )
    if found["draining"]:
        yield "  is stopping: idle connections are closed, and no new ones are accepted"
    if (memory := found["memory"])["resident"] is not None:
        yield (
            f"  memory {memory['resident'] >> 20} MiB of at most {memory['limit'] >> 20}, of which"
            f" {memory['waiting'] >> 20} wait to be sent"
        )
    if found["failures"]:
        yield f"  failed requests: {_counts(found['failures'])}"
    for pool in found["pools"]:
        names = f" for {', '.join(pool['names'])}" if pool["names"] else ""
        yield f"  pool {printable(pool['name'])}{names}"
        for each in pool["backends"]:
            # One that is up may have failed once.
            reason = f"; it failed last: {printable(each['reason'])}" if each["reason"] else ""
            weight = f", weight {each['weight']}" if each["weight"] > 1 else ""
            yield (
                f"    {each['url']} is {each['state']}{weight}: {each['connections']} connections,"
                f" {each['total']} altogether{reason}"
            )


def _common_lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield what servers and gateways both have: refusals, listeners, workers, certificates."""
    if found["refused"]:
        yield f"  refused: {_counts(found['refused'])}"
    for each in found["listeners"]:
        engine = _engine(each) if each["engine"] else ""
        yield f"  listens on {each['url']}{engine}"
    for each in found["workers"]:
        yield _worker_line(each)
    if found["web"]:
        yield f"  status page on {_page_of(**found['web'])}"
    for each in found["certificates"]:
        yield (
            f"  certificate for {', '.join(each['names'])}: {each['days_left']} days left,"
            f" {each['file']}"
        )
        if each["acme"] is not None:
            yield _acme_line(each["acme"])


def _acme_line(acme: dict[str, Any]) -> str:
    server = f"    from {printable(acme['directory'])}"
    if acme["reason"] is None:
        return f"{server}, renewed at {acme['next']}"
    return (
        f"{server}: the last {acme['failures']} attempts to renew it failed, the next is at"
        f" {acme['next']}: {printable(acme['reason'])}"
    )


def _page_of(url: str, token: str) -> str:
    """Return where a browser finds the status page; it does not send what is behind the #."""
    return f"{url}/#token={token}" if url.startswith("http") else f"{url} with the token {token}"


def _worker_line(worker: dict[str, Any]) -> str:
    restarts = f", {worker['restarts']} restarts" if worker["restarts"] else ""
    if worker["pid"] is None:
        return f"  worker {worker['number']} is about to be started again{restarts}"
    return (
        f"  worker {worker['number']}, process {worker['pid']}:"
        f" {worker['connections']} connections,"
        f" {worker['processor_seconds'] or 0:.0f} s of processor time,"
        f" memory {(worker['resident'] or 0) >> 20} MiB{restarts}"
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {why}" for why, count in sorted(counts.items()))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    if "pools" in found:
        yield from _gateway_lines(found)
        yield from _common_lines(found)
        return
    yield (
        f"server {found['name']}, process {found['pid']}: {found['connections']} connections,"
        f" {len(found['sessions'])} sessions, {found['opens']} opens"
    )
    if found["draining"]:
        yield "  is stopping: clients may finish their requests, and no new ones are accepted"
    memory = found["memory"]
    if memory["resident"] is not None:
        yield (
            f"  memory {memory['resident'] >> 20} MiB of at most {memory['limit'] >> 20},"
            f" of which {memory['waiting'] >> 20} wait to be sent or handled"
        )
    files = found["open_files"]
    yield (
        f"  {files['used']} of at most {files['limit']} files open, {files['limit_of_user']} of one"
        f" user; {memory['of_users'] >> 20} of {memory['limit_of_users'] >> 20} MiB in locks,"
        " watches and pipes"
    )
    loop = found["event_loop"]
    if loop["held"]:
        yield (
            f"  {loop['held']} times a request kept all others waiting for over 10 ms,"
            f" {loop['longest_ms']:.0f} ms at most"
        )
    if found["failed_deletions"]:
        yield f"  {found['failed_deletions']} files were to be deleted and stayed: see the log"
    yield from _common_lines(found)
    yield f"  shares {', '.join(found['shares'])}"
    for each in found["sessions"]:
        engine = f", engine {each['engine']}" if each["engine"] else ""
        shares = f", on {', '.join(each['shares'])}" if each["shares"] else ""
        yield (
            f"  {printable(each['user']) or 'nobody'} from {each['address']} over"
            f" {each['transport'].upper()}{engine}{shares}: {each['opens']} opens"
        )


def _engine(listener: dict[str, Any]) -> str:
    return (
        f", engine {listener['engine']} ({listener['engine_reason']}),"
        f" {listener['lost_packets']} packets lost"
    )
