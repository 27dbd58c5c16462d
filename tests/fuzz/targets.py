"""Targets that are fuzzed in a process of their own under atheris, and replayed without it."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz.decoders import Group, group

WEIGHTS = {
    "server": 6,
    "client": 4,
    "messages": 3,
    "structures": 2,
    "rpc": 2,
    "auth": 2,
    "others": 1,
}
"""All targets, and the parts of the time that they get."""

_STRUCTURES = ("wire.fscc", "wire.dtyp")
_RPC = ("wire.rpc",)
_SCRIPTS = 48


@dataclass(frozen=True, slots=True)
class FuzzTarget:
    """`run` takes one input and raises what is wrong; `seeds` are inputs to begin with.

    `longest` is the size of an input in bytes.
    """

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    longest: int


def _scripts() -> list[bytes]:
    """Chance gets further by itself than a fuzzer that begins with nothing."""
    chance = random.Random(0)
    return [b"", *(chance.randbytes(chance.randrange(32, 640)) for _ in range(_SCRIPTS))]


def load(name: str) -> FuzzTarget:
    """A target by its name; nothing is imported that others need."""
    if name == "server":
        from tests.fuzz import servers

        return FuzzTarget(servers.run, _scripts, 1024)
    if name == "client":
        from tests.fuzz import clients

        return FuzzTarget(clients.run, _scripts, 640)
    decoders = load_group(name)
    return FuzzTarget(decoders.run, decoders.seeds, {"auth": 640, "others": 4096}.get(name, 320))


def load_group(name: str) -> Group:
    """The decoders of a target."""
    if name == "auth":
        from tests.fuzz import logons

        return logons.decoders()
    if name == "others":
        from tests.fuzz import others

        return others.decoders()
    if name == "structures":
        return group(*_STRUCTURES)
    if name == "rpc":
        return group(*_RPC)
    wire = group("wire.", "protocol.").decoders
    return Group([each for each in wire if not each.name.startswith((*_STRUCTURES, *_RPC))])
