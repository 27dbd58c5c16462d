"""Several processes on one port: a connection stays with its worker, whatever its client does."""

import asyncio
import random
from collections.abc import Iterator

import pytest

from smbquic.errors import ConnectionClosed
from smbquic.pki import PkiDirectory
from smbquic.transport import quic
from smbquic.transport.quic.engine import STATELESS_RESET
from smbquic.transport.quic.transport import QuicTransport
from tests.integration.internals import library_of, rebind
from tests.integration.pairing import Pairing
from tests.integration.worker import Workers, answer

SIZE = 1 << 18
WORKERS = 2
CHANGES = 10

aioquic_clients = pytest.mark.parametrize("pairing", ["aioquic", "aioquic-qh3"], indirect=True)
"""For clients that change their connection ID, which qh3's client is not asked to do here."""


@pytest.fixture
def workers(pairing: Pairing, identity: quic.ServerTls) -> Iterator[Workers]:
    made = Workers(pairing.server, WORKERS, identity)
    yield made
    made.close()


@pytest.fixture
def trust(pki: PkiDirectory) -> quic.ClientTls:
    return quic.ClientTls(ca=pki.ca, verify=lambda chain, name: None)


async def connect(pairing: Pairing, workers: Workers, trust: quic.ClientTls) -> QuicTransport:
    return await pairing.connect("127.0.0.1", workers.port, trust=trust)


async def worker_of(client: QuicTransport, message: bytes = b"\xfeSMB") -> int:
    """Send a message; return the number of the worker that has received it, all of it."""
    await client.send(message)
    received = bytes(await asyncio.wait_for(client.receive(), 60))
    assert received == answer(received[0], message)
    return received[0]


async def clients_of_all(
    pairing: Pairing, workers: Workers, trust: quic.ClientTls
) -> dict[int, QuicTransport]:
    """Return a client of each worker: the first ID of a client decides, and is random."""
    found: dict[int, QuicTransport] = {}
    while len(found) < WORKERS:
        client = await connect(pairing, workers, trust)
        worker = await worker_of(client)
        if worker in found:
            await end(client)
        else:
            found[worker] = client
    return found


async def end(client: QuicTransport) -> None:
    client.close()
    await client.wait_closed()


async def test_a_transfer_goes_on_while_the_client_changes_its_address(
    pairing: Pairing, workers: Workers, trust: quic.ClientTls
) -> None:
    clients = await clients_of_all(pairing, workers, trust)
    for worker, client in clients.items():
        ports: set[int] = set()
        for index in range(CHANGES):
            message = random.Random(index).randbytes(SIZE)
            answered = asyncio.create_task(worker_of(client, message))
            # The message is on its way by then.
            await asyncio.sleep(0)
            rebind(client, ports)
            assert await answered == worker
        assert len(ports) == CHANGES
        await end(client)


@aioquic_clients
async def test_a_client_may_change_its_connection_id_with_its_address(
    pairing: Pairing, workers: Workers, trust: quic.ClientTls
) -> None:
    """Each ID is retired, and replaced by a new one of the same worker ([RFC9000] 5.1.2)."""
    clients = await clients_of_all(pairing, workers, trust)
    for worker, client in clients.items():
        library = library_of(client)
        used = [library._peer_cid.cid]
        for _ in range(CHANGES):
            library.change_connection_id()
            client.connection.rebind()
            used.append(library._peer_cid.cid)
            assert await worker_of(client, bytes(SIZE)) == worker
        # The core of qh3 announces no IDs, so its clients keep theirs.
        assert len(set(used)) == (CHANGES + 1 if pairing.server == "aioquic" else 1)
        assert {each[0] % 32 % WORKERS for each in used} == {worker}
        await end(client)


async def test_any_worker_resumes_the_session_of_another(
    pairing: Pairing, workers: Workers, trust: quic.ClientTls
) -> None:
    first = await connect(pairing, workers, trust)
    before, others = await worker_of(first), 0
    assert not first.peer.resumed
    await end(first)
    while not others:
        client = await connect(pairing, workers, trust)
        others += await worker_of(client) != before
        assert client.peer.resumed
        await end(client)


async def test_a_worker_that_was_replaced_resets_its_connections_and_no_others(
    pairing: Pairing, workers: Workers, trust: quic.ClientTls
) -> None:
    clients = await clients_of_all(pairing, workers, trust)
    workers.replace(1)
    with pytest.raises(ConnectionClosed, match=STATELESS_RESET):
        await worker_of(clients[1])

    assert await worker_of(clients[0]) == 0
    again = await clients_of_all(pairing, workers, trust)
    for client in (clients[0], *again.values()):
        await end(client)
