"""A server and a gateway with worker processes, over real sockets."""

import asyncio
import json
import os
import pwd
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

import smbquic
from smbquic.api import server as api
from smbquic.api.gateway import RunningGateway, gateway
from smbquic.api.serving import Serving
from smbquic.errors import ConnectionClosed, HandshakeError, ListenError, SmbError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.options.certificate import IdentityFiles
from smbquic.options.gateway import PoolOptions
from smbquic.options.limits import Limits
from smbquic.options.quic import EngineName
from smbquic.pki import PkiDirectory
from tests.engines import ENGINES
from tests.integration.auditing import AuditRecords
from tests.polling import eventually

PASSWORD = "correct horse"
TIMEOUT = 60.0


def identity(pki: PkiDirectory, **rules: Any) -> IdentityFiles:
    server = pki.server
    return IdentityFiles(certificate=server.certificate, key=server.key, default=True, **rules)


@asynccontextmanager
async def serving(
    folder: Path, pki: PkiDirectory, engine: EngineName = "auto", **options: Any
) -> AsyncIterator[Serving]:
    """A server with two workers, or as many as the options say."""
    options = {
        "certificates": [identity(pki)],
        "workers": 2,
        "listen": ["quic://127.0.0.1:0"],
        **options,
    }
    async with api.serve(
        {"data": folder}, {"alice": PASSWORD}, engine=engine, **options
    ) as running:
        yield running


def url_of(running: Serving | RunningGateway, user: str = "alice") -> str:
    return f"smb+quic://{user}@localhost:{running.listeners[0].rpartition(':')[2]}/data"


def connected(running: Serving | RunningGateway, pki: PkiDirectory, **options: Any) -> Any:
    options = {"password": PASSWORD, "ca": pki.ca, "reconnect_timeout": 0, **options}
    return smbquic.connect(url_of(running), timeout=TIMEOUT, **options)


async def connections_by_worker(
    stack: AsyncExitStack, running: Serving | RunningGateway, pki: PkiDirectory
) -> dict[int, smbquic.Share]:
    """A connection through each of the workers, by the worker's process id."""
    found: dict[int, smbquic.Share] = {}
    before = Counter({each["pid"]: each["connections"] for each in running.status()["workers"]})
    while len(found) < len(before):
        share = await stack.enter_async_context(connected(running, pki))
        now = Counter({each["pid"]: each["connections"] for each in running.status()["workers"]})
        [pid] = now - before
        before = now
        found[pid] = share
    return found


async def disconnected(share: smbquic.Share) -> str:
    """Wait until a client is disconnected; why."""
    async with asyncio.timeout(TIMEOUT):
        while True:
            try:
                await share.stat("")
            except ConnectionClosed as error:
                return str(error)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> EngineName:
    name: EngineName = request.param
    return name


async def work(share: smbquic.Share, folder: Path) -> None:
    """What clients do: files in both directions, some of them large, folders, and listings."""
    content = os.urandom(10_000_000)
    (folder / "content").write_bytes(content)
    await share.mkdir("folder")
    await share.put(folder / "content", "folder/file")
    await share.get("folder/file", folder / "copy")
    assert (folder / "copy").read_bytes() == content
    async with share.open("folder/file", "rb") as file:
        assert await file.read(5) == content[:5]
    assert [each.name async for each in share.scandir("folder")] == ["file"]
    await share.rename("folder/file", "other")
    await share.remove("other")
    with pytest.raises(FileNotFoundError):
        await share.stat("other")


async def test_clients_of_a_server(pki: PkiDirectory, tmp_path: Path, engine: EngineName) -> None:
    (tmp_path / "share").mkdir()
    async with (
        serving(tmp_path / "share", pki, engine) as running,
        connected(running, pki, engine=engine) as share,
    ):
        await work(share, tmp_path)
        [session] = running.status()["sessions"]
        assert (session["transport"], session["engine"]) == ("quic", engine)
        assert session["round_trip_ms"] > 0
        [listener] = running.status()["listeners"]
        assert listener["engine"] == engine


async def test_clients_of_a_gateway(pki: PkiDirectory, tmp_path: Path, engine: EngineName) -> None:
    (tmp_path / "share").mkdir()
    async with (
        api.serve(
            {"data": tmp_path / "share"},
            {"alice": PASSWORD},
            ["tcp://127.0.0.1:0"],
            extended_protection=False,
        ) as server,
        gateway(
            [PoolOptions(backends=server.listeners)],
            listen=["quic://127.0.0.1:0"],
            certificate=pki.server.certificate,
            key=pki.server.key,
            engine=engine,
            workers=2,
        ) as running,
        connected(running, pki, engine=engine) as share,
    ):
        await work(share, tmp_path)
        found = running.status()
        assert [each["restarts"] for each in found["workers"]] == [0, 0]
        assert sum(each["connections"] for each in found["workers"]) == found["connections"] == 1


