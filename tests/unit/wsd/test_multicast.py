"""Datagrams on the loopback network."""

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import IPv4Interface

import pytest

from smbquic.wsd import multicast as module
from smbquic.wsd.envelope import MAX_MESSAGE
from smbquic.wsd.interfaces import Interface
from smbquic.wsd.messages import WsdMessages
from smbquic.wsd.multicast import GROUP, REPEATS, multicast
from smbquic.wsd.responder import WsdResponder
from tests.unit.wsd.clients import action_of, find, probe

LOOPBACK = Interface(IPv4Interface("127.0.0.1/8"))
URL = "http://127.0.0.1:1/there"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket in the group, on a port of this test alone, and what it sends to the group."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((GROUP, 0))
        monkeypatch.setattr(module, "PORT", sock.getsockname()[1])
        monkeypatch.setattr(module, "MAX_DELAY", 0.01)
        own = socket.inet_aton("127.0.0.1")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + own)
        sock.setblocking(False)
        yield sock


@pytest.fixture
def asking(client: socket.socket) -> Iterator[socket.socket]:
    """A socket that gets the answers to what it sends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        own = socket.inet_aton("127.0.0.1")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        sock.setblocking(False)
        yield sock


async def receive(sock: socket.socket) -> bytes:
    return await asyncio.get_running_loop().sock_recv(sock, 65536)


def responder() -> WsdResponder:
    return WsdResponder(WsdMessages("FS", 1), asyncio.get_running_loop().time)


async def test_hello_and_bye(client: socket.socket) -> None:
    async with multicast(LOOPBACK, responder(), URL):
        found = [await receive(client) for _ in REPEATS]
        assert action_of(found[0]) == "Hello"
        assert set(found) == {found[0]}
    assert action_of(await receive(client)) == "Bye"


async def test_a_probe_is_answered_to_its_sender(asking: socket.socket) -> None:
    async with multicast(LOOPBACK, responder(), URL):
        for junk in (b"", b"junk", probe() + b" " * MAX_MESSAGE):
            asking.sendto(junk, (GROUP, module.PORT))
        asking.sendto(probe(message_id="urn:1"), (GROUP, module.PORT))
        assert find(await receive(asking), "s:Header/a:RelatesTo") == "urn:1"


async def test_other_networks_are_not_answered(asking: socket.socket) -> None:
    answers = responder()
    alone = Interface(IPv4Interface("127.0.0.1/32"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.3", 0))
        own = socket.inet_aton("127.0.0.1")
        other.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        async with multicast(alone, answers, URL):
            other.sendto(probe(message_id="urn:other"), (GROUP, module.PORT))
            asking.sendto(probe(message_id="urn:own"), (GROUP, module.PORT))
            assert find(await receive(asking), "s:Header/a:RelatesTo") == "urn:own"
    assert list(answers._answered) == ["urn:own"]


async def test_what_is_sent_leaves_no_network(client: socket.socket) -> None:
    with module._socket(LOOPBACK) as sock:
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) == 1
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 1


async def test_a_network_without_multicast(client: socket.socket) -> None:
    with pytest.raises(OSError, match="No such device"):
        async with multicast(Interface(IPv4Interface("192.0.2.1/24")), responder(), URL):
            pass
