"""Clients over QUIC that send packets of their own making: fragments, gaps, tiny windows.

Each of `count` attackers has a connection, as far as the packets need one, and sends the next of
its packets when it is its turn. An attacker that is disconnected connects again.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aioquic.tls import Epoch

from tests.attacks.quic_packets import RawClient, crypto_frame, packed, stream_frame
from tests.flood.common import BEAT, AttackTarget, Counts, paced, send, udp_socket
from tests.flood.guesses import Script
from tests.flood.handshakes import Begin

PATIENCE = 5.0
"""Seconds that an attacker waits for the server to go on with a handshake."""
MOST = 120_000
"""Bytes ahead that a client may send which has not logged on."""
PING = b"\x01"
HONEST_AT_ONCE = 8

Frame = Callable[[int, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Kind:
    """Packets that are sent again and again, with the keys of one part of the handshake."""

    epoch: Epoch
    payloads: tuple[bytes, ...]
    connection_id_length: int = 8
    window: int | None = None
    asks: bytes = b""
    """Bytes that are sent on the stream before that, once the handshake is over."""


def fragments(frame: Frame) -> tuple[bytes, ...]:
    """Every other byte, none of which can be used without the one before it."""
    return tuple(packed([frame(offset, b"x") for offset in range(1, MOST, 2)]))


def gaps(frame: Frame) -> tuple[bytes, ...]:
    """One byte far ahead of all others."""
    return tuple(frame(offset, b"x") for offset in (MOST // 40, MOST // 2, MOST, 15 << 20))


def reordered() -> tuple[bytes, ...]:
    """Ranges from the last to the first, which overlap, and each of which is sent twice."""
    ranges = [stream_frame(offset, bytes(200)) for offset in range(MOST - 200, 1, -150)]
    return tuple(packed([frame for frame in ranges for _ in range(2)]))


KINDS: dict[str, Kind] = {
    "initial-fragments": Kind(Epoch.INITIAL, fragments(crypto_frame)),
    "initial-gaps": Kind(Epoch.INITIAL, gaps(crypto_frame)),
    "handshake-fragments": Kind(Epoch.HANDSHAKE, fragments(crypto_frame)),
    "crypto-fragments": Kind(Epoch.ONE_RTT, fragments(crypto_frame)),
    "stream-fragments": Kind(Epoch.ONE_RTT, fragments(stream_frame)),
    "stream-gaps": Kind(Epoch.ONE_RTT, gaps(stream_frame)),
    "reordered": Kind(Epoch.ONE_RTT, reordered()),
    "zero-length-ids": Kind(Epoch.ONE_RTT, fragments(stream_frame), connection_id_length=0),
}


class PacketSender:
    """One client, on a socket of its own."""

    def __init__(self, kind: Kind, target: AttackTarget, counts: Counts) -> None:
        self._kind = kind
        self._target = target
        self._counts = counts
        self._sock = udp_socket(target)
        self._begin()
        asyncio.get_running_loop().add_reader(self._sock, self._hear)

    def _begin(self) -> None:
        kind = self._kind
        self._client = RawClient(
            self._target.quic, connection_id_length=kind.connection_id_length, window=kind.window
        )
        self._payloads = itertools.cycle(kind.payloads)
        self._has_asked = not kind.asks
        self._since = time.monotonic()
        self._counts["connections"] += 1

    def close(self) -> None:
        """Leave without a word."""
        asyncio.get_running_loop().remove_reader(self._sock)
        self._sock.close()

    def step(self) -> None:
        """Send the next packet; or begin, or go on with the handshake, if that comes first."""
        if self._client.ended:
            self._counts["disconnected"] += 1
            self._begin()
        if self._is_ready:
            packet = self._client.packet(self._kind.epoch, next(self._payloads))
            send(self._sock, packet, self._counts)
            self._counts["packets"] += 1
        elif time.monotonic() - self._since > PATIENCE:
            self._counts["not answered"] += 1
            self._begin()
        else:
            self._go_on()

    @property
    def _is_ready(self) -> bool:
        if self._kind.epoch is Epoch.ONE_RTT:
            return self._client.completed
        return self._client.can_send(self._kind.epoch)

    def _go_on(self) -> None:
        if not self._has_asked and self._is_ready:
            self._client.ask(self._kind.asks)
            self._has_asked = True
        # A handshake that is to stay where it is must not be completed.
        if self._kind.epoch is Epoch.ONE_RTT or not self._is_ready:
            for datagram in self._client.due():
                send(self._sock, datagram, self._counts)

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while datagram := self._sock.recv(65536):
                # What is left of a connection that has ended is taken, too, or it would be told of
                # again at once.
                if not self._client.ended:
                    self._client.receive(datagram)
        self._go_on()


async def _attack(target: AttackTarget, counts: Counts, begin: Begin, kinds: list[Kind]) -> None:
    await begin()
    attackers: list[PacketSender] = []
    try:
        async for number in paced(target.rate):
            if len(attackers) < target.count:
                attackers.append(PacketSender(kinds[number % len(kinds)], target, counts))
            attackers[number % len(attackers)].step()
    finally:
        for each in attackers:
            each.close()


def attack(name: str) -> Callable[[AttackTarget, Counts, Begin], Awaitable[None]]:
    """Return the attack with packets of one of the `KINDS`."""

    async def run(target: AttackTarget, counts: Counts, begin: Begin) -> None:
        await _attack(target, counts, begin, [KINDS[name]])

    return run


async def tiny_windows(target: AttackTarget, counts: Counts, begin: Begin) -> None:
    """Clients that ask, and let the server send one byte of the answers."""
    await _attack(target, counts, begin, [await _asking(target)])


async def mixed(target: AttackTarget, counts: Counts, begin: Begin) -> None:
    """All of these at the same time."""
    await _attack(target, counts, begin, [*KINDS.values(), await _asking(target)])


async def _asking(target: AttackTarget) -> Kind:
    """NEGOTIATE and the first SESSION_SETUP, whose answers wait, and then nothing."""
    script = await Script.write(target)
    asked = b"".join(
        len(message).to_bytes(4, "big") + message for message in (script.negotiate, script.first)
    )
    return Kind(Epoch.ONE_RTT, (PING,), window=1, asks=asked)


async def honest_handshakes(target: AttackTarget, counts: Counts, begin: Begin) -> None:
    """Handshakes that are completed, each by a client that leaves then.

    What the processor's time of an attack is compared with.
    """
    await begin()
    await asyncio.gather(*(_come_and_go(target, counts) for _ in range(HONEST_AT_ONCE)))


async def _come_and_go(target: AttackTarget, counts: Counts) -> None:
    loop = asyncio.get_running_loop()
    while True:
        client = RawClient(target.quic)
        with udp_socket(target) as sock:
            while not client.completed and not client.ended:
                for datagram in client.due():
                    send(sock, datagram, counts)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BEAT):
                        client.receive(await loop.sock_recv(sock, 65536))
            client.close()
            for datagram in client.due():
                send(sock, datagram, counts)
        counts["completed" if client.completed else "disconnected"] += 1