async def test_clients_beyond_the_limit_are_told(pki: PkiDirectory, tmp_path: Path) -> None:
    """By whichever worker they come, also by the one that has the connection in the way."""

    async def refusal(running: Serving) -> NtStatus | None:
        with pytest.raises(StatusError) as caught:
            async with smbquic.connect(url_of(running), password=PASSWORD, ca=pki.ca, timeout=2):
                pass
        return caught.value.status

    limits = Limits(connections=1)
    async with serving(tmp_path, pki, limits=limits) as running, connected(running, pki):
        found = await asyncio.gather(*(refusal(running) for _ in range(8)))
    assert set(found) == {NtStatus.REQUEST_NOT_ACCEPTED}


async def test_a_worker_that_is_killed(pki: PkiDirectory, tmp_path: Path) -> None:
    """Its connections end, those of others go on, and another one takes its place."""
    (tmp_path / "file").write_text("content")
    records = AuditRecords()
    async with serving(tmp_path, pki, audit=records) as running, AsyncExitStack() as stack:
        killed, other = (await connections_by_worker(stack, running, pki)).items()
        os.kill(killed[0], signal.SIGKILL)
        await disconnected(killed[1])
        assert (await other[1].stat("file")).size == 7
        record = await records.first("worker")
        assert record["reason"] == "killed by SIGKILL"
        await eventually(lambda: None not in [e["pid"] for e in running.status()["workers"]])
        assert sorted(each["restarts"] for each in running.status()["workers"]) == [0, 1]
        again = await connections_by_worker(stack, running, pki)
        assert other[0] in again
        assert killed[0] not in again
        for share in (*again.values(), other[1]):
            assert (await share.stat("file")).size == 7


