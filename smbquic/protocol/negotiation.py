"""The outcome of NEGOTIATE, as both ends keep it: dialect, algorithms, sizes.

`server_negotiation` and `client_negotiation` decide about it; neither keeps any state.
[MS-SMB2] 3.2.1.2, 3.3.1.7
"""

from collections.abc import Sequence
from typing import TypeVar

from smbquic.crypto.compression import Compression
from smbquic.errors import RemoteProtocolError
from smbquic.lazy_dataclass import dataclass
from smbquic.protocol.settings import SINGLE_CREDIT_SIZE
from smbquic.wire.negotiate import Dialect, SecurityMode
from smbquic.wire.negotiate_contexts import Cipher, NegotiateContext, SigningAlgorithm

SALT_SIZE = 32
"""Bytes of salt in the preauth integrity context, as Windows has it. <287>"""

ContextT = TypeVar("ContextT")


@dataclass(frozen=True, slots=True)
class Algorithms:
    """The algorithms that protect messages. See `Negotiated` for the fields."""

    signing_algorithm: SigningAlgorithm
    cipher: Cipher | None = None
    transport_security: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """The dialect, the algorithms and the sizes (in bytes) that a connection has negotiated.

    `transport_security`: both ends agreed that QUIC's encryption is enough, so that no SMB
    message is encrypted. `encryption_required`: the server accepts no session that does not
    encrypt.
    """

    dialect: Dialect
    signing_algorithm: SigningAlgorithm
    signing_required: bool
    cipher: Cipher | None = None
    compression: Compression | None = None
    transport_security: bool = False
    encryption_required: bool = False
    multi_credit: bool = False
    max_transact_size: int = SINGLE_CREDIT_SIZE
    max_read_size: int = SINGLE_CREDIT_SIZE
    max_write_size: int = SINGLE_CREDIT_SIZE

    @property
    def is_smb3(self) -> bool:
        """Return whether the dialect belongs to the SMB 3.x family."""
        return self.dialect >= Dialect.SMB_3_0


def single_context(contexts: Sequence[NegotiateContext], kind: type[ContextT]) -> ContextT | None:
    """Return the context of a type, None if there is none.

    Raises `RemoteProtocolError` for more than one: no type of those that we know may be repeated.
    """
    found = [context for context in contexts if isinstance(context, kind)]
    if len(found) > 1:
        raise RemoteProtocolError(f"{len(found)} negotiate contexts of the type {kind.__name__}")
    return found[0] if found else None


def security_mode(signing_required: bool) -> SecurityMode:
    """Return the SecurityMode of NEGOTIATE and SESSION_SETUP; signing is always enabled."""
    mode = SecurityMode.SIGNING_ENABLED
    return mode | SecurityMode.SIGNING_REQUIRED if signing_required else mode
