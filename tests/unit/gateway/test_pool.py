"""Which pool a client gets, and which back end."""

from typing import Any

import pytest

from smbquic.errors import UrlError
from smbquic.gateway.affinity import AffinityTable
from smbquic.gateway.backend import Backend
from smbquic.gateway.pool import PoolTable
from smbquic.options.gateway import BackendOptions, PoolOptions

GUID = bytes(range(16))
A, B = "tcp://a:445", "tcp://b:445"


def table(*pools: PoolOptions, former: PoolTable | None = None, **options: Any) -> PoolTable:
    return PoolTable(pools, BackendOptions(**options), former)


def pool(name: str = "nas", backends: tuple[str, ...] = (A, B), names: Any = ()) -> PoolOptions:
    return PoolOptions(name=name, backends=backends, names=names)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("nas.example", "nas"),
        ("NAS.example.", "nas"),
        ("one.files.example", "files"),
        ("two.one.files.example", "rest"),
        ("", "rest"),
    ],
)
def test_the_name_that_a_client_asks_for_decides(asked: str, name: str) -> None:
    found = table(
        pool("nas", names=("Nas.example",)),
        pool("files", names=("*.files.example",)),
        pool("rest"),
    ).find(asked)
    assert found is not None
    assert found.name == name


def test_without_a_pool_for_all_other_names_there_is_none() -> None:
    assert table(pool(names=("nas.example",))).find("other.example") is None


@pytest.mark.parametrize(
    ("pools", "error"),
    [
        ([], "there is no back end"),
        ([pool(backends=())], "'nas' has no back end"),
        ([pool(backends=(A, "tcp://a"))], "has tcp://a:445 twice"),
        ([pool("one"), pool("two")], "'one' and 'two' both have no names"),
        ([pool("one", names=("x",)), pool("two", names=("X",))], "are both for x"),
        ([pool(backends=("smb://a",))], "a back end is"),
    ],
)
def test_wrong_pools(pools: list[PoolOptions], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        table(*pools)


def names(backends: list[Backend]) -> list[str]:
    return [each.url for each in backends]


def test_the_fewest_connections_for_the_weight() -> None:
    [made] = table(pool(backends=(A, f"{B} weight=2")))
    affinity = AffinityTable(60.0)
    given = []
    for _ in range(6):
        best = made.candidates(GUID, affinity)[0]
        best.connections += 1
        best.total += 1
        given.append(best.url)
    assert (given.count(A), given.count(B)) == (2, 4)


def test_with_no_connections_they_take_turns() -> None:
    [made] = table(pool())
    given = []
    for _ in range(4):
        best = made.candidates(GUID, AffinityTable(60.0))[0]
        best.total += 1
        given.append(best.url)
    assert given == [A, B, A, B]


def test_a_client_goes_where_it_was_if_that_is_up() -> None:
    [made] = table(pool())
    affinity = AffinityTable(60.0)
    affinity.note("nas", GUID, B)
    made.backends[1].connections = 100
    assert names(made.candidates(GUID, affinity)) == [B, A]
    assert names(made.candidates(bytes(15) + b"x", affinity)) == [A, B]
    made.backends[1].check_failed("gone")
    made.backends[1].check_failed("gone")
    assert names(made.candidates(GUID, affinity)) == [A]


def test_a_drained_back_end_gets_no_new_clients() -> None:
    before = table(pool())
    [made] = table(pool(backends=(A, f"{B} weight=0")), former=before)
    affinity = AffinityTable(60.0)
    affinity.note("nas", GUID, B)
    assert names(made.candidates(GUID, affinity)) == [A]


def test_back_ends_that_stay_keep_their_state() -> None:
    before = table(pool(), health_failures=1)
    a, b = before.pools[0].backends
    a.connections, b.connections = 3, 4
    b.check_failed("gone")
    after = table(pool(backends=("tcp://c", f"{B} weight=2")), former=before, health_failures=7)
    c, same = after.pools[0].backends
    assert same is b
    assert (b.connections, b.is_up, b.address.weight, b.failures) == (4, False, 2, 7)
    assert (c.connections, c.is_up) == (0, True)
    assert after.by_pool_and_url() == {("nas", "tcp://c:445"): c, ("nas", B): b}


def test_wrong_pools_leave_the_former_as_they_are() -> None:
    before = table(pool())
    with pytest.raises(UrlError):
        table(pool(backends=(f"{A} weight=9",)), pool("x", ("?",)), former=before)
    assert before.pools[0].backends[0].address.weight == 1
