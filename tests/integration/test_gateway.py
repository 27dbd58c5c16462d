"""The gateway over real sockets, between clients and back ends that the test plays."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import pytest

import smbquic
from smbquic.api.gateway import RunningGateway, gateway
from smbquic.api.listen import ListenAddress
from smbquic.errors import ConnectError, ConnectionClosed, SmbError, UrlError
from smbquic.gateway.refusals import GatewayRefusal
from smbquic.options.gateway import BackendOptions, PoolOptions
from smbquic.options.limits import Limits
from smbquic.overload.refusals import ServerRefusal
from smbquic.pki import PkiDirectory
from smbquic.transport import quic
from smbquic.transport.base import MessageTransport, PathStatistics
from smbquic.transport.refusals import Refusal
from smbquic.transport.tcp import TcpTransport
from smbquic.wire.header import Command, Header
from tests.integration.auditing import AuditRecords
from tests.integration.backends import GUID, SimulatedBackend, simulated
from tests.polling import eventually
from tests.unit.gateway.messages import (
    compound,
    negotiate,
    negotiated,
    refused_logon,
    request,
    session_setup,
    tree_connect,
)

ECHOED = bytes(request(Command.ECHO, bytes(4), 5, 7))
QUICK: dict[str, Any] = {"health_interval": 0.1, "health_timeout": 20.0, "health_failures": 1}


@asynccontextmanager
async def running(
    pki: PkiDirectory,
    *backends: SimulatedBackend | str,
    pool: dict[str, Any] | None = None,
    **more: Any,
) -> AsyncIterator[RunningGateway]:
    """A gateway to these back ends."""
    urls = [each if isinstance(each, str) else each.url for each in backends]
    async with gateway(
        [PoolOptions(backends=urls, **(pool or {}))],
        listen=["quic://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
        **{**QUICK, **more},
    ) as made:
        yield made


@asynccontextmanager
async def client(
    made: RunningGateway, pki: PkiDirectory, number: int = 0, user: str = "alice"
) -> AsyncIterator[MessageTransport]:
    """A client that has sent a NEGOTIATE and, unless `user` is empty, has logged on."""
    transport = await reached(made, pki)
    try:
        await transport.send(negotiate(GUID % number))
        await received(transport)
        if user:
            await transport.send(session_setup(user))
            await received(transport)
        yield transport
    finally:
        transport.close()
        await transport.wait_closed()


async def reached(made: RunningGateway, pki: PkiDirectory) -> MessageTransport:
    port = int(made.listeners[0].rpartition(":")[2])
    return await quic.connect("localhost", port, trust=quic.ClientTls(ca=pki.ca), timeout=60)


async def received(transport: MessageTransport) -> bytes:
    return bytes(await asyncio.wait_for(transport.receive(), 60))


async def echoed(transport: MessageTransport) -> None:
    await transport.send(ECHOED)
    assert await received(transport) == ECHOED


async def ended(transport: MessageTransport) -> str:
    with pytest.raises(ConnectionClosed) as error:
        await received(transport)
    return str(error.value)


def told(reason: Refusal) -> str:
    """What a client is told of a reason."""
    return reason.text.partition(": ")[2]


async def test_messages_pass_unchanged_and_are_seen(pki: PkiDirectory) -> None:
    audit = AuditRecords()
    async with (
        simulated(1) as [backend],
        running(pki, backend, audit=audit) as made,
        client(made, pki) as transport,
    ):
        large = bytes(request(Command.WRITE, bytes(8 << 20), 9, 7))
        encrypted = b"\xfdSMB" + bytes(100)
        for message in (large, encrypted, b"no SMB message", b""):
            await transport.send(message)
            assert await received(transport) == message
        await transport.send(tree_connect(r"\\fs\data"))
        await received(transport)
        sent = [bytes(negotiate(GUID % 0)), bytes(session_setup()), large, encrypted]
        assert backend.received[:4] == sent
        status = made.status()
        assert (status["connections"], status["logged_on"]) == (1, 1)
        assert 0 < status["memory"]["resident"] < status["memory"]["limit"]
        assert status["commands"] == {
            "NEGOTIATE": 1,
            "SESSION_SETUP": 1,
            "WRITE": 1,
            "TREE_CONNECT": 1,
        }
        [shown] = status["pools"][0]["backends"]
        assert (shown["url"], shown["state"], shown["connections"]) == (backend.url, "up", 1)
    [logon] = audit.of("logon")
    assert (logon["user"], logon["domain"]) == ("alice", "WG")
    assert audit.of("backend")[0]["backend"] == backend.url
    [disconnection] = audit.of("disconnection")
    assert disconnection["received"] > len(large)
    assert disconnection["hidden"] == 6


@pytest.mark.parametrize(
    "first",
    [b"", b"GET / HTTP/1.1\r\n", bytes(session_setup()), b"\xffSMBr" + bytes(60), bytes(60_000)],
)
async def test_back_ends_see_nothing_before_a_negotiate(pki: PkiDirectory, first: bytes) -> None:
    async with simulated(1) as [backend], running(pki, backend) as made:
        transport = await reached(made, pki)
        await transport.send(first)
        await ended(transport)
        await eventually(lambda: not made.gateway.connections)
        assert backend.clients == []
        assert made.status()["pools"][0]["backends"][0]["total"] == 0
        assert made.gateway.refusals.counts[GatewayRefusal.NOT_NEGOTIATE] == 1


async def test_a_flood_of_unauthenticated_clients_reaches_no_back_end(pki: PkiDirectory) -> None:
    limits = Limits(unauthenticated_of_address=5, logon_seconds=600)
    async with simulated(1) as [backend], running(pki, backend, limits=limits) as made:
        crowd = [await reached(made, pki) for _ in range(8)]
        await eventually(lambda: len(made.gateway.connections) == 5)
        assert backend.clients == []
        for each in crowd:
            each.close()
        for each in crowd:
            await each.wait_closed()


async def test_who_does_not_log_on_is_disconnected(pki: PkiDirectory) -> None:
    limits = Limits(logon_seconds=0.2)
    async with (
        simulated(1) as [backend],
        running(pki, backend, limits=limits) as made,
        client(made, pki, user="") as transport,
    ):
        assert told(ServerRefusal.NO_LOGON) in await ended(transport)
        await eventually(lambda: backend.ended >= 1 and not made.gateway.connections)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (bytes(tree_connect("x")), GatewayRefusal.BEFORE_LOGON),
        (b"\xfdSMB" + bytes(60), GatewayRefusal.BEFORE_LOGON),
        (bytes(session_setup())[:80], GatewayRefusal.MALFORMED),
    ],
)
async def test_before_a_logon_only_a_logon_passes(
    pki: PkiDirectory, message: bytes, reason: GatewayRefusal
) -> None:
    async with (
        simulated(1) as [backend],
        running(pki, backend) as made,
        client(made, pki, user="") as transport,
    ):
        await transport.send(message)
        assert told(reason) in await ended(transport)
        assert len(backend.received) == 1
        assert made.gateway.refusals.counts[reason] == 1


async def test_a_failed_logon_is_delayed_and_recorded(pki: PkiDirectory) -> None:
    audit = AuditRecords()
    limits = Limits(failed_logon_delay=0.3)
    async with (
        simulated(1) as [backend],
        running(pki, backend, limits=limits, audit=audit) as made,
        client(made, pki, user="") as transport,
    ):
        await transport.send(session_setup("mallory"))
        answer = Header.decode(await received(transport))
        assert answer.status == smbquic.NtStatus.LOGON_FAILURE
        assert made.status()["logged_on"] == 0
        [connection] = made.gateway.connections
        assert connection.failed_until <= asyncio.get_running_loop().time()
    [failure] = audit.of("logon-failure")
    assert (failure["user"], failure["status"]) == ("mallory", "STATUS_LOGON_FAILURE")


async def test_failed_logons_in_one_message_wait_for_each_of_them(pki: PkiDirectory) -> None:
    def respond(header: Header, message: memoryview) -> bytes | None:
        if header.command == Command.NEGOTIATE:
            return bytes(negotiated())
        if header.message_id == 1:
            return None
        return bytes(compound(refused_logon(1), refused_logon(2)))

    audit = AuditRecords()
    limits = Limits(failed_logon_delay=3600.0)
    async with (
        simulated(1, respond=respond) as [backend],
        running(pki, backend, limits=limits, audit=audit) as made,
        client(made, pki, user="") as transport,
    ):
        for number in (1, 2):
            await transport.send(session_setup("mallory", number))
        counts = made.gateway.refusals.counts
        await eventually(lambda: counts[ServerRefusal.FAILED_LOGON] == 2)
        [connection] = made.gateway.connections
        assert connection.failed_until > asyncio.get_running_loop().time() + 3600.0
    assert [each["user"] for each in audit.of("logon-failure")] == ["mallory"] * 2


async def test_a_session_that_cannot_be_bound_is_no_guess(pki: PkiDirectory) -> None:
    audit = AuditRecords()
    limits = Limits(failed_logon_delay=3600.0)
    async with (
        simulated(1) as [backend],
        running(pki, backend, limits=limits, audit=audit) as made,
        client(made, pki, user="") as transport,
    ):
        await transport.send(session_setup("binder"))
        answer = Header.decode(await received(transport))
        assert answer.status == smbquic.NtStatus.INVALID_PARAMETER
        assert made.gateway.refusals.counts[ServerRefusal.FAILED_LOGON] == 0
    assert audit.of("logon-failure")[0]["status"] == "STATUS_INVALID_PARAMETER"


async def test_a_back_end_that_dies_ends_its_clients_only(pki: PkiDirectory) -> None:
    async with (
        simulated(2) as backends,
        running(pki, *backends, health_interval=3600.0) as made,
        client(made, pki, 0) as one,
        client(made, pki, 1) as two,
    ):
        assert sorted(len(each.clients) for each in backends) == [1, 1]
        dead = next(each for each in backends if each.clients == [GUID % 0])
        alive = next(each for each in backends if each is not dead)
        await dead.kill()
        assert told(GatewayRefusal.BACKEND_LOST) in await ended(one)
        await echoed(two)
        # No check has run since: the connection that fails is what tries the next back end.
        for number in range(2, 6):
            async with client(made, pki, number) as another:
                await echoed(another)
        assert len(alive.clients) == 5
        states = {each.url: each.state for each in made.gateway.pools.pools[0].backends}
        assert states == {dead.url: "down", alive.url: "up"}
        await echoed(two)


async def test_a_back_end_that_vanishes_ends_its_clients_too(
    pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts: dict[str, int] = {}

    def statistics(transport: TcpTransport) -> PathStatistics:
        return PathStatistics(timeouts=timeouts.get(f"tcp://127.0.0.1:{transport.peer.remote[1]}"))

    monkeypatch.setattr(TcpTransport, "statistics", statistics)
    async with (
        simulated(2) as backends,
        running(pki, *backends) as made,
        client(made, pki, 0) as one,
        client(made, pki, 1) as two,
    ):
        vanished, alive = sorted(backends, key=lambda each: each.clients != [GUID % 0])
        states = {each.url: each for each in made.gateway.pools.pools[0].backends}
        # Those that do not acknowledge, but answer checks, and those that only fail checks, stay.
        timeouts[alive.url] = 3
        vanished.stop_listening()
        await eventually(lambda: states[vanished.url].failed >= 2)
        await echoed(one)
        await echoed(two)
        timeouts[vanished.url] = 3
        assert told(GatewayRefusal.BACKEND_LOST) in await ended(one)
        await echoed(two)
        assert made.gateway.refusals.counts[GatewayRefusal.BACKEND_LOST] == 1


async def test_a_back_end_that_comes_back_gets_clients_again(pki: PkiDirectory) -> None:
    async with simulated(1) as [backend], running(pki, backend) as made:
        await backend.kill()
        state = made.gateway.pools.pools[0].backends[0]
        await eventually(lambda: not state.is_up)
        transport = await reached(made, pki)
        await transport.send(negotiate(GUID % 1))
        assert told(GatewayRefusal.NO_BACKEND) in await ended(transport)
        await backend.start()
        await eventually(lambda: state.is_up)
        async with client(made, pki) as transport:
            await echoed(transport)


async def test_too_many_sockets_are_no_fault_of_a_back_end(
    pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated(1) as [backend], running(pki, backend, health_interval=3600.0) as made:
        [state] = made.gateway.pools.pools[0].backends
        await eventually(lambda: backend.ended >= 1)

        async def connect(*_: object) -> NoReturn:
            raise ConnectError("too many") from OSError(errno.EMFILE, "too many open files")

        monkeypatch.setattr(state, "connect", connect)
        transport = await reached(made, pki)
        await transport.send(negotiate(GUID % 1))
        assert told(GatewayRefusal.NO_BACKEND) in await ended(transport)
        assert state.is_up


async def test_a_client_returns_to_its_back_end(pki: PkiDirectory) -> None:
    async with simulated(3) as backends, running(pki, *backends) as made:
        for _ in range(3):
            for number in range(6):
                async with client(made, pki, number) as transport:
                    await echoed(transport)
        for backend in backends:
            assert all(backend.clients.count(each) == 3 for each in backend.clients)
        assert sum(len(backend.clients) for backend in backends) == 18


async def test_pools_change_while_it_runs(pki: PkiDirectory) -> None:
    async with (
        simulated(2) as [first, second],
        running(pki, first) as made,
        client(made, pki) as old,
    ):
        drained = PoolOptions(backends=[f"{first.url} weight=0", second.url])
        made.reload(pools=[drained])
        for number in (0, 1):
            async with client(made, pki, number) as new:
                await echoed(new)
        assert len(second.clients) == 2
        assert made.gateway.pools.pools[0].backends[0].state == "drained"
        made.reload(pools=[PoolOptions(backends=[second.url])])
        await echoed(old)
        assert first.clients == [GUID % 0]
        made.reload(backends=BackendOptions(affinity_seconds=1.5))
        assert made.gateway.backend_options.affinity_seconds == 1.5
        assert [each.url for each in made.gateway.pools.pools[0].backends] == [second.url]
        with pytest.raises(UrlError):
            made.reload(pools=[PoolOptions(backends=["nonsense"])])
        async with client(made, pki, 3) as new:
            await echoed(new)


async def test_the_name_decides_on_the_pool(pki: PkiDirectory) -> None:
    pool = {"names": ["other.example"]}
    async with simulated(1) as [backend], running(pki, backend, pool=pool) as made:
        transport = await reached(made, pki)
        await transport.send(negotiate(GUID % 0))
        assert told(GatewayRefusal.NO_POOL) in await ended(transport)
        made.reload(pools=[PoolOptions(backends=[backend.url], names=["localhost"])])
        async with client(made, pki) as transport:
            await echoed(transport)


async def test_the_proxy_protocol_names_the_client(pki: PkiDirectory) -> None:
    size = 16 + 12 + 3 + len("smb") + 3 + len("localhost")
    pool = {"proxy_protocol": True}
    async with (
        simulated(1, prefix=True) as [backend],
        running(pki, backend, pool=pool, health_interval=3600.0) as made,
        client(made, pki) as transport,
    ):
        await echoed(transport)
        [prefix] = [each for each in backend.prefixes if each[12] == 0x21]
        assert prefix[:16] == b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + (size - 16).to_bytes(2, "big")
        assert prefix[16:20] == prefix[20:24] == bytes((127, 0, 0, 1))
        assert int.from_bytes(prefix[24:26], "big") == transport.peer.local[1]
        assert prefix.endswith(b"localhost")


async def test_plain_sessions_are_refused_where_encryption_is_required(pki: PkiDirectory) -> None:
    pool = {"require_encryption_to_backend": True}
    async with (
        simulated(1) as [backend],
        running(pki, backend, pool=pool) as made,
        client(made, pki) as transport,
    ):
        await transport.send(b"\xfdSMB" + bytes(60))
        await received(transport)
        before = len(backend.received)
        await transport.send(tree_connect("x"))
        assert told(GatewayRefusal.NOT_ENCRYPTED) in await ended(transport)
        assert len(backend.received) == before


@pytest.mark.parametrize(
    "nonsense", [b"", b"SSH-2.0", bytes(300_000), b"\xfeSMB" + b"\xff" * 80, bytes(1)]
)
async def test_a_hostile_back_end_ends_its_connection(pki: PkiDirectory, nonsense: bytes) -> None:
    async with (
        simulated(1, respond=lambda *_: nonsense) as [backend],
        running(pki, backend) as made,
    ):
        transport = await reached(made, pki)
        await transport.send(negotiate(GUID % 0))
        await ended(transport)
        assert made.status()["logged_on"] == 0
        reasons = made.gateway.refusals.counts
        assert reasons[GatewayRefusal.MALFORMED_ANSWER] + reasons[GatewayRefusal.BACKEND_LOST] == 1


async def test_a_back_end_that_does_not_read_slows_its_client_down(pki: PkiDirectory) -> None:
    stop, stopped = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never_reads(reader, writer, stop)
        stopped.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with running(pki, url, health_interval=3600.0) as made, client(made, pki) as transport:
        sent = 0

        async def flood() -> None:
            nonlocal sent
            for _ in range(400):
                await transport.send(request(Command.WRITE, bytes(1 << 20), 9, 7))
                sent += 1

        flooding = asyncio.create_task(flood())
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.5)
        assert sent < 100
        [connection] = made.gateway.connections
        flow = connection.transport.flow()
        assert flow.kept + flow.unfetched + connection.pending_bytes < 64 << 20
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        stop.set()
        await stopped.wait()
    server.close()
    await server.wait_closed()


async def never_reads(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stop: asyncio.Event
) -> None:
    """A back end that lets the client in, and reads nothing more."""
    backend = SimulatedBackend()
    try:
        for _ in range(2):
            size = int.from_bytes(await reader.readexactly(4), "big")
            message = memoryview(await reader.readexactly(size))
            answer = backend.respond(Header.decode(message), message)
            assert answer is not None
            writer.write(len(answer).to_bytes(4, "big") + answer)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await stop.wait()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.transport.abort()


async def test_clients_are_drained(pki: PkiDirectory) -> None:
    async with (
        simulated(1) as [backend],
        running(pki, backend) as made,
        client(made, pki) as transport,
    ):
        draining = asyncio.create_task(made.drain(600, asyncio.Event()))
        await echoed(transport)
        assert made.status()["draining"]
        assert not made.gateway.connection_limiter.admits("127.0.0.1")
        assert "stopping" in await ended(transport)
        await asyncio.wait_for(draining, 60)


async def test_our_own_server_behind_it(pki: PkiDirectory, tmp_path: Any) -> None:
    # The client binds its logon to the gateway's certificate, which the server does not know.
    async with (
        smbquic.serve(
            {"data": tmp_path},
            {"alice": "secret"},
            ["tcp://127.0.0.1:0"],
            extended_protection=False,
        ) as server,
        running(pki, server.listeners[0]) as made,
    ):
        url = f"smb+quic://alice@localhost:{made.listeners[0].rpartition(':')[2]}/data"
        async with smbquic.connect(url, password="secret", ca=pki.ca) as share:
            await share.write_bytes("file", bytes(3 << 20))
            assert await share.read_bytes("file") == bytes(3 << 20)
        with pytest.raises(SmbError):
            async with smbquic.connect(url, password="wrong", ca=pki.ca):
                pass


async def test_what_cannot_be_run(pki: PkiDirectory) -> None:
    pool = PoolOptions(backends=["tcp://127.0.0.1:1"])
    with pytest.raises(UrlError, match="listens on quic"):
        await gateway([pool], listen=["tcp://127.0.0.1:0"]).__aenter__()
    with pytest.raises(ValueError, match="needs a certificate"):
        await gateway([pool], listen=["quic://127.0.0.1:0"]).__aenter__()


def test_without_a_host_it_listens_on_all_addresses() -> None:
    assert ListenAddress.parse("quic://:443") == ListenAddress("quic", "0.0.0.0", 443)
    assert str(ListenAddress.parse("quic://:0")) == "quic://0.0.0.0:0"


@pytest.mark.one_process
async def test_too_few_descriptors_are_told(
    pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("smbquic.api.gateway.sockets_limit", lambda: 480)
    for most, told_of_it in ((480, False), (481, True)):
        limits = Limits(connections=most)
        async with simulated(1) as [backend], running(pki, backend, limits=limits):
            pass
        assert ("takes at most 480 clients" in caplog.text) == told_of_it
