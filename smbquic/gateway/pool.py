"""The pools of back ends, the pool for a server name, and the back end for a client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from smbquic.gateway.affinity import AffinityTable
from smbquic.gateway.backend import Backend, BackendAddress
from smbquic.lazy_dataclass import dataclass
from smbquic.options.gateway import BackendOptions, PoolOptions
from smbquic.transport.server_names import find_by_name, normal_name


@dataclass(frozen=True, slots=True)
class Pool:
    """Back ends that serve the same clients."""

    options: PoolOptions
    backends: Sequence[Backend]

    @property
    def name(self) -> str:
        """How it is called."""
        return self.options.name

    def candidates(self, client_guid: bytes, affinity: AffinityTable) -> list[Backend]:
        """Return the back ends to try for a new connection of a client, the best one first.

        That is the one that the client was on, else the one with the fewest connections.
        """
        accepting = [each for each in self.backends if each.accepts]
        former = affinity.find(self.name, client_guid)
        return sorted(accepting, key=lambda each: (each.url != former, each.load))


class PoolTable:
    """The pools, by the names that clients ask for; one may be for all other names.

    Raises ValueError where two pools are for one name, and `UrlError` for a back end that is none.
    """

    def __init__(
        self,
        pools: Iterable[PoolOptions],
        backend_options: BackendOptions,
        former: PoolTable | None = None,
    ) -> None:
        """Make the pools; back ends that `former` has as well keep their state."""
        kept = {} if former is None else former.by_pool_and_url()
        self.pools: list[Pool] = []
        self._by_name: dict[str, Pool] = {}
        self._default: Pool | None = None
        changes: list[tuple[Backend, BackendAddress]] = []
        for options in pools:
            backends = []
            for address in _addresses(options):
                backend = kept.get((options.name, address.url))
                backends.append(backend or Backend(address, backend_options.health_failures))
                changes.append((backends[-1], address))
            self._add(Pool(options, backends))
        if not self.pools:
            raise ValueError("there is no back end: add --backend tcp://HOST:445, or a pool")
        # Not before all is known to be right: with wrong pools, the former go on as they are.
        for backend, address in changes:
            backend.address, backend.failures = address, backend_options.health_failures

    def _add(self, pool: Pool) -> None:
        self.pools.append(pool)
        for name in map(normal_name, pool.options.names):
            if name in self._by_name:
                raise ValueError(
                    f"the pools {self._by_name[name].name!r} and {pool.name!r} are both for {name}"
                )
            self._by_name[name] = pool
        if pool.options.names:
            return
        if self._default is not None:
            raise ValueError(
                f"the pools {self._default.name!r} and {pool.name!r} both have no names: one of"
                " them can be for all other names"
            )
        self._default = pool

    def find(self, server_name: str) -> Pool | None:
        """Return the pool for a name that a client asked for, which may be empty."""
        return find_by_name(self._by_name, server_name) or self._default

    def by_pool_and_url(self) -> dict[tuple[str, str], Backend]:
        """Return the back ends by the name of their pool and their URL."""
        return {(pool.name, each.url): each for pool in self.pools for each in pool.backends}

    def __iter__(self) -> Iterator[Pool]:
        return iter(self.pools)


def _addresses(pool: PoolOptions) -> list[BackendAddress]:
    found: dict[str, BackendAddress] = {}
    for address in map(BackendAddress.parse, pool.backends):
        if address.url in found:
            raise ValueError(f"the pool {pool.name!r} has {address.url} twice")
        found[address.url] = address
    if not found:
        raise ValueError(f"the pool {pool.name!r} has no back end: add one to backends")
    return list(found.values())
