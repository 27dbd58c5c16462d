"""Makes the connection IDs of a server, by which load balancers and workers find a connection.

The format is that of QUIC-LB (draft-ietf-quic-load-balancers-21): the first octet, the server ID
and a nonce, of which all but the first octet may be encrypted. The five low bits of the first octet
carry the worker. docs/reference/connection-ids.md
"""

import logging
import os
import secrets
from collections.abc import Iterator
from dataclasses import field
from threading import Lock

from smbquic.crypto.aes import BLOCK_SIZE, AesBlockCipher
from smbquic.lazy_dataclass import dataclass
from smbquic.transport.quic.packet import CONNECTION_ID_SIZE, MAX_CONNECTION_ID_SIZE

WORKER_MASK = 0x1F
"""The bits of the first octet that carry the worker."""
MAX_WORKERS = WORKER_MASK + 1
KEY_SIZE = 16
MIN_NONCE_SIZE = 4
UNROUTABLE = 7
"""The config rotation of an ID from which no load balancer can read a server (3.2 of the draft)."""

_ROTATION_SHIFT = 5
_PASSES = (1, 2, 3, 4)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionIdFormat:
    """The format of the connection IDs that a server, or one worker of it, issues.

    `server_id` is what a load balancer knows the server by; without it all but the worker is
    random. With a `key` of 16 bytes the server ID and the nonce are encrypted. The load balancer
    has to be given the same key, `nonce_size` and config `rotation`. This is the worker with the
    number `worker` of `workers`.
    """

    server_id: bytes = b""
    key: bytes | None = field(default=None, repr=False)
    nonce_size: int | None = None
    rotation: int = 0
    worker: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MAX_WORKERS:
            raise ValueError(f"there are 1 to {MAX_WORKERS} workers")
        if not 0 <= self.worker < self.workers:
            raise ValueError(f"the workers have the numbers 0 to {self.workers - 1}")
        if not self.server_id and (self.key or self.nonce_size or self.rotation):
            raise ValueError("a key, nonce size or config rotation needs a server ID")
        if self.key is not None and len(self.key) != KEY_SIZE:
            raise ValueError(f"the key of connection IDs has {KEY_SIZE} bytes")
        if not 0 <= self.rotation < UNROUTABLE:
            raise ValueError(f"the config rotation is 0 to {UNROUTABLE - 1}")
        if self.server_id and (self.nonce < MIN_NONCE_SIZE or self.size > MAX_CONNECTION_ID_SIZE):
            raise ValueError(
                f"the nonce has {MIN_NONCE_SIZE} bytes at least, and with the server ID"
                f" {MAX_CONNECTION_ID_SIZE - 1} at most"
            )

    @property
    def nonce(self) -> int:
        """Bytes of the nonce: unless it is given, one AES block is filled if possible."""
        if self.nonce_size is not None:
            return self.nonce_size
        return max(MIN_NONCE_SIZE, BLOCK_SIZE - len(self.server_id))

    @property
    def size(self) -> int:
        """Bytes of a connection ID."""
        return 1 + len(self.server_id) + self.nonce if self.server_id else CONNECTION_ID_SIZE

    @property
    def is_random(self) -> bool:
        """Whether any random bytes are an ID of this format."""
        return not self.server_id and self.workers == 1


class ConnectionIdSource:
    """Makes all connection IDs of one listener, and recognizes those of other workers."""

    def __init__(self, format_: ConnectionIdFormat | None = None) -> None:
        self.format = format_ = format_ or ConnectionIdFormat()
        self.size = format_.size
        self._cipher = AesBlockCipher(format_.key) if format_.key is not None else None
        self._nonces = _unique_nonces(format_)
        self._lock = Lock()

    def new(self) -> bytes:
        """Return a connection ID that was not returned before. Any thread may call it."""
        if not self.format.server_id:
            return bytes([self._first_octet(secrets.randbelow(8))]) + os.urandom(self.size - 1)
        if self._cipher is None:
            # What is not encrypted must not show which IDs belong together (5.4 of the draft).
            nonce = os.urandom(self.format.nonce)
            return bytes([self._first_octet(self.format.rotation)]) + self.format.server_id + nonce
        with self._lock:
            counted = next(self._nonces, None)
            if counted is not None:
                block = encrypt(self._cipher, self.format.server_id + counted)
                return bytes([self._first_octet(self.format.rotation)]) + block
        return bytes([self._first_octet(UNROUTABLE)]) + os.urandom(self.size - 1)

    def is_own(self, connection_id: bytes) -> bool:
        """Return whether datagrams with this ID come to this worker."""
        first = connection_id[0] if connection_id else 0
        return (first & WORKER_MASK) % self.format.workers == self.format.worker

    def _first_octet(self, rotation: int) -> int:
        workers = self.format.workers
        if workers == 1 and self.format.server_id:
            # The length after this octet, which hardware may need (3.3 of the draft).
            return rotation << _ROTATION_SHIFT | self.size - 1
        value = secrets.choice(range(self.format.worker, MAX_WORKERS, workers))
        return rotation << _ROTATION_SHIFT | value


def _unique_nonces(format_: ConnectionIdFormat) -> Iterator[bytes]:
    """Yield nonces for a key, no two of which are equal, nor one of another worker's.

    They are counted from a random number on, so that a process that is started again most likely
    uses others (9.6 of the draft). Encrypted, their order does not show.
    """
    size, step = format_.nonce, format_.workers
    numbers = (1 << 8 * size) // step
    start = secrets.randbelow(numbers)
    for count in range(numbers):
        yield ((start + count) % numbers * step + format_.worker).to_bytes(size, "big")
    logger.error(
        "the nonces of connection IDs are used up: a load balancer cannot read new ones until the"
        " server is started with a new key and another config rotation"
    )


def encrypt(cipher: AesBlockCipher, plain: bytes) -> bytes:
    """Return an encrypted server ID and nonce of the same length (5.4.1 and 5.4.2 of the draft)."""
    size = len(plain)
    if size == BLOCK_SIZE:
        return cipher.encrypt(plain)
    # A Feistel network. Both halves have the octet in the middle of an odd length: the left one its
    # first four bits, the right one the others.
    half = (size + 1) // 2
    shared = 4 if size % 2 else 0
    right_mask = (1 << 8 * half - shared) - 1
    left_mask = right_mask << shared
    left = int.from_bytes(plain[:half], "big") & left_mask
    right = int.from_bytes(plain[-half:], "big") & right_mask
    for number in _PASSES:
        source = left if number % 2 else right
        expanded = source.to_bytes(half, "big").ljust(BLOCK_SIZE - 2, b"\0") + bytes([size, number])
        mixed = int.from_bytes(cipher.encrypt(expanded)[:half], "big")
        if number % 2:
            right ^= mixed & right_mask
        else:
            left ^= mixed & left_mask
    return (left << 8 * (size - half) | right).to_bytes(size, "big")
