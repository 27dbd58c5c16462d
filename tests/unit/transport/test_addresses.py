"""Names, addresses, and the race between them."""

import asyncio
import socket

import pytest

from smbquic.errors import ConnectError, HandshakeError
from smbquic.transport import addresses
from smbquic.transport.addresses import (
    Address,
    endpoint,
    is_ip_address,
    is_loopback,
    is_private,
    is_wildcard,
    race,
    url,
)

ONE, TWO, THREE = (Address(socket.AF_INET, (f"192.0.2.{n}", 443)) for n in (1, 2, 3))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (("192.0.2.1", 445), ("192.0.2.1", 445)),
        (("2001:db8::1", 443, 0, 0), ("2001:db8::1", 443)),
        (("::ffff:192.0.2.1", 443, 0, 0), ("192.0.2.1", 443)),
        (("::ffff:1", 443, 0, 0), ("::ffff:1", 443)),
    ],
)
def test_endpoint(address: tuple[object, ...], expected: tuple[str, int]) -> None:
    assert endpoint(address) == expected


@pytest.mark.parametrize(
    ("host", "loopback", "wildcard"),
    [
        ("127.0.0.1", True, False),
        ("127.9.9.9", True, False),
        ("::1", True, False),
        ("0.0.0.0", False, True),
        ("::", False, True),
        ("192.0.2.1", False, False),
        ("fe80::1%eth0", False, False),
    ],
)
def test_kinds_of_addresses(host: str, loopback: bool, wildcard: bool) -> None:
    assert is_loopback((host, 1)) is loopback
    assert is_wildcard((host, 1)) is wildcard


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("192.0.2.1", True),
        ("2001:db8::1", True),
        ("fs.example", False),
        ("", False),
        ("1.2", False),
    ],
)
def test_names_that_are_addresses(name: str, named: bool) -> None:
    assert is_ip_address(name) is named


@pytest.mark.parametrize(
    ("host", "private"), [("10.0.0.1", True), ("fe80::1%eth0", True), ("9.9.9.9", False)]
)
def test_addresses_that_the_internet_does_not_route(host: str, private: bool) -> None:
    assert is_private((host, 1)) is private


def test_url() -> None:
    assert url("quic", ("192.0.2.1", 443)) == "quic://192.0.2.1:443"
    assert url("tcp", ("2001:db8::1", 445)) == "tcp://[2001:db8::1]:445"


async def test_an_address_resolves_to_itself_once() -> None:
    assert await addresses.resolve("127.0.0.1", 80, socket.SOCK_STREAM) == [
        Address(socket.AF_INET, ("127.0.0.1", 80))
    ]


async def test_no_host_is_every_address() -> None:
    found = await addresses.resolve("", 80, socket.SOCK_DGRAM, passive=True)

    assert all(is_wildcard(address.socket_address) for address in found)
    assert found[0].endpoint[1] == 80


@pytest.mark.parametrize("name", ["nowhere.invalid", "x" * 300, "..", "ß.invalid", "ä" * 300])
async def test_a_name_without_address(name: str) -> None:
    with pytest.raises(ConnectError, match="cannot be resolved"):
        await addresses.resolve(name, 80, socket.SOCK_STREAM)


async def test_the_first_that_succeeds_wins() -> None:
    async def attempt(address: Address) -> str:
        return address.endpoint[0]

    assert await race([ONE, TWO], attempt, discard=print) == "192.0.2.1"


async def test_a_failure_gives_way_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "HEAD_START", 1000)

    async def attempt(address: Address) -> str:
        if address != THREE:
            raise ConnectError("no")
        return "three"

    async with asyncio.timeout(20):
        assert await race([ONE, TWO, THREE], attempt, discard=print) == "three"


async def test_a_slow_address_gets_company_and_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addresses, "HEAD_START", 0)
    cancelled = asyncio.Event()

    async def attempt(address: Address) -> str:
        if address == TWO:
            return "two"
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    async with asyncio.timeout(20):
        assert await race([ONE, TWO], attempt, discard=print) == "two"
    assert cancelled.is_set()


async def test_the_first_failure_is_told_unless_somebody_answered() -> None:
    async def nobody(address: Address) -> str:
        raise ConnectError(address.endpoint[0])

    async def somebody(address: Address) -> str:
        if address == TWO:
            raise HandshakeError("the certificate is bad", "expired")
        raise ConnectError(address.endpoint[0])

    with pytest.raises(ConnectError, match=r"192\.0\.2\.1"):
        await race([ONE, TWO, THREE], nobody, discard=print)
    with pytest.raises(HandshakeError, match="the certificate is bad"):
        await race([ONE, TWO, THREE], somebody, discard=print)


async def test_what_is_no_transport_error_comes_out() -> None:
    async def attempt(address: Address) -> str:
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        await race([ONE, TWO], attempt, discard=print)


async def test_cancelling_the_race_cancels_the_attempts() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def attempt(address: Address) -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    running = asyncio.create_task(race([ONE], attempt, discard=print))
    await started.wait()
    running.cancel()
    async with asyncio.timeout(20):
        with pytest.raises(asyncio.CancelledError):
            await running

    assert cancelled.is_set()


async def test_a_final_error_ends_it() -> None:
    async def attempt(address: Address) -> str:
        if address == ONE:
            raise HandshakeError("no")
        return "two"

    assert await race([ONE, TWO], attempt, discard=print) == "two"
    with pytest.raises(HandshakeError):
        await race([ONE, TWO], attempt, discard=print, final=(HandshakeError,))


async def test_another_delay() -> None:
    started: list[Address] = []

    async def attempt(address: Address) -> str:
        started.append(address)
        await asyncio.sleep(0)
        return "done"

    await race([ONE, TWO], attempt, discard=print, head_start=1000)
    assert started == [ONE]


async def test_a_result_that_came_at_the_same_time_is_discarded() -> None:
    both = asyncio.Barrier(2)
    discarded: list[Address] = []

    async def attempt(address: Address) -> Address:
        await both.wait()
        return address

    async with asyncio.timeout(20):
        first = await race([ONE, TWO], attempt, discard=discarded.append, head_start=0)
    assert {first, *discarded} == {ONE, TWO}
    assert len(discarded) == 1
