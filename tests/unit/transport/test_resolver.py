"""Names over HTTPS, from a server that runs here."""

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Sequence

import dns.asyncquery
import dns.message
import dns.rcode
import pytest

from smbquic.errors import ConnectError
from smbquic.options.client import DnsMode
from smbquic.pki import PkiDirectory, init
from smbquic.transport import resolver as module
from smbquic.transport.addresses import Address
from smbquic.transport.resolver import AddressResolver, Resolver
from tests.nameserver import NameServer, running_name_server

NAME = "fs.example"


@pytest.fixture
async def names(pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NameServer]:
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.ca))
    async with running_name_server(pki) as serving:
        yield serving


Found = Sequence[
    tuple[
        socket.AddressFamily,
        socket.SocketKind,
        int,
        str,
        tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
    ]
]
"""The result of `getaddrinfo`."""


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names that the system is asked for; it knows fs.example."""
    asked: list[str] = []
    real = asyncio.BaseEventLoop.getaddrinfo

    async def getaddrinfo(
        loop: asyncio.BaseEventLoop,
        host: bytes,
        port: int,
        *,
        type: socket.SocketKind,
        flags: int,
    ) -> Found:
        asked.append(host.decode())
        if asked[-1] == NAME:
            host = b"198.51.100.7"
        return await real(loop, host, port, type=type, flags=flags)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


async def addresses(resolver: Resolver, host: str = NAME) -> tuple[list[str], str]:
    found = await resolver.resolve(host, 443, socket.SOCK_DGRAM)
    assert all(each.endpoint[1] == 443 for each in found.addresses)
    return [each.endpoint[0] for each in found.addresses], found.by


async def test_the_server_answers_and_is_named(names: NameServer, system: list[str]) -> None:
    names.addresses[NAME] = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"]

    (first, *others), by = await addresses(Resolver(dns="doh-only", doh_url=names.url))

    # Of one name's addresses in one family, DNS keeps no order.
    assert (first, sorted(others)) == ("2001:db8::1", ["192.0.2.1", "192.0.2.2", "192.0.2.3"])
    assert by == names.url
    assert sorted(names.asked) == [(NAME, "A"), (NAME, "AAAA")]
    assert names.ids == {0}
    assert NAME not in system


async def test_the_families_take_turns(names: NameServer) -> None:
    names.addresses[NAME] = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "192.0.2.3"]

    found, _ = await addresses(Resolver(dns="doh-only", doh_url=names.url))

    assert [":" in each for each in found] == [True, False, True, False, False]


async def test_an_alias_is_followed(names: NameServer) -> None:
    names.alias[NAME] = "host.example"
    names.addresses["host.example"] = ["192.0.2.9"]

    assert (await addresses(Resolver(dns="doh", doh_url=names.url)))[0] == ["192.0.2.9"]


async def test_one_family_is_enough(names: NameServer) -> None:
    names.addresses[NAME] = ["192.0.2.1"]
    names.failing = {"AAAA"}

    assert (await addresses(Resolver(dns="doh-only", doh_url=names.url)))[0] == ["192.0.2.1"]


@pytest.mark.parametrize("mode", ["doh", "doh-only"])
@pytest.mark.parametrize("rcode", [dns.rcode.NOERROR, dns.rcode.NXDOMAIN])
async def test_no_is_an_answer(
    names: NameServer, system: list[str], mode: DnsMode, rcode: dns.rcode.Rcode
) -> None:
    names.rcode = rcode

    with pytest.raises(ConnectError, match=f"'{NAME}' has no address, says https://localhost"):
        await addresses(Resolver(dns=mode, doh_url=names.url))

    assert NAME not in system


@pytest.mark.parametrize("fault", ["status", "rcode", "certificate", "closed"])
async def test_a_server_that_cannot_say(
    names: NameServer,
    system: list[str],
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    bad_authority: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    names.addresses[NAME] = ["192.0.2.1"]
    url = names.url
    if fault == "status":
        names.status = "500 Internal Server Error"
    elif fault == "rcode":
        names.rcode = dns.rcode.REFUSED
    elif fault == "certificate":
        monkeypatch.setenv("SSL_CERT_FILE", bad_authority)
    else:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"https://localhost:{taken.getsockname()[1]}/dns-query"

    with pytest.raises(ConnectError, match=rf"{url} did not answer .*no other resolver"):
        await addresses(Resolver(dns="doh-only", doh_url=url))
    assert NAME not in system

    with caplog.at_level(logging.WARNING):
        assert await addresses(Resolver(dns="doh", doh_url=url)) == (["198.51.100.7"], "system")
    assert "so the system is asked" in caplog.text


@pytest.fixture
def bad_authority(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An authority that has not signed the server's certificate."""
    return str(init(tmp_path_factory.mktemp("other") / "pki").ca)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "fe80::1%lo", "localhost", "LOCALHOST"])
