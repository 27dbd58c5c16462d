"""The qh3 engine behind `Engine`: a core in Rust, several times as fast as aioquic.

As a server it cannot ask for a certificate, and its congestion control is its own; `aioquic`
is for whoever needs those. How large its datagrams are is in `path_mtu.py`.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any, cast

from qh3.quic import events
from qh3.quic.connection import QuicConnectionState
from qh3.quic.packet import QuicErrorCode
from qh3.tls import CipherSuite

from smbquic.errors import HandshakeError
from smbquic.transport.base import Introduction
from smbquic.transport.quic.engine import (
    INTERNAL_ERROR,
    STATELESS_RESET,
    ConnectionIds,
    DatagramSizes,
    Ending,
    ResetToken,
    Security,
    Verify,
)
from smbquic.transport.quic.options import group_name
from smbquic.transport.quic.path_validation import Ways
from smbquic.transport.quic.qh3.connection import (
    Configuration,
    Connection,
    Context,
)
from smbquic.transport.quic.qh3.path_mtu import PathWatch, first_size, probe_timeout
from smbquic.transport.quic.qh3.receive_estimate import Incoming
from smbquic.transport.quic.qh3.segments import ACKNOWLEDGE, Runs
from smbquic.transport.quic.qh3.send_queue import AHEAD, Outgoing, SendMemory
from smbquic.transport.quic.tickets import Resumption, TicketStore
from smbquic.transport.quic.udp import Batch, Path
from smbquic.wire.cursor import Buffer

STREAM = 0
KEY_LIFETIME = 1 << 22
"""Datagrams sent with one key; 2^23 is what AES-GCM allows ([RFC9001] 6.6)."""
LONG_HEADER = 0x80
CORE_ADDRESS = {4: ("192.0.2.1", 1), 6: ("2001:db8::1", 1)}
"""Where the core takes its peer to be, always. A core forgets no address and is deaf to what comes
from a fifth one; `Ways` knows better."""
CLOSED_FOR = 3
"""Probe time-outs that a closed connection stays to tell a peer who has not noticed
([RFC9000] 10.2)."""
PATIENCE = 0.004
"""Seconds that a server's acknowledgement may wait longer than the core would have it: it mostly
goes out with an answer by then, and a timer for every second request costs more than that gives."""
KEEP_ALIVE, PROOF = 0, 1
"""What a PING is for, if it is none of a trial of the path's."""

_PAYLOAD = itemgetter(0)

logger = logging.getLogger(__name__)


