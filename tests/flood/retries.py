"""First datagrams for other versions, with tokens that are false or used, or too short."""

import os
import random
import socket

from tests.attacks.quic_packets import DATAGRAM
from tests.flood.common import AttackTarget, Counts, send
from tests.flood.handshakes import Begin, ClientInitials, begin_many, retry_of

TOKEN_SIZES = (1, 11, 12, 28, 70, 300)
"""Bytes of tokens that were never given; the server's have about 70."""
REPLAYS = 8
"""How often a token is used that was given for one time."""


async def versions(target: AttackTarget, counts: Counts, begin: Begin) -> None:
    """Versions that nobody speaks, which the server answers with those that it does."""
    initial = ClientInitials().make(os.urandom(8))

    def make(_: int) -> bytes:
        return initial[:1] + os.urandom(4) + initial[5:6] + os.urandom(8) + initial[14:]

    await begin_many(target, counts, begin, make)


async def spoofed_tokens(target: AttackTarget, counts: Counts, begin: Begin) -> None:
    """Tokens that the server has not given."""
    initials = ClientInitials()

    def make(number: int) -> bytes:
        token = os.urandom(TOKEN_SIZES[number % len(TOKEN_SIZES)])
        return initials.make(os.urandom(8), token)

    await begin_many(target, counts, begin, make)


async def replayed_tokens(target: AttackTarget, counts: Counts, begin: Begin) -> None:
    """Tokens that the server has given: each is used many times, and for other addresses."""
    initials = ClientInitials()
    given: list[tuple[bytes, bytes]] = []

    def use(sock: socket.socket, datagram: bytes) -> None:
        given.append(retry_of(datagram))
        del given[:-64]
        counts["tokens"] += 1
        for _ in range(REPLAYS):
            send(sock, initials.make(*given[-1]), counts)

    def make(number: int) -> bytes:
        if given and number % 2:
            return initials.make(*random.choice(given))
        return initials.make(os.urandom(8))

    await begin_many(target, counts, begin, make, use)


async def short_initials(target: AttackTarget, counts: Counts, begin: Begin) -> None:
    """Initial packets in datagrams that are smaller than they may be ([RFC9000] 14.1)."""
    initials = ClientInitials()

    def make(number: int) -> bytes:
        if number % 2:
            return initials.make(os.urandom(8), size=random.randrange(DATAGRAM // 2, DATAGRAM))
        return initials.make(os.urandom(8))[: random.randrange(1, DATAGRAM)]

    await begin_many(target, counts, begin, make)