async def test_what_is_here_is_nobodys_business(names: NameServer, host: str) -> None:
    found, by = await addresses(Resolver(dns="doh-only", doh_url=names.url), host)

    assert found[0].partition("%")[0] in ("127.0.0.1", "::1", "fe80::1")
    assert by == "system"
    assert names.asked == []


async def test_the_system_by_default(system: list[str]) -> None:
    assert await addresses(Resolver()) == (["198.51.100.7"], "system")


async def test_a_server_is_asked_only_where_that_is_wanted(
    names: NameServer, system: list[str]
) -> None:
    assert await addresses(Resolver(doh_url=names.url)) == (["198.51.100.7"], "system")
    assert names.asked == []


@pytest.mark.parametrize(
    ("mode", "url", "reason"),
    [
        ("doh", None, "needs the URL"),
        ("doh-only", "http://dns.example/dns-query", "is not a URL"),
        ("doh", "https://", "is not a URL"),
        ("dot", None, "dns: 'dot' is not one of system, doh, doh-only"),
    ],
)
def test_what_makes_no_sense(mode: DnsMode, url: str | None, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Resolver(dns=mode, doh_url=url)


async def test_without_dnspython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dns.rdatatype", None)

    with pytest.raises(ConnectError, match=r"pip install 'smbquic\[doh\]'"):
        await addresses(Resolver(dns="doh", doh_url="https://dns.example/dns-query"))


async def test_an_address_that_is_given_for_every_name(system: list[str]) -> None:
    resolver = AddressResolver(address="192.0.2.5")
    found = await resolver.resolve(NAME, 445, socket.SOCK_STREAM)
    assert [address.endpoint for address in found.addresses] == [("192.0.2.5", 445)]
    assert found.by == "system"
    assert NAME not in system


@pytest.mark.parametrize(
    ("url", "port"),
    [("https://dns.example/dns-query", 443), ("https://dns.example:8443/dns-query", 8443)],
)
@pytest.mark.parametrize(
    ("error", "words"), [(OSError("first line\nsecond line"), "first line"), (OSError(), "OSError")]
)
async def test_how_a_server_is_asked(
    monkeypatch: pytest.MonkeyPatch, url: str, port: int, error: Exception, words: str
) -> None:
    resolved: list[tuple[str, int]] = []
    asked: list[tuple[int, str, float, str]] = []

    async def ask_system(host: str, port: int, kind: socket.SocketKind) -> list[Address]:
        resolved.append((host, port))
        return [Address(socket.AF_INET, ("192.0.2.53", port))]

    async def https(
        query: dns.message.Message,
        where: str,
        *,
        timeout: float,  # noqa: ASYNC109 (that of dnspython)
        verify: object,
        bootstrap_address: str,
    ) -> dns.message.Message:
        asked.append((query.id, where, timeout, bootstrap_address))
        raise error

    monkeypatch.setattr(module, "ask_system", ask_system)
    monkeypatch.setattr(dns.asyncquery, "https", https)
    with pytest.raises(ConnectError, match=rf"{url} did not answer \({words}\), and doh-only"):
        await addresses(Resolver(dns="doh-only", doh_url=url))

    assert resolved == [("dns.example", port)] * 2
    assert asked == [(0, url, 5.0, "192.0.2.53")] * 2