class Qh3Engine:
    """An `Engine` on qh3's `QuicConnection`.

    `verify` judges the server's certificate. `tickets` are a server's, `resumption` is a client's
    way to its own. `memory` is what all connections of a server have for what they send. The core's
    windows cannot be changed: how much a `restricted` peer sends is limited in `connection.py`.
    """

    def __init__(
        self,
        configuration: Configuration,
        sizes: DatagramSizes,
        ids: ConnectionIds,
        *,
        verify: Verify | None = None,
        tickets: TicketStore | None = None,
        resumption: Resumption | None = None,
        original_id: bytes | None = None,
        retry_id: bytes | None = None,
        first_datagram: int = 0,
        reset_token: ResetToken | None = None,
        memory: SendMemory | None = None,
        restricted: bool = False,
    ) -> None:
        self.security: Security | None = None
        self.ending: Ending | None = None
        self.finished = False
        self.resized: tuple[int, int] | None = None
        self._ids = ids
        self._is_client = configuration.is_client
        self._outgoing = Outgoing(memory)
        self._incoming = Incoming(restricted=restricted)
        self._handshake: events.HandshakeCompleted | None = None
        self._sent = 0
        self._next_key_update = KEY_LIFETIME
        self._stream_is_open = configuration.is_client
        self._straight = False
        self._core_address = CORE_ADDRESS[4]
        self._ways = Ways()
        self._proof_due = False
        self._runs = Runs()
        self._ahead: list[bytes] = []
        self._now = 0.0
        self._heard_at = 0.0
        self._closed_until: float | None = None
        # More than the largest message, of which all has to be here before any of it goes.
        self.capacity = configuration.max_data * 3 // 4
        size = first_size(sizes, is_client=self._is_client, first_datagram=first_datagram)
        self._quic = Connection(
            unread_limit=self.capacity,
            largest_datagram=sizes.most,
            probing=sizes.start < sizes.most,
            verify=verify,
            tickets=tickets,
            resumption=resumption,
            reset_token=reset_token,
            configuration=replace(configuration, max_datagram_size=size),
            original_destination_connection_id=original_id,
            retry_source_connection_id=retry_id,
        )
        self.connection_id: bytes = self._quic.host_cid
        self._watch = PathWatch(self._quic, sizes, size, self._settled)

    def _settled(self, before: int, now: int) -> None:
        self.resized = (before, now)

    @property
    def datagram_size(self) -> int:
        """See `Engine`."""
        return self._watch.size

    @property
    def introduction(self) -> Introduction:
        """See `Engine`."""
        if self._quic.tls is None:
            return Introduction()
        return Introduction(self._tls.asked_name, self._tls.peer_chain)

    @property
    def key_phase(self) -> int:
        """See `Engine`."""
        core: Any = self._quic._core
        return core.send_key_phase or 0

    @property
    def begun(self) -> bool:
        """See `Engine`."""
        core = self._quic._core
        return core is not None and bool(core.received_authenticated_packet)

    @property
    def terminated(self) -> bool:
        """See `Engine`."""
        return self._closed_until is None and self._quic._state is QuicConnectionState.TERMINATED

    @property
    def held(self) -> int:
        """See `Engine`: an estimate, as the core does not say."""
        return self._incoming.held

    def authenticated(self) -> None:
        """See `Engine`."""
        self._incoming.restricted = False

    @property
    def unsent(self) -> int:
        """See `Engine`."""
        core: Any = self._quic._core
        whose = core.core if self._straight else self._quic
        waiting: int = whose.get_send_buffer_size(STREAM)
        return waiting + self._outgoing.size

    @property
    def unacknowledged(self) -> int:
        """See `Engine`: what is under way counts with its headers, nothing finer is known.

        What was lost and waits for its turn counts nowhere, but as long as the pacer holds
        something back it is not all.
        """
        core = self._quic._core
        under_way: int = self.unsent + (int(core.bytes_in_flight) if core is not None else 0)
        if under_way == 0 and core is not None and (timer := core.get_timer()) is not None:
            return int(timer[0] == "pacing")
        return under_way

    @property
    def round_trip(self) -> float | None:
        """See `Engine`."""
        core = self._quic._core
        return core.smoothed_rtt or None if core is not None else None

    @property
    def lost_packets(self) -> int:
        """See `Engine`."""
        core = self._quic._core
        return int(core.loss_total) if core is not None else 0

    @property
    def idle_timeout(self) -> float:
        """See `Engine`."""
        own: float = self._quic.configuration.idle_timeout
        bridge = self._quic._tls
        parameters = bridge.remote_transport_parameters if bridge is not None else None
        if parameters is None or not parameters.max_idle_timeout:
            return own
        return min(own, parameters.max_idle_timeout / 1000)

    @property
    def _tls(self) -> Context:
        return cast(Context, self._quic.tls)

    def connect(self, path: Path, now: float) -> None:
        """See `Engine`."""
        self._begin(path)
        self._quic.connect(self._core_address, now)

    def _begin(self, path: Path) -> None:
        if self._ways.current is None:
            self._core_address = CORE_ADDRESS[6 if ":" in str(path[0][0]) else 4]
            self._ways.heard(path, 0)

    def receive(self, datagram: bytes, path: Path, now: float) -> None:
        """See `Engine`."""
        self._incoming.arrived(len(datagram), 1)
        if self._straight and not datagram[0] & LONG_HEADER:
            self._receive_straight(datagram, len(datagram), path, now)
        else:
            self._begin(path)
            self._hear(path, len(datagram), self._quic.receive_datagram, datagram, now=now)

    def receive_run(self, run: bytes, size: int, path: Path, now: float) -> None:
        """See `Engine`."""
        self._incoming.arrived(len(run), -(-len(run) // size))
        if self._straight:
            self._receive_straight(run, size, path, now)
        else:
            self._begin(path)
            self._hear(path, len(run), self._quic.receive_gro_buffer, run, size, now=now)

    def _receive_straight(self, run: bytes, size: int, path: Path, now: float) -> None:
        """What the library does once the handshake is over, but for looking at each datagram."""
        self._now = self._heard_at = now
        core: Any = self._quic._core
        before = core.authenticated
        try:
            core.receive_gro_buffer(run, size, self._core_address, now)
            only_data = core.take_data()
            if not only_data:
                self._quic._drain_core()
        except Exception:
            self._fail()
            only_data = False
        if not (only_data and self._stream_is_open):
            self._take_events()
        if core.authenticated > before:
            self._follow(path, len(run))

    def receive_stray(self, datagram: bytes, path: Path, now: float) -> None:
        """See `Engine`: the core knows."""
        self.receive(datagram, path, now)

    def _hear(
        self,
        path: Path,
        size: int,
        receive: Callable[..., object],
        *arguments: object,
        now: float,
    ) -> None:
        self._now = self._heard_at = now
        core: Any = self._quic._core
        before = 0 if core is None else core.authenticated
        self._guarded(receive, *arguments, self._core_address, now)
        if self.security is not None and core.authenticated > before:
            self._follow(path, size)

    def _follow(self, path: Path, size: int) -> None:
        """Note where genuine and new packets came from, after the handshake."""
        if not self._is_client and (path != self._ways.current or not self._ways.proven):
            self._proof_due = self._ways.heard(path, size)

    def _guarded(self, operation: Callable[..., object], *arguments: object) -> None:
        try:
            operation(*arguments)
        except Exception:
            self._fail()
        self._take_events()

    def _fail(self) -> None:
        """Whatever a peer sends must not take the endpoint down with it."""
        logger.exception("the QUIC engine failed")
        self.close(INTERNAL_ERROR, "", application=False)

    def read(self) -> list[bytes]:
        """See `Engine`."""
        core: Any = self._quic._core
        pieces: list[bytes] = core.take() if core is not None else []
        if pieces:
            self._incoming.read(sum(map(len, pieces)))
        return pieces

    def release(self, count: int) -> bool:
        """See `Engine`."""
        core: Any = self._quic._core
        was_full = core.full
        core.unread -= count
        if was_full and not core.full:
            # The core announces its windows by itself as its data is taken.
            self._guarded(self._quic._drain_core)
            return True
        return False

    def write(self, *buffers: Buffer) -> None:
        """See `Engine`."""
        if not self._stream_is_open:
            # The client opens the stream, so a server that speaks first has to wait.
            self._outgoing.add(buffers)
        elif self.ending is None:
            waiting = self._outgoing.size
            if waiting or not self._straight or self.unsent + sum(map(len, buffers)) > AHEAD:
                self._outgoing.add(buffers)
                self._hand_over()
            else:
                self._write_straight(buffers)

    def _hand_over(self) -> int:
        """Give the core more to send if it has little; returns how much it has then, in bytes."""
        core: Any = self._quic._core
        whose: Any = core.core if self._straight else self._quic
        send = whose.send_stream if self._straight else whose.send_stream_data
        unsent = int(whose.get_send_buffer_size(STREAM))
        for piece in self._outgoing.take(self._outgoing.room(unsent, int(core.bytes_in_flight))):
            send(STREAM, piece)
            unsent += len(piece)
        return unsent

    def _write_straight(self, buffers: Sequence[Buffer]) -> None:
        metered: Any = self._quic._core
        core = metered.core
        if len(buffers) == 1 and (
            first := self._runs.first_part(core, buffers[0], self._watch.size, self._now)
        ):
            whole = memoryview(buffers[0])
            core.send_stream(STREAM, whole[:first])
            self._poll(core, self._now, self._ahead)
            buffers = (whole[first:],)
        for buffer in buffers:
            core.send_stream(STREAM, buffer)

    def ping(self) -> None:
        """See `Engine`."""
        if self.ending is None and self._quic._core is not None:
            self._quic.send_ping(KEEP_ALIVE)

    def close(self, code: int, reason: str, *, application: bool = True) -> None:
        """See `Engine`."""
        if self.ending is None:
            self._quic.close(code, None if application else 0, reason)
            self._end(Ending(code, reason, application, ours=True, cause=self._cause))

    def abandon(self) -> None:
        """See `Engine`."""
        self.close(INTERNAL_ERROR, "", application=False)
        self._terminate()

    def free(self) -> None:
        """See `Engine`."""
        self._outgoing.free()
        self._ahead.clear()
        vars(self._quic).clear()

    def _terminate(self) -> None:
        self._closed_until = None
        self._quic._state = QuicConnectionState.TERMINATED
        self._quic._end_trace()

    def datagrams(self, now: float) -> list[Batch]:
        """See `Engine`."""
        path = self._ways.current
        self._now = now
        metered: Any = self._quic._core
        if metered is None or path is None or self.terminated:
            return []
        core = metered.core
        datagrams, self._ahead = self._ahead, []
        ahead = len(datagrams)
        if not (self._outgoing.size and self._poll_and_hand_over(core, now, datagrams)):
            self._poll(core, now, datagrams)
        if ahead:
            self._runs.learn(datagrams)
        if datagrams and self.ending is not None and self._closed_until is None:
            # The core counts from when it was last spoken to, and so forgets everything at once.
            self._closed_until = now + CLOSED_FOR * probe_timeout(core)
        if self._proof_due or (
            self.ending is None
            and self._watch.suspects(core, now, established=self.security is not None)
        ):
            # It goes alone: whatever else could be sent has been taken already.
            core.send_ping(PROOF if self._proof_due else self._watch.trial)
            self._proof_due = False
            self._poll(core, now, datagrams)
        self._sent += len(datagrams)
        if self._sent >= self._next_key_update and self._quic._handshake_confirmed:
            self._renew_keys()
        if not self._ways.proven:
            datagrams = [each for each in datagrams if self._ways.may_send(len(each))]
        return [(datagrams, path)] if datagrams else []

    def _renew_keys(self) -> None:
        try:
            self._quic.request_key_update()
        except ValueError:
            return  # an update is under way, ours or the peer's: soon, then
        self._next_key_update = self._sent + KEY_LIFETIME

    def _poll_and_hand_over(self, core: Any, now: float, datagrams: list[bytes]) -> bool:
        """Let the core send what waits, as long as that fills datagrams.

        Returns whether it has sent what it may: a short datagram costs as much as a full one.
        """
        made = False
        while self._stream_is_open and self.ending is None:
            count = self._hand_over() // self._watch.size
            if not self._outgoing.size:
                return False
            if not count:
                return made
            before = len(datagrams)
            self._poll(core, now, datagrams, count)
            made = True
            if len(datagrams) - before < count:
                return True
        return False

    def _poll(
        self, core: Any, now: float, datagrams: list[bytes], count: int | None = None
    ) -> None:
        """Have datagrams made: all that may be sent now, or only `count` of them."""
        before = len(datagrams)
        transmits = iter(partial(core.poll_transmit, now), None)
        try:
            datagrams.extend(map(_PAYLOAD, islice(transmits, count)))
        except RuntimeError as error:
            if self.security is not None:
                logger.error("the QUIC engine cannot build a datagram: %s", error)
                self.close(INTERNAL_ERROR, "", application=False)
            # Before the client's address is proven there may be no room for a datagram; it is
            # built when the client was heard again.
        if self._quic._quic_logger is not None:
            for datagram in datagrams[before:]:
                self._quic._log_datagram("datagrams_sent", datagram)
                self._quic._log_packets("packet_sent", datagram)

    def timer(self) -> float | None:
        """See `Engine`."""
        core: Any = self._quic._core
        timer = core.core.get_timer() if core is not None else None
        if self._closed_until or timer is None:
            return self._closed_until
        due: float = timer[1]
        return due if self._is_client or timer[0] != ACKNOWLEDGE else due + PATIENCE

    def tick(self, now: float) -> None:
        """See `Engine`."""
        self._now = now
        if self._closed_until is not None and now >= self._closed_until:
            self._terminate()
        self._guarded(self._quic.handle_timer, now)
        if self._is_client and self._quic._core is not None:
            self._watch.notice_growth(now)

    # What the engine has to tell.

    def _take_events(self) -> None:
        core: Any = self._quic._core
        if core is not None and core.pieces:
            self._stream_is_open, self.finished = True, core.finished
        while (event := self._quic.next_event()) is not None:
            match event:
                case events.HandshakeCompleted():
                    self._handshake = event
                case events.PingAcknowledged(uid=uid):
                    if uid == PROOF:
                        self._ways.prove()
                    else:
                        self._watch.acknowledged(uid, self._heard_at)
                case events.ConnectionIdIssued():
                    self._ids.issued(event.connection_id)
                case events.ConnectionIdRetired():
                    self._ids.retired(event.connection_id)
                case events.StreamReset() | events.StopSendingReceived():
                    self.close(0, "the stream was reset")
                case events.StreamDataReceived():
                    self.close(QuicErrorCode.STREAM_LIMIT_ERROR, "SMB has one stream")
                case _:
                    pass
        if self.security is None:
            self._notice_handshake()
        if self.ending is None:
            self._notice_ending()

    def _notice_handshake(self) -> None:
        if self._handshake is None or self.ending is not None or not self._is_confirmed():
            return
        cipher = self._quic.get_cipher()
        self.security = Security(
            alpn=self._handshake.alpn_protocol or "",
            cipher=CipherSuite(cipher).name if cipher is not None else "",
            server_name=self._tls.asked_name or self._quic.configuration.server_name or "",
            certificates=self._tls.peer_chain,
            resumed=self._tls.session_resumed,
            group=group_name(self._tls.group),
        )
        self._watch.established()
        # With a trace, the library has to see everything.
        self._straight = self._quic._quic_logger is None

    def _is_confirmed(self) -> bool:
        """Whether the handshake is over for both, as in `AioquicEngine`."""
        asked = self._tls._certificate_request is not None
        return not asked or bool(self._quic._handshake_confirmed)

    @property
    def _cause(self) -> HandshakeError | None:
        return self._tls.verdict if self._quic.tls is not None else None

    def _notice_ending(self) -> None:
        core: Any = self._quic._core
        event = self._quic._close_event
        if core is not None and core.ending is not None:
            self._end(core.ending)
        elif event is not None:
            # TLS or the clock has the last word, or the peer has lost its memory.
            idle = event.reason_phrase == "Idle timeout"
            reset = self.terminated and not idle and not event.error_code
            self._end(
                Ending(
                    code=int(event.error_code),
                    reason=STATELESS_RESET if reset else event.reason_phrase,
                    ours=not reset,
                    idle=idle,
                    cause=self._cause,
                )
            )

    def _end(self, ending: Ending) -> None:
        self.ending = self.ending or ending
