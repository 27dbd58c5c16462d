import socket
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from smbquic.client import probe as module
from smbquic.client.probe import failure, probe
from smbquic.client.probe_results import (
    ProbeFailed,
    ProbeOptions,
    ProbeOutcome,
    ProbeResult,
    ProbeStep,
)
from smbquic.client.url import SmbUrl
from smbquic.errors import ConnectError
from smbquic.transport.addresses import Address
from smbquic.transport.resolver import Resolution, Resolver

IPV4 = Address(socket.AF_INET, ("192.0.2.1", 443))
IPV6 = Address(socket.AF_INET6, ("2001:db8::1", 443))
URL = SmbUrl.parse("smb+quic://fs.example/data")


class Fixed(Resolver):
    """Knows the addresses of every name, or none of any."""

    def __init__(self, *addresses: Address) -> None:
        super().__init__()
        self._addresses = list(addresses)

    async def resolve(self, host: str, port: int, kind: socket.SocketKind) -> Resolution:
        if not self._addresses:
            raise ConnectError(f"{host} has no address")
        return Resolution(self._addresses, "a test")


def result(step: ProbeStep, outcome: ProbeOutcome = ProbeOutcome.FAILED) -> ProbeResult:
    return ProbeResult(step, outcome, "")


async def results(resolver: Resolver) -> list[ProbeResult]:
    async with aclosing(probe(URL, ProbeOptions(resolver=resolver))) as steps:
        return [each async for each in steps]


@pytest.fixture
def routes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes a machine that has no route to some families."""

    def set_missing(*missing: socket.AddressFamily) -> None:
        def reason(addresses: list[Address]) -> OSError | None:
            lost = addresses[0].family in missing
            return OSError(101, "Network is unreachable") if lost else None

        monkeypatch.setattr(module, "unreachable_reason", reason)

    return set_missing


class Paths:
    """Takes the place of `ProbePath`: what each family's path finds."""

    def __init__(self) -> None:
        self.found: dict[socket.AddressFamily, list[ProbeResult]] = {}
        self.closed = 0

    def __call__(self, url: SmbUrl, options: ProbeOptions, found: Resolution) -> "Paths.FakePath":
        return Paths.FakePath(self, self.found[found.addresses[0].family])

    class FakePath:
        connection = None

        def __init__(self, paths: "Paths", found: list[ProbeResult]) -> None:
            self._paths = paths
            self._found = found

        async def run(self) -> AsyncIterator[ProbeResult]:
            for each in self._found:
                if each.outcome is ProbeOutcome.FAILED:
                    raise ProbeFailed(each.step, each.text, each.advice)
                yield each

        async def close(self) -> None:
            self._paths.closed += 1


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch) -> Paths:
    made = Paths()
    monkeypatch.setattr(module, "ProbePath", made)
    return made


async def test_a_name_without_an_address_ends_it() -> None:
    [only] = await results(Fixed())
    assert (only.step, only.outcome) == (ProbeStep.NAME, ProbeOutcome.FAILED)
    assert only.text == "fs.example has no address"


async def test_without_a_route_to_any_address_nothing_is_sent(
    routes: Callable[..., None], paths: Paths
) -> None:
    routes(socket.AF_INET, socket.AF_INET6)
    found = await results(Fixed(IPV6, IPV4))
    assert [each.step for each in found] == [ProbeStep.NAME, ProbeStep.ADDRESSES]
    assert found[1].outcome is ProbeOutcome.FAILED
    assert "IPv6 and IPv4" in found[1].text
    assert paths.closed == 0


async def test_a_family_without_a_route_is_left_out(
    routes: Callable[..., None], paths: Paths
) -> None:
    routes(socket.AF_INET6)
    paths.found[socket.AF_INET] = [result(ProbeStep.NEGOTIATE, ProbeOutcome.OK)]
    found = await results(Fixed(IPV6, IPV4))
    assert [(each.step, each.outcome, each.family) for each in found[1:]] == [
        (ProbeStep.ADDRESSES, ProbeOutcome.OK, ""),
        (ProbeStep.ADDRESSES, ProbeOutcome.SKIPPED, "IPv6"),
        (ProbeStep.NEGOTIATE, ProbeOutcome.OK, "IPv4"),
    ]
    assert paths.closed == 1


async def test_each_family_is_probed_though_the_other_fails(
    routes: Callable[..., None], paths: Paths
) -> None:
    routes()
    paths.found = {
        socket.AF_INET6: [result(ProbeStep.TLS)],
        socket.AF_INET: [result(ProbeStep.TLS, ProbeOutcome.OK)],
    }
    found = await results(Fixed(IPV6, IPV4))
    assert [(each.family, each.outcome) for each in found[2:]] == [
        ("IPv6", ProbeOutcome.FAILED),
        ("IPv4", ProbeOutcome.OK),
    ]
    assert failure(found) is None
    assert paths.closed == 2


async def test_the_only_family_needs_no_name(routes: Callable[..., None], paths: Paths) -> None:
    routes()
    paths.found[socket.AF_INET] = [result(ProbeStep.TLS, ProbeOutcome.OK)]
    found = await results(Fixed(IPV4))
    assert [each.family for each in found] == [""] * 3


def test_a_probe_that_ends_well_has_no_failure() -> None:
    steps = [result(ProbeStep.TLS), result(ProbeStep.NEGOTIATE, ProbeOutcome.WARNING)]
    assert failure(steps) is None


def test_the_failure_that_counts_is_the_one_that_got_further() -> None:
    further, nearer = result(ProbeStep.CERTIFICATE), result(ProbeStep.REACHABILITY)
    assert failure([further, nearer]) is further
    assert failure([nearer, further]) is further


def test_a_failure_after_a_step_that_succeeded_counts() -> None:
    steps = [result(ProbeStep.NAME, ProbeOutcome.OK), result(ProbeStep.REACHABILITY)]

    assert failure(steps) is steps[1]
