"""A server is reloaded while clients work: no session ends, and no operation fails."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import smbquic
from smbquic.errors import AuthenticationError, NotFoundError, SmbError, StatusError
from smbquic.pki import PkiDirectory

RELOADS = 50
PASSWORD = "correct horse"


class Server:
    """`smbquic serve -c FILE`, and its configuration."""

    def __init__(self, folder: Path, pki: PkiDirectory) -> None:
        self.folder, self.pki = folder, pki
        self.file = folder / "smbquic.toml"

    def write(
        self,
        shares: dict[str, str],
        users: dict[str, str],
        limits: str = "",
        top: str = "",
    ) -> None:
        lines = ['listen = ["quic://127.0.0.1:0", "tcp://127.0.0.1:0"]', top, "[users]"]
        lines += [f'{name} = "{password}"' for name, password in users.items()]
        for name, rest in shares.items():
            (self.folder / name).mkdir(exist_ok=True)
            lines += [f"[shares.{name}]", f'path = "{name}"', rest]
        server = self.pki.server
        lines += ["[[certificate]]", f'file = "{server.certificate}"', f'key = "{server.key}"']
        self.file.write_text("\n".join([*lines, "[limits]", limits, ""]))

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "smbquic", "serve", "-c", str(self.file), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        ready = self.event()
        self.quic, self.tcp = (each.rpartition(":")[2] for each in ready["listeners"])

    def event(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    async def reload(self) -> dict[str, Any]:
        self.process.send_signal(signal.SIGHUP)
        return await asyncio.to_thread(self.event)

    def share(self, name: str, user: str, *, tcp: bool = False) -> Any:
        if tcp:
            url = f"smb://{user}@127.0.0.1:{self.tcp}/{name}"
            return smbquic.connect(url, password=PASSWORD)
        url = f"smb+quic://{user}@localhost:{self.quic}/{name}"
        return smbquic.connect(url, password=PASSWORD, ca=self.pki.ca)


USERS = {"alice": PASSWORD, "bob": PASSWORD}


@pytest.fixture
def server(tmp_path: Path, pki: PkiDirectory) -> Iterator[Server]:
    server = Server(tmp_path, pki)
    server.write({"data": "", "other": ""}, USERS)
    server.start()
    yield server
    server.process.kill()
    server.process.communicate()


async def test_reloads_under_load(server: Server) -> None:
    done, again = asyncio.Event(), asyncio.Event()
    rounds = 0

    async def work(number: int, *, tcp: bool) -> None:
        nonlocal rounds
        content = bytes(50_000) + bytes([number])
        async with (
            server.share("data", "alice", tcp=tcp) as share,
            share.open(f"kept-{number}", "wb") as kept,
        ):
            while not done.is_set():
                await share.write_bytes(f"file-{number}", content)
                assert await share.read_bytes(f"file-{number}") == content
                await kept.write(b"x")
                rounds += 1
                again.set()

    async with asyncio.TaskGroup() as clients:
        for number in range(4):
            clients.create_task(work(number, tcp=number % 2 == 0))
        for number in range(RELOADS):
            changes = {f"new{number}": "", "data": f'comment = "{number}"'}
            server.write(changes, USERS | {f"user{number}": "x"}, f"opens = {1000 + number}")
            event = await server.reload()
            assert event["event"] == "reloaded"
            assert {"limits.opens", "users", "shares.data", f"shares.new{number}"} <= {
                *event["changed"]
            }
            again.clear()
            await again.wait()
        done.set()
    assert rounds >= RELOADS


async def test_shares_are_added_removed_and_replaced(server: Server) -> None:
    async with server.share("data", "alice") as data, server.share("other", "alice") as other:
        await data.write_bytes("file", b"1")
        server.write({"data": "read_only = true", "new": ""}, USERS)
        event = await server.reload()
        assert event["changed"] == ["shares.data", "shares.other", "shares.new"]
        async with server.share("new", "alice") as new:
            await new.write_bytes("file", b"3")
        with pytest.raises(StatusError):
            await other.stat("file")
        async with server.share("data", "alice") as again:
            assert await again.read_bytes("file") == b"1"
            with pytest.raises(OSError, match=r"read-only|denied|protect"):
                await again.write_bytes("file", b"2")
        with pytest.raises(NotFoundError):
            async with server.share("other", "alice"):
                pass


async def test_a_user_who_is_removed_is_logged_off(server: Server) -> None:
    async with server.share("data", "alice") as alice, server.share("data", "bob") as bob:
        server.write({"data": "", "other": ""}, {"alice": "another password"})
        assert (await server.reload())["changed"] == ["users"]
        # Who has another password stays logged on.
        await alice.write_bytes("file", b"1")
        with pytest.raises(SmbError):
            await bob.stat("file")
        with pytest.raises(AuthenticationError):
            async with server.share("data", "alice"):
                pass


@pytest.mark.parametrize(
    ("shares", "users", "reason"),
    [
        ({}, USERS, "there is nothing left to share"),
        ({"data": ""}, {}, "nobody could log on"),
        ({"data": "fiel = 1"}, USERS, "there is no such key"),
    ],
)
async def test_what_would_leave_nothing_is_refused(
    server: Server, shares: dict[str, str], users: dict[str, str], reason: str
) -> None:
    server.write(shares, users)
    event = await server.reload()
    assert event["event"] == "reload-refused"
    assert reason in event["reason"]
    async with server.share("other", "bob") as share:
        await share.write_bytes("file", b"1")


async def test_what_needs_a_restart_is_said(server: Server) -> None:
    server.write({"data": "", "other": ""}, USERS, "threads = 9", top="guest = true")
    event = await server.reload()
    assert event == {"event": "reloaded", "changed": [], "restart": ["guest", "limits.threads"]}
