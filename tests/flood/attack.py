"""One attack, in a process of its own: `attack.py OPTIONS`, OPTIONS is an `AttackTarget` as JSON.

Prints a line once it is prepared, begins when it receives a line, and ends by itself: with
what it did and what came of it, as JSON.
"""

import asyncio
import contextlib
import json
import os
import resource
import sys
from collections import Counter
from collections.abc import Awaitable, Callable

from tests.flood import guesses, handshakes, packets, retries, slow
from tests.flood.common import AttackTarget, Counts

Attack = Callable[[AttackTarget, Counts, Callable[[], Awaitable[None]]], Awaitable[None]]

DATAGRAMS: dict[str, Attack] = {
    "handshakes": handshakes.begun,
    "proven-handshakes": handshakes.proven,
    **{name: packets.attack(name) for name in packets.KINDS},
    "tiny-windows": packets.tiny_windows,
    "mixed-packets": packets.mixed,
    "versions": retries.versions,
    "spoofed-tokens": retries.spoofed_tokens,
    "replayed-tokens": retries.replayed_tokens,
    "short-initials": retries.short_initials,
}
"""Those whose every byte is counted."""
ATTACKS: dict[str, Attack] = {
    **DATAGRAMS,
    "tls": handshakes.completed,
    "connects": handshakes.connects,
    "passwords": guesses.guesses,
    "slow-readers": slow.readers,
    "slow-writers": slow.writers,
}
HONEST = "honest-handshakes"
"""No attack, but what the cost of attacks is compared with."""


async def run(target: AttackTarget) -> Counts:
    """Let the attack go on for its time."""
    counts: Counts = Counter()
    loop = asyncio.get_running_loop()

    async def begin() -> None:
        print("ready", flush=True)
        await loop.run_in_executor(None, sys.stdin.readline)
        loop.call_later(target.seconds, attacking.cancel)

    all_ = ATTACKS | {HONEST: packets.honest_handshakes}
    attacking = asyncio.ensure_future(all_[target.attack](target, counts, begin))
    with contextlib.suppress(asyncio.CancelledError):
        await attacking
    return counts


def main() -> None:
    """See the module's docstring."""
    target = AttackTarget(**json.loads(sys.argv[1]))
    os.nice(target.nice)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with asyncio.Runner() as runner:
        counts = runner.run(run(target))
        print(json.dumps(counts), flush=True)
        # Connections that were left need no CONNECTION_CLOSE.
        os._exit(0)


if __name__ == "__main__":
    main()