async def test_a_worker_that_ends_again_and_again(
    pki: PkiDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    async with serving(tmp_path, pki, workers=1) as running:
        monkeypatch.setattr("smbquic.workers.process.asyncio.sleep", noted)

        def worker() -> Any:
            return running.status()["workers"][0]

        for _ in range(3):
            before = worker()
            os.kill(before["pid"], signal.SIGKILL)
            await eventually(lambda: worker()["restarts"] > before["restarts"])  # noqa: B023
            await eventually(lambda: worker()["pid"] is not None)
        assert [each for each in waits if each >= 0.5] == [0.5, 1.0]
        async with connected(running, pki) as share:
            await share.mkdir("folder")


async def test_workers_that_cannot_start(
    pki: PkiDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(ListenError, match=r"worker 0 has ended while it started \(exit code 1\)"):
        async with serving(tmp_path, pki):
            pass


async def test_another_server_has_the_port(pki: PkiDirectory, tmp_path: Path) -> None:
    async with serving(tmp_path, pki) as running:
        with pytest.raises(ListenError, match="another program has the port"):
            async with serving(tmp_path, pki, listen=running.listeners):
                pass


async def test_refused_certificates_are_recorded(pki: PkiDirectory, tmp_path: Path) -> None:
    records = AuditRecords()
    rules = {"client_ca": pki.ca, "allow": ["subject:CN=somebody else"]}
    rules_only = identity(pki, **rules)
    async with serving(tmp_path, pki, certificates=[rules_only], audit=records) as running:
        with pytest.raises(SmbError):
            async with connected(
                running, pki, client_certificate=pki.client.certificate, client_key=pki.client.key
            ):
                pass
        decision = await records.first("access-decision")
        failure = await records.first("handshake-failure")
    assert not decision["granted"]
    assert failure["reason"] == "access-denied"
    assert decision["client_certificate"] == failure["chain"][0]
    assert failure["server_name"] == "localhost"


async def test_new_rules_disconnect_a_client(pki: PkiDirectory, tmp_path: Path) -> None:
    trusting = identity(pki, client_ca=pki.ca)
    shown = {"client_certificate": pki.client.certificate, "client_key": pki.client.key}
    async with (
        serving(tmp_path, pki, certificates=[trusting]) as running,
        AsyncExitStack() as stack,
    ):
        share = await stack.enter_async_context(connected(running, pki, **shown))
        await share.mkdir("folder")
        assert share.peer.encrypted
        denied = identity(pki, client_ca=pki.ca, allow=["subject:CN=somebody else"])
        running.reload([denied])
        await disconnected(share)
        with pytest.raises(HandshakeError):
            async with connected(running, pki, **shown) as share:
                await share.stat("folder")


async def test_limits_of_an_address_hold_for_all_workers(pki: PkiDirectory, tmp_path: Path) -> None:
    async with (
        serving(tmp_path, pki, limits=Limits(connections_of_address=3)) as running,
        AsyncExitStack() as stack,
    ):
        for _ in range(3):
            await stack.enter_async_context(connected(running, pki))
        with pytest.raises(SmbError):
            async with smbquic.connect(url_of(running), password=PASSWORD, ca=pki.ca, timeout=1):
                pass
        assert running.status()["refused"]["connections-of-address"] > 0
        assert running.status()["connections"] == 3


async def test_draining(pki: PkiDirectory, tmp_path: Path) -> None:
    async with serving(tmp_path, pki) as running, AsyncExitStack() as stack:
        share = await stack.enter_async_context(connected(running, pki))
        async with share.open("file", "wb", buffering=0) as file:
            draining = asyncio.create_task(running.drain(600, asyncio.Event()))
            await file.write(b"one")
            with pytest.raises(SmbError):
                async with smbquic.connect(
                    url_of(running), password=PASSWORD, ca=pki.ca, timeout=1
                ):
                    pass
            await file.write(b"two")
        async with asyncio.timeout(TIMEOUT):
            await draining
        assert "the server is stopping" in await disconnected(share)
    assert (tmp_path / "file").read_bytes() == b"onetwo"


@contextmanager
def program(folder: Path, pki: PkiDirectory, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """`smbquic serve` with two workers, as a process with a process group of its own."""
    (folder / "share").mkdir()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "smbquic", "serve", "--json", "--workers", "2"),
            *("--share", f"data={folder / 'share'}", "--user", f"alice:{PASSWORD}"),
            *("--cert", pki.server.certificate, "--key", pki.server.key),
            *("--listen", "quic://127.0.0.1:0", *options),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def children(process: "subprocess.Popen[str]") -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(each) for each in path.read_text().split()]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    # Whoever has adopted it may not have waited for it yet.
    return state != "Z"


async def test_nobody_is_left_when_the_main_process_is_killed(
    pki: PkiDirectory, tmp_path: Path
) -> None:
    with program(tmp_path, pki) as process:
        assert process.stdout is not None
        event = json.loads(process.stdout.readline())
        workers = children(process)
        assert len(workers) == 2
        url = f"smb+quic://alice@localhost:{event['listeners'][0].rpartition(':')[2]}/data"
        async with smbquic.connect(
            url, password=PASSWORD, ca=pki.ca, reconnect_timeout=0, timeout=TIMEOUT
        ) as share:
            process.kill()
            await disconnected(share)
        await eventually(lambda: not any(map(is_running, workers)))


async def test_ctrl_c_lets_clients_finish(pki: PkiDirectory, tmp_path: Path) -> None:
    """A terminal sends the signal to all processes; the workers leave it to the main process."""
    with program(tmp_path, pki) as process:
        assert process.stdout is not None
        event = json.loads(process.stdout.readline())
        workers = children(process)
        url = f"smb+quic://alice@localhost:{event['listeners'][0].rpartition(':')[2]}/data"
        async with (
            smbquic.connect(
                url, password=PASSWORD, ca=pki.ca, reconnect_timeout=0, timeout=TIMEOUT
            ) as share,
            share.open("file", "wb", buffering=0) as file,
        ):
            os.killpg(process.pid, signal.SIGINT)
            assert json.loads(process.stdout.readline())["event"] == "draining"
            await file.write(b"content")
        assert json.loads(process.stdout.readline()) == {"event": "stopped"}
        assert process.wait(TIMEOUT) == 0
        assert not any(map(is_running, workers))
    assert (tmp_path / "share" / "file").read_bytes() == b"content"


def can_run_python(user: str) -> bool:
    try:
        subprocess.run([sys.executable, "-c", ""], user=user, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give its rights away")
async def test_workers_become_the_user(pki: PkiDirectory, tmp_path: Path) -> None:
    with program(tmp_path, pki, "--run-as", "nobody") as process:
        assert process.stdout is not None
        event = json.loads(process.stdout.readline())
        nobody = pwd.getpwnam("nobody")

        def ids(pid: int) -> dict[str, set[str]]:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            found = {
                name: set(value.split()) for name, _, value in (x.partition(":") for x in lines)
            }
            return {name: found[name] for name in ("Uid", "Gid", "Groups")}

        expected = ids(process.pid)
        assert expected["Uid"] == {str(nobody.pw_uid)}
        workers = children(process)
        await eventually(lambda: all(ids(each) == expected for each in workers))
        url = f"smb+quic://alice@localhost:{event['listeners'][0].rpartition(':')[2]}/data"
        async with smbquic.connect(url, password=PASSWORD, ca=pki.ca, timeout=TIMEOUT) as share:
            assert [each async for each in share.scandir("")] == []
        if can_run_python("nobody"):
            os.kill(workers[0], signal.SIGKILL)
            await eventually(lambda: children(process) not in (workers, workers[1:]))
            assert all(ids(each) == expected for each in children(process))
        else:
            process.terminate()
            _, errors = process.communicate(timeout=TIMEOUT)
            assert "a worker that ends is not started again" in errors
